# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import warnings

import pytest

from mmdiffrep.cli.terminal import BriefTerminal, ignore_host_deprecations
from mmdiffrep.testing.tiny_run import build_tiny_runner


def test_deprecations_that_hosts_log_are_in_the_file_alone(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(
        'mmdiffrep.testing.tiny_run.Runner',
        type('Brief', (BriefTerminal, build_tiny_runner.__globals__['Runner']), {}),
    )
    runner = build_tiny_runner(str(tmp_path), length=2)
    runner.logger.warning('"OldName" will be deprecated in future.')
    runner.logger.warning('The learning rate is 0.')
    output = capsys.readouterr().out
    assert 'OldName' not in output and 'The learning rate is 0.' in output
    (log,) = tmp_path.glob('*/*.log')
    assert '"OldName" will be deprecated' in log.read_text()


@pytest.mark.parametrize(
    ('module', 'shown'),
    [('mmseg.models.builder', False), ('mmcv.ops', False), ('mmown.part', True), ('mine', True)],
)
def test_hosts_do_not_warn_of_their_own_calls(module, shown):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter('always')
        ignore_host_deprecations()
        warnings.warn_explicit('``f`` would be deprecated soon', UserWarning, 'f.py', 1, module)
    assert bool(caught) is shown

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The benchmark of matching: both forms find the same pixels."""

from pathlib import Path

import pytest
import torch

TOOLS = Path(__file__).parents[2] / 'tools'


@pytest.fixture
def tool(import_tool, monkeypatch):
    monkeypatch.syspath_prepend(str(TOOLS / 'benchmarks'))
    return import_tool('matching')


def test_both_forms_agree(tool):
    pair = tool.random_pair(channels=8, cells=6, size=(30, 40), num_points=5)
    assert pair.points[:, 0].max() < 40 and pair.points[:, 1].max() < 30
    found, cosines = tool.here(pair)
    expected, expected_cosines = tool.published(pair)
    assert torch.equal(found, expected.float())
    torch.testing.assert_close(cosines, expected_cosines)


def test_it_prints_times_and_peaks(tool, monkeypatch, capsys):
    monkeypatch.setattr(
        'sys.argv', 'matching.py --channels 8 --cells 6 --size 30 40 --points 5'.split()
    )
    monkeypatch.setattr(tool.multiprocessing, 'get_context', lambda _: Here)
    tool.main()
    lines = capsys.readouterr().out.splitlines()
    assert '5 equal matches' in lines[0]
    assert [line.split(':')[0] for line in lines[1:]] == ['published', 'here']


class Here:
    """Runs the calls for another process in this one."""

    Pool = staticmethod(lambda _: Here())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return False

    def apply(self, function, args):
        return function(*args)

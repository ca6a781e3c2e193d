# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import runpy
from pathlib import Path

TOOL = Path(__file__).parents[2] / 'tools' / 'prepare_data' / 'wflw.py'


def test_missing_download_is_one_clear_message(tmp_path, capsys):
    tool = runpy.run_path(str(TOOL))
    assert tool['main']([str(tmp_path / 'nowhere')]) == 1
    message = capsys.readouterr().err
    assert message.startswith('error: WFLW: not found:')
    assert str(tmp_path / 'nowhere' / 'WFLW_images') in message
    assert 'https://wywu.github.io/projects/LAB/WFLW.html' in message


def test_interrupted_it_says_how_to_go_on(tmp_path, capsys):
    tool = runpy.run_path(str(TOOL))

    def interrupt(*_):
        raise KeyboardInterrupt

    tool['main'].__globals__['prepare_wflw'] = interrupt
    assert tool['main']([str(tmp_path)]) == 130
    assert capsys.readouterr().err == 'Interrupted; the same command goes on from here.\n'

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def demo(import_tool):
    return import_tool('demo_match')


def test_drawn_faces_without_a_file(demo, tmp_path, capsys):
    out = tmp_path / 'folder' / 'match.png'
    assert demo.main(['--out', str(out), '--taps', 'dec.1']) == 0
    assert Image.open(out).size == (3 * 384 + 24, 384)
    assert len(capsys.readouterr().out.splitlines()) == len(demo.LANDMARKS) + 1


def test_two_files_and_points(demo, tmp_path, capsys):
    for name in 'ab':
        pixels = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f'{name}.png')
    files = [str(tmp_path / 'a.png'), str(tmp_path / 'b.png')]
    options = ['--taps', 'mid', '--out', str(tmp_path / 'match.png')]
    assert demo.main([*files, '--points', '3,4;50,20', *options]) == 0
    assert '3.0     4.0 ->' in capsys.readouterr().out
    assert demo.main([*files, '--points', '3,4;500,20', *options]) == 1
    assert 'outside the source image of 60 x 40' in capsys.readouterr().err
    assert demo.main([*files, '--points', '3;4', *options]) == 1
    assert '--points must look like' in capsys.readouterr().err
    assert demo.main([files[0], str(tmp_path / 'c.png'), *options]) == 1
    assert 'c.png' in capsys.readouterr().err
    with pytest.raises(SystemExit):
        demo.main([files[0]])


def test_the_page_is_served(demo, capsys, monkeypatch):
    pytest.importorskip('werkzeug')
    from mmdiffrep.app import PageServer

    served = []

    class Served:
        host, port = '127.0.0.1', 1234

        def serve_forever(self):
            served.append(self)
            raise KeyboardInterrupt

    monkeypatch.setattr(PageServer, 'bind', lambda self, port: Served())
    assert demo.main(['--app', '--port', '0']) == 0
    assert served and 'http://127.0.0.1:1234' in capsys.readouterr().out
    monkeypatch.setattr(demo, 'find_spec', lambda name: None)
    assert demo.main(['--app']) == 1
    assert 'pip install mmdiffrep[app]' in capsys.readouterr().err

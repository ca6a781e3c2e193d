# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
from mmdiffrep.apis.export_student import ExportedStudent


def test_prints_what_it_wrote(import_tool, monkeypatch, capsys, tmp_path):
    tool = import_tool('export_student')
    calls = []

    def export(config, checkpoint, out, trust):
        calls.append((config, checkpoint, out, trust))
        return ExportedStudent('a.py', 'a.pth', 'a.safetensors', 1.5e-7, 0.0)

    monkeypatch.setattr(tool, 'export_student', export)
    (tmp_path / 'c.py').touch()
    tool.main([str(tmp_path / 'c.py'), 'iter_1.pth', '--out', 'o', '--trust-checkpoint'])
    assert calls == [(str(tmp_path / 'c.py'), 'iter_1.pth', 'o', True)]
    out = capsys.readouterr().out
    for part in ('a.py', 'a.pth', 'a.safetensors', '1.5e-07'):
        assert part in out

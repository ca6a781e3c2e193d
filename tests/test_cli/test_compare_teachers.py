# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest

from mmdiffrep.cli.compare_teachers import main, parser

LINE = ['--data', 'a', '--labels', 'b', '--teachers', 'c', 'd', '--out', 'o']


def test_the_command_gives_what_was_said():
    args = parser().parse_args([*LINE, '--seeds', '2'])
    assert args.teachers == ['c', 'd'] and args.seeds == 2 and args.lr is None


def test_only_what_was_said_is_passed_on(monkeypatch, capsys):
    passed = {}
    monkeypatch.setattr(
        'mmdiffrep.apis.teacher_comparison.compare_teachers',
        lambda **options: (passed.update(options), 'the table')[1],
    )
    main([*LINE, '--iters', '5', '--lr', '0.1', '0.2'])
    assert capsys.readouterr().out == 'the table\n'
    assert passed == dict(
        data='a',
        labels='b',
        teachers=['c', 'd'],
        out='o',
        seeds=range(3),
        iters=5,
        lr=[0.1, 0.2],
    )


def test_what_has_to_be_said(capsys):
    with pytest.raises(SystemExit):
        parser().parse_args(['--data', 'a'])
    assert '--labels, --teachers, --out' in capsys.readouterr().err

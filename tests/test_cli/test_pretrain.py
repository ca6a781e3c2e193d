# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The command line of pretrain."""

import pytest

from mmdiffrep.cli import pretrain


def test_options_are_the_arguments_of_the_function(monkeypatch, capsys):
    given = {}

    def function(**options):
        given.update(options)
        return type('Result', (), {'lines': lambda self: ['one', 'two']})()

    monkeypatch.setattr('mmdiffrep.apis.pretrain', function)
    pretrain.main('photos --student a --teacher b --out c --epochs 3 --skip-bad'.split())
    assert given['data'] == 'photos' and given['student'] == 'a' and given['teacher'] == ['b']
    assert given['out'] == 'c' and given['epochs'] == 3 and given['skip_bad'] is True
    assert given['resume'] is False and 'traceback' not in given
    assert capsys.readouterr().out == 'one\ntwo\n'


def test_what_is_needed(capsys):
    with pytest.raises(SystemExit):
        pretrain.main(['photos'])
    assert '--student, --teacher, --out' in capsys.readouterr().err

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import argparse

import pytest

from mmdiffrep.utils.cfg_options import CfgOptions


def parse(*options):
    parser = argparse.ArgumentParser(exit_on_error=False)
    parser.add_argument('--cfg-options', nargs='+', action=CfgOptions)
    return parser.parse_args(['--cfg-options', *options]).cfg_options


def test_values_are_read_as_mmengine_reads_them():
    found = parse('a.b=1', 'c=0.5', 'd=true', 'e=None', 'f=[1, 2]', 'g=x,y', 'h=[(1, a),[b]]')
    assert found == {
        'a.b': 1, 'c': 0.5, 'd': True, 'e': None, 'f': [1, 2], 'g': ['x', 'y'],
        'h': [(1, 'a'), ['b']],
    }  # fmt: skip
    braces = dict(a='epoch_{}.pth', b='{epoch:03d}.pth', c=['{a}', '{b}'])
    assert parse('a=epoch_{}.pth', 'b={epoch:03d}.pth', 'c={a},{b}', 'd=x=y') == braces | {
        'd': 'x=y'
    }


def test_spaces_in_paths_stay():
    assert parse('a=/data/my  photos') == {'a': '/data/my  photos'}
    assert parse('a=/data/photos (1)') == {'a': '/data/photos (1)'}
    assert parse('a=/data/photos (1), b c') == {'a': ['/data/photos (1)', 'b c']}
    assert parse('a=[/data/photos (1), b]') == {'a': ['/data/photos (1)', 'b']}
    assert parse('a=x, [ 1, 2 ]', 'b=[ (1, 2) , x y ]') == {
        'a': ['x', [1, 2]], 'b': [(1, 2), 'x y'],
    }  # fmt: skip
    assert parse('a=[my photos, b]', "b='x y'") == {'a': ['my photos', 'b'], 'b': 'x y'}


@pytest.mark.parametrize(
    ('option', 'message'),
    [
        ('batch_size', 'expected KEY=VALUE'),
        ('=3', 'expected KEY=VALUE'),
        ("model.backbone={'depth': 18}", r'key by key, such as model\.backbone\.depth=18'),
        ('model.backbone=dict(depth=18)', 'key by key'),
        ('a=[dict(type=X)]', 'key by key'),
        ("a=[1, {'b':1}]", 'key by key'),
        ('a=[1,2', 'brackets do not match'),
        ('a=f(1,2)', 'a comma in brackets'),
    ],
)
def test_what_mmengine_would_misread_is_an_error(option, message, capsys):
    with pytest.raises(SystemExit) as error:
        parse(option)
    assert error.value.code == 2
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(argparse.ArgumentParser, 'error', _raise)
        with pytest.raises(ValueError, match=message):
            parse(option)


def _raise(_, message):
    raise ValueError(message)

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest

from mmdiffrep.diffusion.taps import Tap, TapError, split_tap, tap_names


def test_sides():
    assert split_tap('dec.3') == split_tap('dec.3@out') == ('dec.3', 'out')
    assert split_tap('module:a.b.0@in') == ('module:a.b.0', 'in')
    assert split_tap('dift:2@in') == ('dift:2', 'in')


@pytest.mark.parametrize(
    'name', ['', 'dec', 'dec.x', 'mid.0', 'mid@on', 'mid@', 'up.3', 'module:', 'gdc:b', 'dec.1 ']
)
def test_bad_grammar(name):
    with pytest.raises(TapError, match=r'is not a tap name\..* Expected enc\.<i>'):
        split_tap(name)


def test_a_tap_name_that_is_near():
    with pytest.raises(TapError, match=r"'mdi' is not a tap name\. Did you mean mid\?"):
        split_tap('mdi')


def test_the_last_cells_may_be_filled_in_part():
    tap = Tap(channels=8, stride=4)
    assert tap.cells(16, 4) == (4, 1)
    assert tap.cells(17, 3) == (5, 1)


def test_taps_come_in_a_list():
    assert tap_names(['mid', 'dec.0']) == ('mid', 'dec.0')
    for wrong in ('mid', [], ()):
        with pytest.raises(TapError, match='must be a list of tap names'):
            tap_names(wrong)

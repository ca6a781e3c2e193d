# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import numpy as np
import pytest

from mmdiffrep.utils.checks import (
    about,
    at_least,
    distinct,
    integer,
    integers,
    list_of,
    of_shape,
    of_type,
    one_of,
    positive,
    within,
)


@pytest.mark.parametrize(
    ('check', 'good', 'bad'),
    [
        (lambda value: at_least('x', value, 1), [1, 2.5], [0.5, float('nan'), float('inf')]),
        (lambda value: positive('x', value), [1e-9, 3], [0, -1, float('nan')]),
        (lambda value: integer('x', value, 0), [0, 7], [-1]),
        (lambda value: within('x', value, 0, 1), [0, 0.5, 1], [-0.1, 1.1, float('nan')]),
        (lambda value: one_of('x', value, ('left', 'right')), ['left'], ['up', None]),
    ],
)
def test_bounds_and_choices(check, good, bad):
    assert [check(value) for value in good] == good
    for value in bad:
        with pytest.raises(ValueError, match='^x must be '):
            check(value)


@pytest.mark.parametrize('value', ['False', True, None, [1]])
def test_numbers_are_numbers(value):
    for check in (lambda: at_least('x', value, 0), lambda: integer('x', value)):
        with pytest.raises(TypeError, match='^x must be '):
            check()


def test_types():
    assert of_type('x', None, bool, type(None)) is None and of_type('x', 2, float) == 2
    with pytest.raises(TypeError, match=r"^x must be bool or None, got 'False' \(str\)\.$"):
        of_type('x', 'False', bool, type(None))


def test_the_nearest_choice_is_named():
    with pytest.raises(ValueError, match="got 'meen'. Did you mean mean"):
        one_of('pool', 'meen', ('mean', 'max'))


def test_distinct():
    values = ['a', 'b']
    assert distinct('taps', values) is values
    for wrong in ([], ['a', 'a']):
        with pytest.raises(ValueError, match=r'taps must differ from one another, got \['):
            distinct('taps', wrong)


def test_of_shape():
    images = np.zeros((2, 3, 4, 5))
    assert of_shape('images', images, 'B', 3, 'H', 'W') is images
    for dims in (('B', 1, 'H', 'W'), ('B', 3, 'H'), (2, 3, 4, 5, 'D')):
        with pytest.raises(ValueError, match=r'Expected images \(.*\), got shape \(2, 3, 4, 5\)'):
            of_shape('images', images, *dims)
    with pytest.raises(ValueError, match=r'got shape \(0, 3\)'):
        of_shape('rows', np.zeros((0, 3)), 'N', 3)


@pytest.mark.parametrize('value', [[1, 2], (1,), range(3)])
def test_a_list_of_numbers_passes(value):
    assert list_of('taps', value, int) is value


@pytest.mark.parametrize(
    ('value', 'message'),
    [
        ('mid', "taps must be a list, got 'mid'"),
        (1, 'taps must be a list, got 1'),
        ([1, 'a'], "each of taps must be int, got 'a'"),
        ([], r'taps must have at least one item, got \[\]'),
    ],
)
def test_what_is_no_list_is_named(value, message):
    with pytest.raises((TypeError, ValueError), match=message):
        list_of('taps', value, int)


def test_errors_say_which_key_they_are_about():
    with pytest.raises(KeyError, match='reward: no such thing'), about('reward'):
        raise KeyError('no such thing')
    with pytest.raises(ValueError, match='^the reward is wrong$'), about('reward'):
        raise ValueError('the reward is wrong')
    with pytest.raises(FileNotFoundError, match="No such file.*'nowhere'"), about('reward'):
        Path('nowhere').read_text()


def test_lists_of_whole_numbers():
    assert integers('widths', [1, 2]) == [1, 2] and integers('places', range(2), low=0)
    for value, error in (([], ValueError), ([0], ValueError), (3, TypeError), ([1.5], TypeError)):
        with pytest.raises(error, match='widths'):
            integers('widths', value)

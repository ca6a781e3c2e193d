# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest

from mmdiffrep.utils.arguments import check_arguments


def bake(flour, water=1, *, secret=None):
    return flour, water, secret


def test_known_arguments_pass():
    check_arguments({'flour': 1, 'water': 2, 'secret': 3}, bake, 'The oven')


def test_near_names_are_offered():
    with pytest.raises(
        ValueError, match=r"The oven has no argument 'flower'. Did you mean flour\?"
    ):
        check_arguments({'flower': 1}, bake, 'The oven')


def test_hidden_arguments_are_refused():
    with pytest.raises(ValueError, match=r'It takes: flour, water\.$'):
        check_arguments({'secret': 1}, bake, 'The oven', hidden=['secret'])


def test_required_arguments_that_are_missing_are_named():
    check_arguments({'water': 2}, bake, 'The oven')
    with pytest.raises(ValueError, match=r"The oven needs flour, got \{'water': 2\}"):
        check_arguments({'water': 2}, bake, 'The oven', complete=True)


def test_arguments_are_a_dict():
    with pytest.raises(TypeError, match=r"The oven must be dict, got 'flour' \(str\)"):
        check_arguments('flour', bake, 'The oven')

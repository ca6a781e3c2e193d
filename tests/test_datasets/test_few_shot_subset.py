# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest

from mmdiffrep.datasets.few_shot_subset import random_order
from mmdiffrep.registry import DATASETS

FACES = dict(type='mmdiffrep.ToyFacesDataset', split='train', num_images=30, task='seg')


def subset(num_images, repeat=None):
    built = DATASETS.build(
        dict(type='mmdiffrep.FewShotSubset', dataset=FACES, num_images=num_images, repeat=repeat)
    )
    return [built.get_data_info(index)['toyface'][1] for index in range(len(built))]


def test_first_images_or_a_random_draw():
    assert subset(3) == [0, 1, 2]
    draws = [subset(20, repeat) for repeat in range(5)]
    assert all(len(set(draw)) == 20 and set(draw) <= set(range(30)) for draw in draws)
    assert len({tuple(sorted(draw)) for draw in draws}) == 5
    assert subset(20, 2) == draws[2]


def test_a_smaller_draw_is_part_of_a_larger_one():
    assert subset(20, 1)[:5] == subset(5, 1)


def test_order_is_the_same_everywhere():
    assert random_order(6, 0).tolist() == random_order(6, 0).tolist()
    assert sorted(random_order(6, 3).tolist()) == list(range(6))


def test_the_data_set_stays_what_it_was():
    built = DATASETS.build(
        dict(type='mmdiffrep.FewShotSubset', dataset=FACES, num_images=2, repeat=0)
    )
    assert len(built.metainfo['classes']) == 19


def test_fewer_images_than_asked_for():
    with pytest.raises(ValueError, match=r'num_images .* must be in \[1, 30\], got 31'):
        subset(31)


@pytest.mark.parametrize(('num_images', 'repeat'), [(0, None), (2, -1)])
def test_wrong_numbers(num_images, repeat):
    with pytest.raises(ValueError, match='must be at least'):
        subset(num_images, repeat)

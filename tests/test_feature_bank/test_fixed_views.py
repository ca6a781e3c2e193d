# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import random

import numpy as np
import pytest
import torch

from mmdiffrep.feature_bank import FixedViews
from mmdiffrep.registry import DATASETS


@DATASETS.register_module(force=True)
class RandomPictures:
    """Pictures that draw from every generator of a process; each remembers what came before."""

    metainfo = dict(classes=('a',))  # noqa: RUF012

    def __len__(self):
        return 5

    def __getitem__(self, index):
        values = [index, random.random(), np.random.rand(), float(torch.rand(()))]
        return dict(inputs=torch.tensor(values).view(1, 1, 4).expand(3, 4, 4), data_samples=values)

    def get_data_info(self, index):
        return dict(img_path=f'{index}.png')


def views(**options):
    return FixedViews(dict(type='RandomPictures'), **options)


def test_a_view_is_a_function_of_seed_view_and_index():
    first = [views(num_views=3).view(i, v)['data_samples'] for i in range(5) for v in range(3)]
    random.seed(7)
    torch.manual_seed(7)
    again = [views(num_views=3).view(i, v)['data_samples'] for i in range(5) for v in range(3)]
    assert first == again
    assert len({tuple(values[1:]) for values in first}) == 15
    assert views(seed=1).view(0, 0)['data_samples'] != first[0]


def test_the_global_random_state_goes_on_as_it_was():
    random.seed(1), np.random.seed(1), torch.manual_seed(1)
    expected = random.random(), np.random.rand(), torch.rand(())
    random.seed(1), np.random.seed(1), torch.manual_seed(1)
    views().view(2, 1)
    assert (random.random(), np.random.rand(), torch.rand(())) == expected


def test_each_access_draws_one_of_the_views():
    dataset = views(num_views=3)
    known = [dataset.view(2, v)['data_samples'] for v in range(3)]
    random.seed(0)
    drawn = [known.index(dataset[2]['data_samples']) for _ in range(60)]
    assert min(drawn.count(v) for v in range(3)) > 8
    random.seed(0)
    assert drawn[:9] == [known.index(dataset[2]['data_samples']) for _ in range(9)]


def test_all_views_are_a_data_set():
    dataset = views(num_views=3)
    every = dataset.all_views()
    assert len(every) == 15
    for index in (0, 4, 14):
        expected = dataset.view(index // 3, index % 3)['data_samples']
        assert every[index]['data_samples'] == expected
    assert every.get_data_info(14) == dict(img_path='4.png')
    assert dataset.metainfo == dict(classes=('a',)) and len(dataset) == 5


def test_numbers_are_checked():
    with pytest.raises(ValueError, match='num_views must be at least 1'):
        views(num_views=0)
    with pytest.raises(FileNotFoundError, match='no feature bank'):
        views(bank='nowhere')

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
from collections import Counter
from typing import ClassVar

import pytest
from mmengine.dataset import BaseDataset
from mmengine.runner import Runner

from mmdiffrep.registry import DATASETS


@DATASETS.register_module()
class Labeled(BaseDataset):
    METAINFO: ClassVar[dict] = dict(classes=('a', 'b', 'c'))
    COUNTS = (100, 50, 10)

    def __init__(self, order=1, classes=None):
        self.order = order
        super().__init__(metainfo=dict(classes=classes or self.METAINFO['classes']))

    def load_data_list(self):
        labels = [label for label, count in enumerate(self.COUNTS) for _ in range(count)]
        return [dict(number=n, gt_label=label) for n, label in enumerate(labels)][:: self.order]


def build(fraction, seed=0, **kwargs):
    return DATASETS.build(
        dict(
            type='mmdiffrep.BalancedSubset',
            dataset=dict(type='mmdiffrep.Labeled', **kwargs),
            fraction=fraction,
            seed=seed,
        )
    )


def numbers(dataset):
    return [dataset[i]['number'] for i in range(len(dataset))]


def test_every_class_keeps_its_share():
    dataset = build(0.1)
    assert Counter(dataset[i]['gt_label'] for i in range(len(dataset))) == {0: 10, 1: 5, 2: 1}
    assert numbers(dataset) == sorted(numbers(dataset)), 'in their old order'
    assert dataset.metainfo['classes'] == ('a', 'b', 'c')


def test_the_choice_depends_on_the_seed_alone():
    assert numbers(build(0.2)) == numbers(build(0.2))
    assert numbers(build(0.2, seed=1)) != numbers(build(0.2))


def test_a_smaller_share_is_part_of_a_larger_one():
    assert set(numbers(build(0.1))) < set(numbers(build(0.3))) < set(numbers(build(1.0)))
    assert len(build(1.0)) == 160


def test_a_loader_takes_it_as_any_data_set():
    loader = dict(
        batch_size=4,
        num_workers=0,
        sampler=dict(type='DefaultSampler', shuffle=False),
        dataset=dict(
            type='mmdiffrep.BalancedSubset', dataset=dict(type='mmdiffrep.Labeled'), fraction=0.1
        ),
    )
    assert len(Runner.build_dataloader(loader)) == 4


@pytest.mark.parametrize(
    ('kwargs', 'message'),
    [
        (dict(fraction=0.0), r'fraction must be positive, got 0.0'),
        (dict(fraction=1.5), 'got 1.5'),
        (dict(fraction=0.02), r'none of the 10 images of class 2 \(c\)'),
        (
            dict(fraction=1.0, classes=('a', 'b', 'c', 'd')),
            r'none of the 0 images of class 3 \(d\)',
        ),
    ],
)
def test_an_empty_class_is_an_error(kwargs, message):
    with pytest.raises(ValueError, match=message):
        build(**kwargs)

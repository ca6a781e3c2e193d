# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
from mmengine.structures import BaseDataElement

from mmdiffrep.models.rewards import holdout_mask


def samples(count, key='img_path'):
    return [BaseDataElement(metainfo={key: f'images/{i}.png'}) for i in range(count)]


def test_share_and_order_do_not_matter():
    flags = holdout_mask(samples(2000), 0.3)
    assert 500 < flags.sum() < 700
    assert flags.flip(0).equal(holdout_mask(samples(2000)[::-1], 0.3))


def test_larger_share_holds_out_more_of_the_same():
    few, many = holdout_mask(samples(200), 0.2), holdout_mask(samples(200), 0.6)
    assert (many | ~few).all() and many.sum() > few.sum()


@pytest.mark.parametrize('key', ['sample_idx', 'img_id'])
def test_other_identities(key):
    assert len(holdout_mask(samples(3, key), 0.5)) == 3


@pytest.mark.parametrize('given', [None, [], [BaseDataElement(metainfo=dict(flip=True))]])
def test_images_without_identity_are_named(given):
    with pytest.raises(ValueError, match='img_path.*meta_keys|no data samples'):
        holdout_mask(given, 0.5)

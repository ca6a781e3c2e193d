# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import torch
from mmengine.structures import BaseDataElement
from PIL import Image

from mmdiffrep.models.matchers import VideoPropagator
from mmdiffrep.models.matchers.video_propagator import one_hot, to_mask

PROPAGATION = dict(context=2, radius=4, top_k=1, temperature=0.1)


@pytest.fixture
def video(tmp_path):
    """A textured square that moves two pixels a frame over another texture."""
    rng = np.random.default_rng(0)
    ground, square = rng.integers(0, 256, (32, 32, 3)), rng.integers(0, 256, (12, 12, 3))
    frames, masks = [], []
    for number in range(4):
        image, mask = ground.astype(np.uint8), np.zeros((32, 32), np.uint8)
        left = 4 + 2 * number
        image[10:22, left : left + 12], mask[10:22, left : left + 12] = square, 255
        for kind, array, paths in (('frame', image, frames), ('mask', mask, masks)):
            paths.append(str(tmp_path / f'{kind}{number}.png'))
            Image.fromarray(array).save(paths[-1])
    return BaseDataElement(metainfo=dict(sequence='square', frames=frames, masks=masks))


def iou(predicted, path):
    true = np.array(Image.open(path)) > 0
    predicted = predicted.numpy() > 0
    return (predicted & true).sum() / (predicted | true).sum()


def test_the_object_is_followed(video):
    model = VideoPropagator(dict(kind='rgb_patches', patch=3, size=32), PROPAGATION)
    (sample,) = model({}, [video])
    assert sample.pred_masks.shape == (4, 32, 32)
    followed = iou(sample.pred_masks[3], video.masks[3])
    (kept,) = VideoPropagator(dict(kind='same_position'))({}, [video.clone()])
    assert followed > 0.65 > 0.5 > iou(kept.pred_masks[3], video.masks[3])


def test_labels_survive_the_way_to_cells_and_back():
    mask = torch.zeros(16, 24, dtype=torch.long)
    mask[4:12, 8:16] = 2
    labels = one_hot(mask, (8, 12))
    assert labels.shape == (3, 8, 12) and torch.equal(labels.sum(0), torch.ones(8, 12))
    back = to_mask(labels, mask.shape)
    assert back.dtype == torch.uint8 and (back == mask).float().mean() > 0.95


def test_bad_arguments():
    with pytest.raises(ValueError, match="has no argument 'topk'. Did you mean top_k"):
        VideoPropagator(dict(kind='same_position'), dict(topk=3))
    with pytest.raises(ValueError, match='radius must be at least 0'):
        VideoPropagator(dict(kind='same_position'), dict(radius=-1))

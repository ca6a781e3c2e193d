# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Nearest neighbors of labeled images during a run."""

import numpy as np
import pytest
import torch
from PIL import Image

from mmdiffrep.apis import pretrain
from mmdiffrep.engine.hooks.knn_probe_hook import read_classes
from mmdiffrep.testing import tiny_teacher

STUDENT = dict(type='mmseg.ResNet', depth=18, base_channels=4, stem_channels=4)


@pytest.fixture
def labeled(tmp_path):
    folder = tmp_path / 'labeled'
    for label, color in enumerate(('red', 'green')):
        (folder / color).mkdir(parents=True)
        for index in range(6):
            pixels = np.random.default_rng(index).integers(0, 90, (40, 30, 3)).astype(np.uint8)
            pixels[..., label] += 160
            Image.fromarray(pixels).save(folder / color / f'{index}.png')
    return folder


def run(labeled, out, **options):
    options = dict(epochs=4, num_workers=0, size=32) | options
    return pretrain(labeled, STUDENT, tiny_teacher(100), out, **options)


def test_it_measures_and_changes_nothing(labeled, tmp_path):
    run(labeled, tmp_path / 'a', probe=labeled)
    run(labeled, tmp_path / 'b')
    first, second = (torch.load(tmp_path / x / 'student.pth', weights_only=True) for x in 'ab')
    assert all(torch.equal(first[name], second[name]) for name in first)
    (log,) = (tmp_path / 'a').glob('*/*.log')
    assert '% of 12 images are classified right' in log.read_text()


def test_images_are_cut_to_their_middle_square(labeled):
    images, labels = read_classes(str(labeled), 16)
    assert images.shape == (12, 3, 16, 16) and images.dtype == torch.uint8
    assert labels.tolist() == [0] * 6 + [1] * 6  # green before red
    assert images[0, 1].float().mean() > 150 > images[0, 0].float().mean()


def test_one_class_is_not_enough(labeled):
    with pytest.raises(ValueError, match='at least two'):
        read_classes(str(labeled / 'red'), 16)

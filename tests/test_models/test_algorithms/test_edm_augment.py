# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import math

import pytest
import torch
import torchvision.transforms.functional as TF
from torchvision.transforms import InterpolationMode

from mmdiffrep.models.algorithms.edm_augment import NUM_DRAWS, NUM_LABELS, GeometricAugment

# Columns of the uniform numbers, in their order.
MIRROR, TUMBLE, TUMBLE_GATE, SCALE, SCALE_GATE, TURN, TURN_GATE = range(7)
STRETCH, STRETCH_GATE, DIRECTION, AXIS_GATE, SHIFT_X, SHIFT_Y, SHIFT_GATE = range(7, 14)
OFF, ON = 0.99, 0.01


def smooth_images(num=1, side=32):
    """Images whose content is soft and far from the border."""
    line = torch.linspace(-1, 1, side)
    y, x = torch.meshgrid(line, line, indexing='ij')
    spot = torch.exp(-((x - 0.1) ** 2 + (1.5 * y + 0.15) ** 2) / 0.1)
    return (2 * spot - 1).expand(num, 3, side, side).contiguous()


def draws(**columns):
    uniform = torch.full((1, NUM_DRAWS), OFF, dtype=torch.float64)
    for name, value in columns.items():
        uniform[0, globals()[name]] = value
    return uniform


def probability(normal):
    return float(torch.special.ndtr(torch.tensor(normal, dtype=torch.float64)))


augment = GeometricAugment(0.12)


def test_nothing_is_done_where_nothing_is_drawn():
    images = smooth_images()
    same, labels = augment(images, draws())
    assert torch.equal(same, images)
    assert labels.shape == (1, NUM_LABELS) and not labels.any()


def test_flips_keep_the_pixels():
    images = smooth_images()
    flipped, labels = augment(images, draws(MIRROR=ON))
    assert torch.equal(flipped, images.flip(3))
    assert labels.tolist() == [[1] + [0] * 8]
    flipped, labels = augment(images, draws(TUMBLE=ON, TUMBLE_GATE=ON))
    assert torch.equal(flipped, images.flip(2))
    assert labels.tolist() == [[0, 1] + [0] * 7]


@pytest.mark.parametrize(
    ('columns', 'affine', 'expected'),
    [
        (
            dict(SCALE=probability(1.5), SCALE_GATE=ON),
            dict(angle=0, translate=[0, 0], scale=2**0.3),
            {2: 1.5},
        ),
        (
            dict(TURN=0.5 + 30 / 360, TURN_GATE=ON),
            dict(angle=-30, translate=[0, 0], scale=1),
            {3: math.cos(math.pi / 6) - 1, 4: 0.5},
        ),
        (
            dict(SHIFT_X=probability(0.5), SHIFT_Y=probability(-1.0), SHIFT_GATE=ON),
            dict(angle=0, translate=[2, -4], scale=1),
            {7: 0.5, 8: -1.0},
        ),
    ],
)
def test_transforms_are_those_of_torchvision(columns, affine, expected):
    images = smooth_images()
    ours, labels = augment(images, draws(**columns))
    theirs = TF.affine(
        images, shear=[0, 0], interpolation=InterpolationMode.BILINEAR, fill=-1, **affine
    )
    inner = (slice(None), slice(None), slice(6, -6), slice(6, -6))
    assert (ours[inner] - theirs[inner]).abs().max() < 0.1  # bicubic and bilinear
    assert (ours - images).abs().max() > 0.3
    wanted = torch.zeros(NUM_LABELS)
    for index, value in expected.items():
        wanted[index] = value
    torch.testing.assert_close(labels[0], wanted, atol=1e-5, rtol=0)


def test_a_stretch_keeps_the_area_and_has_a_direction():
    images = smooth_images(side=64)
    columns = dict(STRETCH=probability(1.0), STRETCH_GATE=ON)
    wide, labels = augment(images, draws(**columns))
    torch.testing.assert_close(labels[0, 5:7], torch.tensor([1.0, 0.0]), atol=1e-5, rtol=0)
    spread = [spreads(batch) for batch in (images, wide)]
    assert spread[1][0] / spread[0][0] == pytest.approx(2**0.2, rel=0.02)
    assert spread[1][1] / spread[0][1] == pytest.approx(2**-0.2, rel=0.02)
    tall, labels = augment(images, draws(**columns, DIRECTION=0.75, AXIS_GATE=ON))
    torch.testing.assert_close(labels[0, 5:7], torch.tensor([0.0, 1.0]), atol=1e-5, rtol=0)
    assert spreads(tall)[0] / spread[0][0] == pytest.approx(2**-0.2, rel=0.02)


def spreads(images):
    """Standard deviations of the spot along x and y."""
    weight = (images[0, 0] + 1).clamp(min=0)
    line = torch.arange(len(weight), dtype=torch.float)
    result = []
    for marginal in (weight.sum(0), weight.sum(1)):
        marginal = marginal / marginal.sum()
        mean = (marginal * line).sum()
        result.append(float((marginal * (line - mean) ** 2).sum().sqrt()))
    return result


def test_transforms_are_drawn_as_often_as_told():
    uniform = torch.rand(4000, NUM_DRAWS, generator=torch.Generator().manual_seed(0)).double()
    images, labels = augment(torch.zeros(4000, 1, 2, 2), uniform)
    share = (labels != 0).double().mean(0)
    expected = torch.tensor([0.5, 0.06, 0.12, 0.12, 0.12, 0.12, 0.06, 0.12, 0.12]).double()
    assert (share - expected).abs().max() < 0.03
    assert images.shape == (4000, 1, 2, 2)


@pytest.mark.parametrize('prob', [-0.1, 0, 1.5])
def test_no_probability(prob):
    with pytest.raises(ValueError, match=rf'augment_prob must be in \(0, 1\], got {prob}'):
        GeometricAugment(prob)

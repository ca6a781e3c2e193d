# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""EDM's geometric augmentation, a condition of the network (Karras et al. 2022, appendix F.2)."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from mmdiffrep.utils.checks import within

NUM_LABELS = 9
NUM_DRAWS = 14
_SCALE_STD = 0.2  # official, in octaves; also of the stretch
_SHIFT_STD = 0.125  # official, in image sides


class GeometricAugment:
    """Flip, scale, rotate, stretch and shift images, and return the transform as nine labels.

    Half of the images are flipped left to right. Each other transform is drawn with probability
    ``prob``: a flip upside down (for half of the drawn images), a scale ``2^(0.2 n)``, a rotation
    by any angle, a stretch ``2^(0.2 n)`` along a direction (half of the time the x axis), and a
    shift of ``0.125 n`` image sides, n standard normal. Parameters and labels are EDM's and DDAE's.

    The image is resampled once, bicubically and mirrored at its border; the official code does so
    at twice the resolution with a wavelet filter. Images that are only flipped keep their pixels.

    Args:
        prob: Probability of each transform. Official: 0.12 for CIFAR-10 and DDAE.

    Raises:
        ValueError: Not a probability.
    """

    def __init__(self, prob: float) -> None:
        self.prob = within('augment_prob', prob, 0, 1, open_low=True)

    def __call__(self, images: Tensor, uniform: Tensor) -> tuple[Tensor, Tensor]:
        """Transform a batch.

        Args:
            images: Square images (B, C, S, S) in [-1, 1].
            uniform: (B, 14) uniform numbers in (0, 1), on the CPU.

        Returns:
            The images, and (B, 9) labels, zero for an unchanged image: flip left to right, flip
            upside down, octaves of scale / 0.2, cos(angle) - 1, sin(angle), octaves of stretch /
            0.2 times cos and sin of its direction, shifts / 0.125.
        """
        columns = iter(uniform.T)

        def drawn() -> Tensor:
            return (next(columns) < self.prob).double()

        def normal() -> Tensor:
            return torch.special.ndtri(next(columns))

        def angle() -> Tensor:
            return (next(columns) * 2 - 1) * math.pi

        mirror = (next(columns) < 0.5).double()
        tumble = (next(columns) < 0.5).double() * drawn()
        scale = normal() * drawn()
        turn = angle() * drawn()
        stretch = normal() * drawn()
        direction = angle() * (next(columns) < 0.5)
        shift = torch.stack([normal(), normal()], dim=1) * drawn()[:, None]

        place = _rotation(turn) * (2 ** (-_SCALE_STD * scale))[:, None, None]
        squeeze = torch.diag_embed(2 ** (_SCALE_STD * torch.stack([-stretch, stretch], dim=1)))
        place = place @ _rotation(-direction) @ squeeze @ _rotation(direction)
        offset = -place @ (2 * _SHIFT_STD * shift)[:, :, None]  # [-1, 1] is two halves of an image
        moved = (scale != 0) | (turn != 0) | (stretch != 0) | (shift != 0).any(dim=1)

        labels = torch.stack(
            [
                mirror,
                tumble,
                scale,
                turn.cos() - 1,
                turn.sin(),
                stretch * direction.cos(),
                stretch * direction.sin(),
                *shift.T,
            ],
            dim=1,
        )
        images = _flip(images, mirror, 3)
        images = _flip(images, tumble, 2)
        images = _resample(images, torch.cat([place, offset], dim=2), moved)
        return images, labels.to(images.device, torch.float32)


def _rotation(angle: Tensor) -> Tensor:
    """Return matrices (B, 2, 2) that rotate points (x, y)."""
    cos, sin = angle.cos(), angle.sin()
    return torch.stack([cos, -sin, sin, cos], dim=1).view(-1, 2, 2)


def _flip(images: Tensor, chosen: Tensor, dim: int) -> Tensor:
    mask = chosen.bool().to(images.device).view(-1, 1, 1, 1)
    return torch.where(mask, images.flip(dim), images)


def _resample(images: Tensor, matrices: Tensor, moved: Tensor) -> Tensor:
    """Resample the moved images by the affine matrices (B, 2, 3) of their source points."""
    rows = moved.nonzero()[:, 0]
    if not len(rows):
        return images
    theta = matrices[rows].to(images.device, images.dtype)
    rows = rows.to(images.device)
    chosen = images[rows]
    grid = F.affine_grid(theta, list(chosen.shape), align_corners=False)
    read = F.grid_sample(
        chosen, grid, mode='bicubic', padding_mode='reflection', align_corners=False
    )
    return images.index_copy(0, rows, read.clamp(-1, 1))

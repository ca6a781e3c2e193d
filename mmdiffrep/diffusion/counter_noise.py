# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Normal noise as a function of a key per image, in tensor operations on the images' device.

There is no generator and no state: the number at a place is a hash of (key, place). So it does not
depend on batch, order or process, needs no copy between host and device, and can be compiled and
captured in a CUDA graph. The hashed integers are the same on every device; the normal numbers are
too, up to the rounding of the device's logarithm and cosine.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

# Of splitmix64 (Steele, Lea and Flood 2014), as signed integers: products wrap around.
_GOLDEN = 0x9E3779B97F4A7C15 - 2**64
_FIRST = 0xBF58476D1CE4E5B9 - 2**64
_SECOND = 0x94D049BB133111EB - 2**64
_BITS = 24  # of a uniform number: what float32 holds


def counter_normal(keys: Tensor, shape: Sequence[int]) -> Tensor:
    """Return standard normal numbers, a function of the keys.

    Args:
        keys: int64 (B,), one per image.
        shape: Of the numbers of an image.

    Returns:
        float32 (B, *shape) on the device of the keys.
    """
    count = math.prod(shape)
    places = torch.arange(-(-count // 2), device=keys.device)
    bits = _mix(_mix(keys)[:, None] + places * _GOLDEN)
    # Box-Muller: two uniform numbers give two normal ones.
    radius = (-2 * ((_top(bits, 0) + 0.5) / 2**_BITS).log()).sqrt()
    angle = _top(bits, _BITS) * (2 * math.pi / 2**_BITS)
    pairs = torch.stack([radius * angle.cos(), radius * angle.sin()], dim=2)
    return pairs.flatten(1)[:, :count].reshape(len(keys), *shape)


def content_keys(images: Tensor, seed: int) -> Tensor:
    """Return a key per image, a hash of its pixels rounded to 8 bits, of its shape and of a seed.

    Args:
        images: (B, C, H, W) in [-1, 1].
        seed: Another one gives other keys for the same image.

    Returns:
        int64 (B,) on the device of the images.
    """
    levels = ((images.detach().float().clamp(-1, 1) + 1) * 127.5).round().long().flatten(1)
    places = torch.arange(levels.shape[1], device=images.device)
    # A sum of hashes of (place, level), which does not depend on the order of adding.
    hashed = _mix(places * 256 + levels).sum(dim=1)
    for value in (*images.shape[1:], seed):
        hashed = _mix(hashed + (int(value) * _GOLDEN + 2**63) % 2**64 - 2**63)
    return hashed


def _mix(values: Tensor) -> Tensor:
    """Scramble the bits of integers (splitmix64)."""
    values = values + _GOLDEN
    values = (values ^ _shifted(values, 30)) * _FIRST
    values = (values ^ _shifted(values, 27)) * _SECOND
    return values ^ _shifted(values, 31)


def _shifted(values: Tensor, bits: int) -> Tensor:
    """Shift to the right, zeros coming in; torch's shift keeps the sign."""
    return (values >> bits) & (2 ** (64 - bits) - 1)


def _top(values: Tensor, skipped: int) -> Tensor:
    """Return the uppermost bits behind some skipped ones, as float32."""
    return (_shifted(values, 64 - _BITS - skipped) & (2**_BITS - 1)).float()

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Features of images, from any diffusion model, in two lines."""

import warnings
from collections.abc import Sequence

import torch
from torch import Tensor

from mmdiffrep.diffusion.checkpoints import as_dtype
from mmdiffrep.diffusion.denoisers import Denoiser, load_denoiser
from mmdiffrep.diffusion.features import read_features, resolve_timesteps
from mmdiffrep.diffusion.noise import build_noise
from mmdiffrep.diffusion.taps import tap_names

_OVERSHOOT = 0.05  # interpolation may leave [-1, 1] a little


class FeatureExtractor:
    """Reads feature maps of a frozen diffusion model.

    Example:
        >>> extract = FeatureExtractor('google/ddpm-celebahq-256', ['mid', 'dec.8'], [50, 150])
        >>> features = extract(images)  # (B, 3, 256, 256), RGB in [-1, 1]
        >>> features[50, 'mid'].shape
        torch.Size([B, 512, 8, 8])

    Args:
        model: Diffusers folder, hub id, ``mmdiffrep://<name>`` or config, see
            :func:`~mmdiffrep.diffusion.denoisers.load_denoiser`, which is truncated after the last
            tap; or a :class:`~mmdiffrep.diffusion.denoisers.Denoiser`, which is frozen, moved to
            ``device`` and ``dtype`` and otherwise left as it is.
        taps: What to read, see :mod:`mmdiffrep.diffusion.taps`.
        timesteps: Timesteps of the model's schedule.
        noise_levels: Standard deviations of the noise in (0, 1), instead of ``timesteps``.
        noise: Noise source, see :func:`~mmdiffrep.diffusion.noise.build_noise`. ``'shared'``: one
            draw for all images.
        device: Where the model runs; None: where it is (a loaded one: the CPU).
        dtype: Precision of weights and features, e.g. ``torch.bfloat16`` or ``'bfloat16'``; None:
            as loaded (float32).
        batch_size: Images per forward pass, each at all timesteps; None: all that are given. Only
            memory depends on it, unless the noise is ``'fresh'``.

    Raises:
        FileNotFoundError: No such model.
        TapError: Unknown taps, or taps behind the cut of a truncated denoiser.
        ValueError: Timesteps out of range, both or neither of ``timesteps`` and
            ``noise_levels``, an unknown ``dtype``, or a ``batch_size`` below 1.
    """

    def __init__(
        self,
        model: str | dict | Denoiser,
        taps: Sequence[str],
        timesteps: Sequence[int] | None = None,
        noise_levels: Sequence[float] | None = None,
        noise: str | dict = 'shared',
        device: None | str | torch.device = None,
        dtype: None | str | torch.dtype = None,
        batch_size: int | None = None,
    ) -> None:
        if batch_size is not None and batch_size < 1:
            raise ValueError(f'batch_size must be at least 1, got {batch_size}.')
        dtype = None if dtype is None else as_dtype(dtype)
        self.taps = tap_names(taps)
        self.batch_size = batch_size
        denoiser = model if isinstance(model, Denoiser) else load_denoiser(model, taps=self.taps)
        self.tap_table = {tap: denoiser.taps[tap] for tap in self.taps}
        self.timesteps = resolve_timesteps(denoiser.schedule, timesteps, noise_levels)
        self.noise = build_noise(noise)
        self.denoiser = denoiser.freeze().to(device=device, dtype=dtype)

    @torch.no_grad()
    def __call__(
        self, images: Tensor, labels: Tensor | None = None
    ) -> dict[tuple[int, str], Tensor]:
        """Compute features.

        Args:
            images: (B, 3, H, W) RGB in [-1, 1], on any device. They are not resized: a model works
                best at the size it was trained on, ``extractor.denoiser.image_size``.
            labels: (B,) classes for a class-conditional model, else None.

        Returns:
            ``{(timestep, tap): (B, C, h, w)}`` on the model's device, all taps of the first
            timestep first.

        Raises:
            ValueError: Images of another shape or range, or a side that does not divide by the
                model's largest stride.
        """
        _check_range(images)
        device = next(self.denoiser.parameters()).device
        size = self.batch_size or max(len(images), 1)
        parts = []
        for start in range(0, len(images), size):
            chosen = slice(start, start + size)
            cond = None if labels is None else labels[chosen].to(device)
            x0 = images[chosen].to(device, torch.float32)
            parts.append(
                read_features(self.denoiser, x0, self.timesteps, self.taps, self.noise, cond)
            )
        return {key: torch.cat([part[key] for part in parts]) for key in parts[0]}


def _check_range(images: Tensor) -> None:
    if images.ndim != 4 or images.shape[1] != 3 or not len(images):
        raise ValueError(f'Expected images (B, 3, H, W), got shape {tuple(images.shape)}.')
    low, high = float(images.min()), float(images.max())
    if low < -1 - _OVERSHOOT or high > 1 + _OVERSHOOT or not low <= high:
        raise ValueError(
            f'Expected RGB images in [-1, 1], got values in {low:.4g} .. {high:.4g}. '
            'For 0 .. 255 images: images / 127.5 - 1.'
        )
    if low >= 0 and high > low:
        warnings.warn(
            f'The images lie in {low:.3g} .. {high:.3g}, where [-1, 1] is expected; if they are in '
            '[0, 1], give images * 2 - 1.',
            stacklevel=3,
        )

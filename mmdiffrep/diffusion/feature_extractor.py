# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Features of images, from any diffusion model, in two lines."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from mmdiffrep.diffusion.compiled import Compile
from mmdiffrep.diffusion.condition import Cond, as_condition
from mmdiffrep.diffusion.denoisers.feature_model import FeatureModel
from mmdiffrep.diffusion.features import MapKey, frozen_denoiser, read_features
from mmdiffrep.diffusion.images import Images, check_unit_range, to_batch
from mmdiffrep.diffusion.memory import MemoryLimit
from mmdiffrep.diffusion.noise import NoiseSource, build_noise, check_draws
from mmdiffrep.diffusion.taps import tap_names
from mmdiffrep.diffusion.timesteps import resolve_timesteps
from mmdiffrep.diffusion.weights import as_dtype
from mmdiffrep.utils.checks import about, integer


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
            tap; or a :class:`~mmdiffrep.diffusion.FeatureModel`, which is frozen, moved to
            ``device`` and otherwise left as it is.
        taps: What to read, see :mod:`mmdiffrep.diffusion.taps`.
        timesteps: Timesteps of the model's schedule.
        noise_levels: Standard deviations of the noise in (0, 1), instead of ``timesteps``.
        noise: Noise source, see :func:`~mmdiffrep.diffusion.noise.build_noise`. ``'shared'``: one
            draw for all images.
        device: Where the model runs; None: where it is (a loaded one: the CPU).
        dtype: Type of the features, e.g. ``torch.bfloat16`` or ``'bfloat16'``, which is also the
            ``precision`` unless that is given; None: float32.
        batch_size: Images per forward pass, each at all timesteps; None: all that are given. Only
            memory depends on it, unless the noise is ``'fresh'``.
        precision: What the model computes in: ``'auto'``, ``'float32'``, ``'bfloat16'`` or
            ``'float16'``; None: float32 on a CPU, ``'auto'`` on a GPU. See
            :class:`~mmdiffrep.diffusion.precision.FrozenPrecision`.
        prompt: What the images are said to show, for Stable Diffusion and other models of text;
            None: the empty prompt.
        draws: Features are averaged over this many draws of the noise (DIFT: 8); the image of a
            latent model is encoded once.
        memory_gb: Limit in GiB for weights and passes: images, timesteps and draws are read in
            parts that fit, with the same features up to rounding, see
            :class:`~mmdiffrep.diffusion.memory.MemoryLimit`. None: no limit but ``batch_size``.
        compile: Compile the model's passes, True or arguments of ``torch.compile``: the first call
            takes a minute or so, each further one less time, and features differ by rounding.

    Raises:
        FileNotFoundError: No such model.
        TapError: Unknown taps, or taps after the cut of a truncated denoiser.
        ValueError: Timesteps out of range, both or neither of ``timesteps`` and
            ``noise_levels``, an unknown ``dtype`` or ``precision``, a ``batch_size`` below 1, or a
            ``memory_gb`` that not even one image fits into.
    """

    def __init__(
        self,
        model: str | Mapping[str, Any] | FeatureModel,
        taps: Sequence[str],
        timesteps: Sequence[int] | None = None,
        noise_levels: Sequence[float] | None = None,
        noise: str | Mapping[str, Any] | NoiseSource = 'shared',
        device: None | str | torch.device = None,
        dtype: None | str | torch.dtype = None,
        batch_size: int | None = None,
        precision: str | None = None,
        prompt: str | None = None,
        draws: int = 1,
        memory_gb: float | None = None,
        compile: Compile = False,
    ) -> None:
        self.memory = None if memory_gb is None else MemoryLimit(memory_gb)
        self.batch_size = None if batch_size is None else integer('batch_size', batch_size, 1)
        self.dtype = torch.float32 if dtype is None else as_dtype(dtype)
        if dtype is not None and precision is None:
            precision = str(self.dtype).removeprefix('torch.')
        self.taps = tap_names(taps)
        self.noise = build_noise(noise)
        with about('model'):
            denoiser = frozen_denoiser(model, self.taps, precision, prompt, compile=compile)
            self.denoiser = denoiser.to(device)
        self.draws = check_draws(draws, self.noise)
        self.tap_table = {tap: self.denoiser.taps[tap] for tap in self.taps}
        self.timesteps = resolve_timesteps(self.denoiser.schedule, timesteps, noise_levels)
        self.denoiser.settle_precision()

    def __call__(self, images: Images, labels: Cond = None) -> dict[MapKey, Tensor]:
        """Compute features.

        Args:
            images: (B, 3, H, W) RGB in [-1, 1], on any device; or one image (3, H, W). 8-bit
                images may be given as they are: PIL images, and arrays and tensors of uint8, RGB,
                of shape (H, W, 3) or (3, H, W); or a list of images of one size. They are not
                resized: a model works best at the size it was trained on,
                ``extractor.denoiser.image_size``.
            labels: (B,) classes for a class-conditional model, or any other
                :class:`~mmdiffrep.diffusion.condition.Condition`; None: the model's own.

        Returns:
            ``{(timestep, tap): (B, C, h, w)}`` on the model's device, all taps of the first
            timestep first.

        Raises:
            TypeError: Something other than images.
            ValueError: Images of another shape or range, or a side that does not divide by the
                model's largest stride.
        """
        batch = to_batch(images)
        check_unit_range(batch)
        return self.read(batch, labels, partial(Tensor.to, dtype=self.dtype))

    @torch.no_grad()
    def read(
        self,
        images: Tensor,
        labels: Cond = None,
        finish: Callable[[Tensor], Tensor] = Tensor.float,
    ) -> dict[MapKey, Tensor]:
        """Compute features of a batch whose shape and range are known to be right.

        Args:
            images: (B, 3, H, W) RGB in [-1, 1].
            labels: See :meth:`__call__`.
            finish: What is made of the maps (B, C, h, w) of a pass before the next one.

        Returns:
            ``{(timestep, tap): finish(maps)}``, all passes concatenated.
        """
        device = next(self.denoiser.parameters()).device
        condition = as_condition(labels)
        size = self.batch_size or max(len(images), 1)
        if self.memory is not None:
            fitting = self.memory.sizes(self.denoiser, self.taps, *images.shape[2:]).rows
            size = min(size, max(1, fitting // len(self.timesteps)))
        parts = []
        for start in range(0, len(images), size):
            chosen = slice(start, start + size)
            cond = None if condition is None else condition[chosen].to(device)
            x0 = images[chosen].to(device, torch.float32)
            parts.append(
                read_features(
                    self.denoiser,
                    x0,
                    self.timesteps,
                    self.taps,
                    self.noise,
                    cond,
                    finish=finish,
                    draws=self.draws,
                    memory=self.memory,
                )
            )
        return {key: torch.cat([part[key] for part in parts]) for key in parts[0]}

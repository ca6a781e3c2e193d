# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The frozen diffusion model that a student learns from."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from mmdiffrep.diffusion.compiled import Compile
from mmdiffrep.diffusion.features import frozen_denoiser, read_features_at
from mmdiffrep.diffusion.input_range import DenoiserInput
from mmdiffrep.diffusion.memory import MemoryLimit
from mmdiffrep.diffusion.noise import build_noise, check_draws
from mmdiffrep.diffusion.sharding import shard_weights
from mmdiffrep.diffusion.weights import hash_weights
from mmdiffrep.models.teachers import early_check
from mmdiffrep.models.teachers.base import Teacher
from mmdiffrep.registry import MODELS
from mmdiffrep.utils.checks import integer, of_type, one_of
from mmdiffrep.utils.random_streams import Generators
from mmdiffrep.utils.random_weights import draw_weights


@MODELS.register_module()
class DPMTeacher(Teacher):
    """Reads the taps of a truncated denoiser, every image at its own timestep.

    Args:
        denoiser (str or dict): Folder, hub id or config, see
            :func:`mmdiffrep.diffusion.denoisers.load_denoiser`.
        taps (sequence of str): What to read; the network is cut after the last of them.
        mean (sequence of float, optional): The host's normalization, 0..255 scale, in the
            channel order of its tensors. Defaults to None: not normalized.
        std (sequence of float, optional): See ``mean``.
        channel_order (str): ``'rgb'`` or ``'bgr'``, the order of the host's tensors.
        size (int, optional): Side that images are resized to. Defaults to None: the size that the
            network was trained at.
        raw_input (bool): Feed the host's normalized tensor as it is, which is what the official
            code does (ImageNet-normalized images for a network that expects [-1, 1]). Defaults
            to False: the normalization is undone exactly.
        noise (str or dict): Noise source, see :func:`mmdiffrep.diffusion.noise.build_noise`.
            Defaults to ``'none'`` (official): the clean image, of which the network is only told
            the timestep.
        precision (str, optional): What the network computes in: ``'auto'``, ``'float32'``,
            ``'bfloat16'`` or ``'float16'``, see
            :class:`mmdiffrep.diffusion.precision.FrozenPrecision`. Defaults to None: float32 on a
            CPU, ``'auto'`` on a GPU.
        pass_size (int, optional): Greatest number of images in a forward pass: memory depends on
            it, the features do not. Defaults to None: the whole batch.
        draws (int): Features are averaged over this many draws of the noise. Defaults to 1.
        memory_gb (float, optional): Limit of memory that a pass is fitted to, see
            :class:`mmdiffrep.diffusion.memory.MemoryLimit`. Defaults to None: no limit.
        compile (bool or dict): Compile the passes of the network, True or arguments of
            ``torch.compile``: faster after a first pass of a minute or so, and features differ by
            rounding. Defaults to False.
        shard (bool): Keep a part of the weights in each process of the run, for a model that is too
            large for one GPU; blocks are gathered when they run, and the features are the same.
            Defaults to False.
        init (str): ``'random'`` for the same network with random weights: the control of an
            experiment. Defaults to ``'pretrained'``.

    Raises:
        ValueError: The denoiser needs class labels, or does not take RGB images of this ``size``.
    """

    warn_if_early = early_check.warn_if_early

    def __init__(
        self,
        denoiser: str | dict,
        taps: Sequence[str],
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
        channel_order: str = 'rgb',
        size: int | None = None,
        raw_input: bool = False,
        noise: str | dict = 'none',
        precision: str | None = None,
        pass_size: int | None = None,
        draws: int = 1,
        memory_gb: float | None = None,
        compile: Compile = False,
        shard: bool = False,
        init: str = 'pretrained',
    ) -> None:
        super().__init__()
        self.taps = tuple(taps)
        self.denoiser = frozen_denoiser(denoiser, self.taps, precision, compile=compile)
        self.source = self.denoiser.source
        if one_of('init', init, ('pretrained', 'random')) == 'random':
            draw_weights(self.denoiser, seed=int(torch.randint(2**31, ())))
            self.source += ' (random weights)'
            self.weights_hash = hash_weights(self.denoiser)
        else:
            self.weights_hash = self.denoiser.weights_hash
        self.size = size or self.denoiser.image_size
        self.denoiser.require_images_only((self.size, self.size))
        self.to_rgb = DenoiserInput(mean=mean, std=std, channel_order=channel_order, size=self.size)
        self.raw_input = raw_input
        self.noise_cfg = noise
        self.noise = build_noise(noise)
        self.pass_size = None if pass_size is None else integer('pass_size', pass_size, 1)
        self.draws = check_draws(draws, self.noise)
        self.memory = None if memory_gb is None else MemoryLimit(memory_gb)
        self.shard = of_type('shard', shard, bool)
        self._asked_precision = precision

    @classmethod
    def accept(cls, **options: Any) -> dict[str, Any]:
        """Return all options: they are those of a diffusion model."""
        return options

    def place(self, device: torch.device) -> None:
        """See :class:`Teacher`; a sharded network goes there in parts."""
        if self.shard:
            shard_weights(self.denoiser, device, self._asked_precision)
        super().place(device)

    @property
    def channels(self) -> tuple[int, ...]:
        """Channels of every tap, known without a forward pass."""
        return tuple(self.denoiser.taps[tap].channels for tap in self.taps)

    @property
    def precision(self) -> str:
        """See :class:`Teacher`."""
        return self.denoiser.precision

    @property
    def num_timesteps(self) -> int:
        """Timesteps of the noise schedule."""
        return self.denoiser.schedule.num_timesteps

    def to_input(self, images: Tensor) -> Tensor:
        """See :class:`Teacher`; with ``raw_input`` the host's tensor, resized if need be."""
        rgb = self.to_rgb(images)  # which checks the images
        if not self.raw_input:
            return rgb
        return F.interpolate(images.float(), size=(self.size, self.size), mode='bilinear')

    @torch.no_grad()
    def forward(
        self, inputs: Tensor, t: Tensor, generator: Generators | None = None
    ) -> tuple[Tensor, ...]:
        """See :class:`Teacher`; the features are maps ``(B, C, h, w)``."""
        features = read_features_at(
            self.denoiser,
            inputs,
            t,
            self.taps,
            self.noise,
            generator,
            pass_size=self.pass_size,
            draws=self.draws,
            memory=self.memory,
        )
        return tuple(features[tap] for tap in self.taps)

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""A diffusion model as the backbone of any OpenMMLab model."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from mmdiffrep.diffusion.compiled import Compile
from mmdiffrep.diffusion.denoisers import load_denoiser
from mmdiffrep.diffusion.features import frozen_denoiser, read_features
from mmdiffrep.diffusion.input_range import host_input
from mmdiffrep.diffusion.memory import MemoryLimit
from mmdiffrep.diffusion.noise import check_draws
from mmdiffrep.models.backbones.frozen_denoiser import DenoiserBackbone, UntrackedModule
from mmdiffrep.registry import MODELS
from mmdiffrep.utils.checks import integer, of_type


@MODELS.register_module()
class DPMBackbone(DenoiserBackbone):
    """Reads the taps of a denoiser at one or more noise levels.

    The image is brought from the host's normalization to the denoiser's range, noised, and passed
    once through the denoiser, which is truncated after its last tap; all timesteps are folded into
    the batch.

    A frozen denoiser stays in eval mode, computes no gradients and is not registered as a
    submodule: optimizers, EMA, DDP and ``state_dict`` do not see it. Checkpoints record its source,
    the hash of its weights and its precision instead, and loading one into a backbone with another
    denoiser is an error.

    Args:
        denoiser (str or dict): Folder, hub id or config, see
            :func:`mmdiffrep.diffusion.denoisers.load_denoiser`.
        taps (sequence of str): What to read, see :mod:`mmdiffrep.diffusion.taps`.
        timesteps (sequence of int, optional): Timesteps of the denoiser's schedule.
        noise_levels (sequence of float, optional): Standard deviations of the noise in (0, 1),
            instead of ``timesteps``: the same noise under every schedule.
        noise (str or dict): Noise source, see :func:`mmdiffrep.diffusion.noise.build_noise`.
            Defaults to ``'shared'``: one draw for all images (seed 0), as DDPM-Seg does.
        test_noise (str or dict, optional): Noise source in evaluation mode, where ``'fresh'`` noise
            would make a score depend on the draw. Defaults to None: ``noise``.
        max_side (int, optional): Larger maps are averaged to ``max_side`` x ``max_side`` cells
            before they are brought to float32 and kept. Defaults to None: as they are.
        frozen (bool): Whether the denoiser is kept as it is. Defaults to True.
        input (dict, optional): How the host's images arrive, see
            :class:`mmdiffrep.diffusion.input_range.DenoiserInput`: ``mean`` and ``std`` of the
            host's data preprocessor, ``channel_order`` of its output (required with them) and
            ``size``, the side that images are resized to; None keeps their size. ``size`` defaults
            to the side that the denoiser was trained at. Defaults to None: RGB images of 0 .. 255.
        precision (str, optional): What a frozen denoiser computes in: ``'auto'``, ``'float32'``,
            ``'bfloat16'`` or ``'float16'``, see
            :class:`mmdiffrep.diffusion.precision.FrozenPrecision`. Defaults to None: float32 on a
            CPU, ``'auto'`` on a GPU.
        pass_size (int, optional): Greatest number of images in a forward pass of a frozen
            denoiser, counting one per timestep: memory depends on it, the maps do not. Defaults to
            None: the whole batch.
        draws (int): Maps are averaged over this many draws of the noise. Defaults to 1.
        memory_gb (float, optional): Limit of memory that the passes of a frozen denoiser are fitted
            to, see :class:`mmdiffrep.diffusion.memory.MemoryLimit`. Defaults to None: no limit.
        compile (bool or dict): Compile the passes of a frozen denoiser, True or arguments of
            ``torch.compile``: faster after a first pass of a minute or so, and features differ by
            rounding. Defaults to False.
        init_cfg (dict, optional): mmengine's initialization config.

    Attributes:
        out_channels (tuple of int): Channels of every output map.
        out_strides (tuple of int): Strides relative to the image that the denoiser sees.

    Raises:
        ValueError: For an unknown tap, a timestep out of range, both or neither of ``timesteps``
            and ``noise_levels``, a ``max_side`` that does not divide the maps' sides, a
            ``precision``, ``pass_size``, ``memory_gb`` or ``compile`` of a denoiser that is not
            frozen, or a denoiser that needs class labels, or does not take RGB images of this size.
    """

    def __init__(
        self,
        denoiser: str | dict,
        taps: Sequence[str],
        timesteps: Sequence[int] | None = None,
        noise_levels: Sequence[float] | None = None,
        noise: str | dict = 'shared',
        test_noise: None | str | dict = None,
        max_side: int | None = None,
        frozen: bool = True,
        input: dict | None = None,
        precision: str | None = None,
        pass_size: int | None = None,
        draws: int = 1,
        memory_gb: float | None = None,
        compile: Compile = False,
        init_cfg: dict | None = None,
    ) -> None:
        limits = (precision, pass_size, memory_gb, compile)
        if not of_type('frozen', frozen, bool) and limits != (None, None, None, False):
            raise ValueError(
                'precision, pass_size, memory_gb and compile are for a frozen denoiser; a trained '
                f"one follows the run's AMP, batch size and compile (got precision={precision!r}, "
                f'pass_size={pass_size}, memory_gb={memory_gb}, compile={compile!r})'
            )
        network = (
            frozen_denoiser(denoiser, taps, precision, compile=compile)
            if frozen
            else load_denoiser(denoiser, taps)
        )
        super().__init__(network, taps, timesteps, noise_levels, noise, test_noise, init_cfg)
        self.frozen = frozen
        self.network = UntrackedModule(network) if frozen else network
        self.pass_size = None if pass_size is None else integer('pass_size', pass_size, 1)
        self.draws = check_draws(draws, self.noise)
        self.memory = None if memory_gb is None else MemoryLimit(memory_gb)
        self.to_rgb = host_input(input, network.image_size)
        network.require_images_only(self.to_rgb.size)
        self.max_side = None if max_side is None else integer('max_side', max_side, 1)
        self.out_strides = tuple(self._stride_out(stride) for stride in self.out_strides)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Compute the maps of all taps at the first timestep, then at the second, and so on.

        Args:
            images (Tensor): The host's normalized images, ``(B, 3, H, W)``.

        Returns:
            tuple: Maps ``(B, C, h, w)``, float32 when frozen.
        """
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.frozen):
            maps = read_features(
                self.denoiser,
                self.to_rgb(images),
                self.timesteps,
                self.taps,
                self.noise_source,
                pass_size=self.pass_size,
                finish=self._finish,
                draws=self.draws,
                memory=self.memory,
            )
        return tuple(maps[t, tap] for t in self.timesteps for tap in self.taps)

    def _finish(self, maps: Tensor) -> Tensor:
        if self.max_side is not None and max(maps.shape[2:]) > self.max_side:
            maps = F.adaptive_avg_pool2d(maps, self.max_side)
        return maps.float() if self.frozen else maps

    def _stride_out(self, stride: int) -> int:
        """Return the stride of a tap's map after :meth:`_finish`."""
        if self.max_side is None:
            return stride
        size = self.to_rgb.size
        if size is None or size[0] != size[1] or self.max_side < 1:
            raise ValueError(
                'max_side is a number of cells, at least 1, of square images of one size; got '
                f'max_side={self.max_side} and images of size {size}'
            )
        side = size[0] // stride
        if side > self.max_side and side % self.max_side:
            raise ValueError(f'max_side={self.max_side} does not divide a map of {side}x{side}')
        return size[0] // min(side, self.max_side)

    def extra_repr(self) -> str:
        """Return what printing the model shows of it."""
        return f'{super().extra_repr()}, frozen={self.frozen}'

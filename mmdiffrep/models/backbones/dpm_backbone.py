# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""A diffusion model as the backbone of any OpenMMLab model."""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor

from mmdiffrep.diffusion.denoisers import Denoiser, load_denoiser
from mmdiffrep.diffusion.features import read_features, resolve_timesteps
from mmdiffrep.diffusion.input_range import DenoiserInput
from mmdiffrep.diffusion.noise import build_noise
from mmdiffrep.diffusion.taps import tap_names
from mmdiffrep.models.backbones.denoiser_record import check_record, record_of
from mmdiffrep.models.backbones.unregistered import Unregistered
from mmdiffrep.registry import MODELS
from mmdiffrep.utils.checks import check_arguments


@MODELS.register_module()
class DPMBackbone(BaseModule):
    """Reads the taps of a denoiser at one or more noise levels.

    The image is brought from the host's normalization to the denoiser's range, noised, and passed
    once through the denoiser, which is truncated after its last tap; all timesteps are folded into
    the batch.

    A frozen denoiser stays in eval mode, computes no gradients (in bfloat16 on an accelerator),
    and is not registered as a submodule: optimizers, EMA, DDP and ``state_dict`` do not see it.
    Checkpoints record its source and the hash of its weights instead, and loading one into a
    backbone with another denoiser is an error.

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
        max_side (int, optional): Maps with more cells a side are averaged to so many before they
            are brought to float32 and kept. Defaults to None: as they are.
        frozen (bool): Whether the denoiser is kept as it is. Defaults to True.
        input (dict, optional): How the host's images arrive, see
            :class:`mmdiffrep.diffusion.input_range.DenoiserInput`: ``mean`` and ``std`` of the
            host's data preprocessor, ``channel_order`` of its output and ``size``, the side that
            images are resized to; None keeps their size. ``size`` defaults to the side that the
            denoiser was trained at.
        init_cfg (dict, optional): mmengine's initialization config.

    Attributes:
        out_channels (tuple of int): Channels of every output map.
        out_strides (tuple of int): Strides relative to the image that the denoiser sees.

    Raises:
        ValueError: For an unknown tap, a timestep out of range, both or neither of ``timesteps``
            and ``noise_levels``, a ``max_side`` that does not divide the maps' sides, or a denoiser
            that needs class labels, takes no RGB images, or not of this size.
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
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.taps = tap_names(taps)
        self.frozen = frozen
        network = load_denoiser(denoiser, taps=self.taps)
        self.network = Unregistered(network.freeze()) if frozen else network
        self.timesteps = resolve_timesteps(network.schedule, timesteps, noise_levels)
        self.noise = build_noise(noise)
        self.test_noise = self.noise if test_noise is None else build_noise(test_noise)
        self.max_side = max_side
        check_arguments(input or {}, DenoiserInput, 'input')
        self.to_rgb = DenoiserInput(**{'size': network.image_size, **(input or {})})
        network.require_images_only(self.to_rgb.size)
        tapped = [network.taps[tap] for tap in self.taps] * len(self.timesteps)
        self.out_channels = tuple(tap.channels for tap in tapped)
        self.out_strides = tuple(self._stride_out(tap.stride) for tap in tapped)

    @property
    def denoiser(self) -> Denoiser:
        """The network, truncated after the last tap."""
        return self.network.module if self.frozen else self.network

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Compute the maps of all taps at the first timestep, then at the second, and so on.

        Args:
            images (Tensor): The host's normalized images, ``(B, 3, H, W)``.

        Returns:
            tuple: Maps ``(B, C, h, w)``, float32 when frozen.
        """
        if not self.frozen:
            return self._read(images)
        device = images.device.type
        with torch.no_grad(), torch.autocast(device, torch.bfloat16, enabled=device != 'cpu'):
            return tuple(maps.float() for maps in self._read(images))

    def _read(self, images: Tensor) -> tuple[Tensor, ...]:
        rgb = self.to_rgb(images)
        noise = self.noise if self.training else self.test_noise
        maps = read_features(self.denoiser, rgb, self.timesteps, self.taps, noise)
        return tuple(self._pooled(maps[t, tap]) for t in self.timesteps for tap in self.taps)

    def _pooled(self, one: Tensor) -> Tensor:
        if self.max_side is None or max(one.shape[2:]) <= self.max_side:
            return one
        return F.adaptive_avg_pool2d(one, self.max_side)

    def _stride_out(self, stride: int) -> int:
        """Stride of a tap's map after :meth:`_pooled`."""
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

    def get_extra_state(self) -> Tensor:
        """Identify the denoiser in checkpoints."""
        return record_of(self.denoiser)

    def set_extra_state(self, state: Tensor) -> None:
        """Check that a checkpoint was made with the frozen denoiser that this backbone has.

        Raises:
            ValueError: If it was made with another one.
        """
        if self.frozen:
            check_record(state, self.denoiser)

    def extra_repr(self) -> str:
        """Return what printing the model shows of it."""
        return (
            f'denoiser={self.denoiser.source!r}, taps={self.taps}, timesteps={self.timesteps}, '
            f'out_channels={self.out_channels}, frozen={self.frozen}'
        )

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> 'DPMBackbone':
        """Move the denoiser along with the model."""
        if self.frozen:
            self.denoiser._apply(fn, recurse)
        return super()._apply(fn, recurse)

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""A diffusion model as the backbone of any OpenMMLab model."""

import json
from typing import Callable, Optional, Sequence, Tuple, Union

import torch
from mmengine.model import BaseModule
from torch import Tensor

from mmdiffrep.diffusion.arguments import check_arguments
from mmdiffrep.diffusion.denoisers import Denoiser, load_denoiser
from mmdiffrep.diffusion.features import read_features, resolve_timesteps
from mmdiffrep.diffusion.input_range import DenoiserInput
from mmdiffrep.diffusion.noise import build_noise
from mmdiffrep.diffusion.taps import tap_names
from mmdiffrep.registry import MODELS

from .unregistered import Unregistered


@MODELS.register_module()
class DPMBackbone(BaseModule):
    """Reads the taps of a denoiser at one or more noise levels.

    The image is brought from the host's normalisation to the denoiser's range, noised, and passed
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
            and ``noise_levels``, or a denoiser that needs class labels, takes no RGB images, or
            not of this size.
    """

    def __init__(
        self,
        denoiser: Union[str, dict],
        taps: Sequence[str],
        timesteps: Optional[Sequence[int]] = None,
        noise_levels: Optional[Sequence[float]] = None,
        noise: Union[str, dict] = 'shared',
        frozen: bool = True,
        input: Optional[dict] = None,
        init_cfg: Optional[dict] = None,
    ) -> None:
        super().__init__(init_cfg)
        self.taps = tap_names(taps)
        self.frozen = frozen
        network = load_denoiser(denoiser, taps=self.taps)
        self.network = Unregistered(network.freeze()) if frozen else network
        self.timesteps = resolve_timesteps(network.schedule, timesteps, noise_levels)
        self.noise = build_noise(noise)
        check_arguments(input or {}, DenoiserInput, 'input')
        self.to_rgb = DenoiserInput(**{'size': network.image_size, **(input or {})})
        network.require_images_only(self.to_rgb.size)
        tapped = [network.taps[tap] for tap in self.taps] * len(self.timesteps)
        self.out_channels = tuple(tap.channels for tap in tapped)
        self.out_strides = tuple(tap.stride for tap in tapped)

    @property
    def denoiser(self) -> Denoiser:
        """The network, truncated after the last tap."""
        return self.network.module if self.frozen else self.network

    def forward(self, images: Tensor) -> Tuple[Tensor, ...]:
        """Computes the maps of all taps at the first timestep, then at the second, and so on.

        Args:
            images (Tensor): The host's normalised images, ``(B, 3, H, W)``.

        Returns:
            tuple: Maps ``(B, C, h, w)``, float32 when frozen.
        """
        if not self.frozen:
            return self._read(images)
        device = images.device.type
        with torch.no_grad(), torch.autocast(device, torch.bfloat16, enabled=device != 'cpu'):
            return tuple(maps.float() for maps in self._read(images))

    def _read(self, images: Tensor) -> Tuple[Tensor, ...]:
        rgb = self.to_rgb(images)
        maps = read_features(self.denoiser, rgb, self.timesteps, self.taps, self.noise)
        return tuple(maps[t, tap] for t in self.timesteps for tap in self.taps)

    def get_extra_state(self) -> Tensor:
        """Identifies the denoiser, as JSON in a uint8 tensor: hosts' tools expect tensors."""
        record = dict(denoiser=self.denoiser.source, weights_hash=self.denoiser.weights_hash)
        return torch.frombuffer(bytearray(json.dumps(record).encode()), dtype=torch.uint8)

    def set_extra_state(self, state: Tensor) -> None:
        """Checks that a checkpoint was made with the frozen denoiser that this backbone has.

        Raises:
            ValueError: If it was made with another one.
        """
        record = json.loads(bytes(state.tolist()))
        if self.frozen and record['weights_hash'] != self.denoiser.weights_hash:
            raise ValueError(
                f'the checkpoint was made with the frozen denoiser {record["denoiser"]} (weights '
                f'{record["weights_hash"]}), but this config builds {self.denoiser.source} '
                f'(weights {self.denoiser.weights_hash}); checkpoints do not hold frozen weights, '
                'so set `denoiser` to the one that was used'
            )

    def extra_repr(self) -> str:
        """What printing the model shows of it."""
        return (
            f'denoiser={self.denoiser.source!r}, taps={self.taps}, timesteps={self.timesteps}, '
            f'out_channels={self.out_channels}, frozen={self.frozen}'
        )

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> 'DPMBackbone':
        """Moves the denoiser along with the model."""
        if self.frozen:
            self.denoiser._apply(fn, recurse)
        return super()._apply(fn, recurse)

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Any frozen network as the teacher: of timm, transformers, torchvision, or a module."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mmdiffrep.diffusion.input_range import DenoiserInput
from mmdiffrep.diffusion.precision import FrozenPrecision
from mmdiffrep.diffusion.weights import hash_weights
from mmdiffrep.models.encoders import LoadedEncoder, MapReader, find_map_layers, load_encoder
from mmdiffrep.models.teachers.base import Teacher
from mmdiffrep.models.teachers.normalization import check_normalization
from mmdiffrep.registry import MODELS
from mmdiffrep.utils.checks import about, integer, list_of
from mmdiffrep.utils.random_streams import Generators

PROBE_SIZE = 64  # px; big enough for a stride of 32, small enough for any CPU


@MODELS.register_module()
class EncoderTeacher(Teacher):
    """Reads layers of a frozen network; timesteps are ignored.

    The student's normalization is undone, and the network sees the images in its own, at a size
    that it takes: as given, or rounded up to a multiple of its patches. Class and register tokens
    are dropped, and the others are laid out as a map.

    Args:
        network (str or nn.Module): ``'timm:NAME'``, ``'torchvision:NAME'``,
            ``'transformers:FOLDER'``, ``'python:package.module:function'``, or a module, see
            :func:`~mmdiffrep.models.encoders.load_encoder`.
        taps (sequence of str): Layers of the network, see :mod:`mmdiffrep.models.layer_taps`:
            ``'layer3'``, ``'blocks.11'``, ``'norm'``, ``'encoder.layer.5[0]'``.
        mean (sequence of float, optional): The student's normalization, see
            :class:`~mmdiffrep.models.teachers.DPMTeacher`. Defaults to None: not normalized.
        std (sequence of float, optional): See ``mean``.
        channel_order (str): ``'rgb'`` or ``'bgr'``, the order of the student's tensors.
        size (int, optional): Side in pixels that images are resized to. Defaults to None: the size
            of a network that takes no other, else that of the student's images.
        checkpoint (str, optional): File of the weights. Defaults to None: those of the library.
        init (str): ``'random'`` for weights as the library initializes them: the control of an
            experiment. Defaults to ``'pretrained'``.
        normalization (dict, optional): ``mean``, ``std`` and ``channel_order`` of the network's
            input on the 0..255 scale. Defaults to None: as its library says; a module needs it.
        patch (int, optional): Side of the patches that become tokens, in pixels. Defaults to None:
            as the network says.
        options (dict, optional): Further arguments for the library. Defaults to None.
        precision (str, optional): What the network computes in, see
            :class:`~mmdiffrep.models.teachers.DPMTeacher`. Defaults to None: float32 on a CPU,
            ``'auto'`` on a GPU.

    Raises:
        ImportError: The library is not installed.
        OSError: Weights cannot be fetched or read.
        ValueError: Unknown network or layer, a size that it does not take, or a module without
            ``normalization``.
    """

    def __init__(
        self,
        network: str | nn.Module,
        taps: Sequence[str],
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
        channel_order: str = 'rgb',
        size: int | None = None,
        checkpoint: str | None = None,
        init: str = 'pretrained',
        normalization: dict | None = None,
        patch: int | None = None,
        options: dict[str, Any] | None = None,
        precision: str | None = None,
    ) -> None:
        super().__init__()
        encoder = load_encoder(network, init, checkpoint, options)
        if patch is not None:
            encoder = encoder.with_patch(integer('patch', patch, 1))
        if normalization is not None:
            check_normalization(normalization)
            own = DenoiserInput(**normalization)
            encoder = encoder.with_normalization(own.mean, own.std, own.channel_order)
        if encoder.mean is None:
            raise ValueError(
                f'the normalization of {encoder.source} is unknown: give normalization=dict('
                "mean=..., std=..., channel_order='rgb') on the 0..255 scale (for input in [0, 1]: "
                'mean=[0, 0, 0], std=[255, 255, 255]).'
            )
        student = dict(mean=mean, std=std, channel_order=channel_order)
        self._read_with(encoder, taps, student, size, precision)

    def _read_with(
        self,
        encoder: LoadedEncoder,
        taps: Sequence[str],
        student: dict[str, Any],
        size: int | None,
        precision: str | None,
    ) -> None:
        """Freeze a network and find out the channels of its taps.

        Args:
            encoder (LoadedEncoder): The network.
            taps (sequence of str): What is read.
            student (dict): Normalization of the student's images.
            size (int, optional): Side of the network's images.
            precision (str, optional): What it computes in.
        """
        self.model = encoder.network.requires_grad_(False).eval()
        self.source = encoder.source
        self.weights_hash = hash_weights(self.model)
        self._precision = FrozenPrecision(precision)
        self._encoder = encoder
        if size is not None and encoder.side_for(integer('size', size, 1)) != size:
            raise ValueError(
                f'{encoder.source} does not take images of {size} px: '
                + (
                    f'it takes {encoder.size} px alone.'
                    if encoder.fixed_size
                    else f'give a multiple of {encoder.multiple}, such as {encoder.side_for(size)}.'
                )
            )
        if size is None and encoder.fixed_size:
            size = encoder.size
        self.to_rgb = DenoiserInput(**student, size=size)
        self.register_buffer('_mean', torch.tensor(encoder.mean).view(1, 3, 1, 1))
        self.register_buffer('_std', torch.tensor(encoder.std).view(1, 3, 1, 1))
        self.taps = tuple(list_of('taps', taps, str))
        side = size or encoder.side_for(PROBE_SIZE)
        found = find_map_layers(self.model, encoder.run, side, encoder.patch)
        last = {layer.name.removesuffix('[0]'): layer.channels_last for layer in found}
        with about('taps'):
            self._reader = MapReader(
                self.model,
                self.taps,
                encoder.patch,
                [last.get(tap.removesuffix('[0]'), False) for tap in self.taps],
            )
        self._channels = tuple(
            feature.shape[1] for feature in self._read(torch.zeros(1, 3, side, side))
        )

    @property
    def channels(self) -> tuple[int, ...]:
        """Channels of every tap."""
        return self._channels

    @property
    def precision(self) -> str:
        """See :class:`Teacher`."""
        return self._precision.name_of(self.model)

    @property
    def num_timesteps(self) -> int | None:
        """None: it has no timesteps."""
        return None

    def to_input(self, images: Tensor) -> Tensor:
        """See :class:`Teacher`; sides are rounded up to a multiple that the network takes."""
        rgb = self.to_rgb(images)
        sides = tuple(self._encoder.side_for(side) for side in rgb.shape[2:])
        if sides != tuple(rgb.shape[2:]):
            rgb = F.interpolate(rgb, sides, mode='bilinear', align_corners=False, antialias=True)
        return rgb

    @torch.no_grad()
    def forward(
        self, inputs: Tensor, t: Tensor, generator: Generators | None = None
    ) -> tuple[Tensor, ...]:
        """See :class:`Teacher`; ``t`` and ``generator`` play no part."""
        with self._precision.frozen_pass(self.model):
            return self._read(inputs)

    @torch.no_grad()
    def _read(self, rgb: Tensor) -> tuple[Tensor, ...]:
        pixels = (rgb + 1) * 127.5
        if self._encoder.channel_order == 'bgr':
            pixels = pixels.flip(1)
        x = (pixels - self._mean) / self._std
        x = x.to(next(self.model.parameters()).dtype)
        features = self._reader(lambda: self._encoder.run(self.model, x), x)
        return tuple(feature.float() for feature in features)

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Read any backbone of a host as a ``DPMBackbone`` is read: the baselines of diffusion features."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from torch import Tensor

from mmdiffrep.diffusion.input_range import DistortionWatch
from mmdiffrep.models.layer_taps import LayerTaps
from mmdiffrep.registry import MODELS, build_part
from mmdiffrep.utils.checks import integer, list_of, of_type

PROBE_SIZE = 64  # px; big enough for a stride of 32, small enough for any CPU


@MODELS.register_module()
class HostBackbone(BaseModule):
    """Reads the maps of any backbone of mmpretrain or mmseg, at its own image size.

    Like those of a :class:`~mmdiffrep.models.backbones.DPMBackbone`, channels and strides of the
    maps are known after construction, so that the config of neck and head can leave them out. They
    are found by a forward pass of an empty image.

    Args:
        backbone (dict): Config of the backbone; its ``init_cfg`` says where the weights come from.
            Without one they are random.
        layers (sequence of str, optional): Layers of the backbone to read: ``'layer2'``,
            ``'layer2[0]'`` or ``'layer2.0@in'``, the input of a block, which DDPM-Seg reads of
            SwAV. See :mod:`mmdiffrep.models.layer_taps`. Defaults to None: the backbone's outputs.
        size (int, optional): Side in pixels that images are resized to, bilinearly with
            antialiasing; a vision transformer needs it. A warning says once if that changes the
            aspect ratio. Defaults to None: not resized.
        init_cfg (dict, optional): mmengine's initialization config.

    Attributes:
        out_channels (tuple of int): Channels of every map.
        out_strides (tuple of int): Strides relative to the image that the backbone sees.

    Raises:
        RuntimeError: A layer that does not run, runs twice, or is changed in place afterwards.
        ValueError: An unknown layer, a ``size`` below 1, or outputs that are not maps.
    """

    def __init__(
        self,
        backbone: dict,
        layers: Sequence[str] | None = None,
        size: int | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.size = None if size is None else integer('size', size, low=1)
        of_type('backbone', backbone, dict)
        self._distortion = DistortionWatch(
            f'the {backbone.get("type")}', 'set `size` to None (every image as it is)'
        )
        self.backbone = build_part(MODELS, backbone, 'backbone')
        self.layers = None if layers is None else tuple(list_of('layers', layers, str))
        self._taps = None if layers is None else LayerTaps(self.backbone, self.layers, 'backbone')
        side = size or PROBE_SIZE
        with torch.no_grad():
            self.backbone.eval()
            maps = self(torch.zeros(1, 3, side, side))
            self.backbone.train()
        self.out_channels = tuple(x.shape[1] for x in maps)
        self.out_strides = tuple(round(side / x.shape[2]) for x in maps)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Compute the maps.

        Args:
            images (Tensor): The host's normalized images, ``(B, 3, H, W)``.

        Returns:
            tuple: Maps ``(B, C, h, w)``.
        """
        if self.size is not None and tuple(images.shape[2:]) != (self.size, self.size):
            self._distortion.check(images.shape[2:], (self.size, self.size))
            images = F.interpolate(
                images, size=(self.size, self.size), mode='bilinear', antialias=True
            )
        maps = self._read(images)
        maps = (maps,) if isinstance(maps, Tensor) else tuple(maps)
        wrong = [x for x in maps if not isinstance(x, Tensor) or x.ndim != 4]
        if wrong:
            what = tuple(wrong[0].shape) if isinstance(wrong[0], Tensor) else type(wrong[0])
            raise ValueError(
                f'{type(self.backbone).__name__} gives {what} where a map (B, C, h, w) was '
                "expected; a vision transformer of mmpretrain gives maps with out_type='featmap'"
            )
        return maps

    def _read(self, images: Tensor) -> Tensor | tuple[Tensor, ...]:
        if self._taps is None:
            return self.backbone(images)
        with self._taps.attached():
            self.backbone(images)
            return self._taps.take(batch_size=len(images))

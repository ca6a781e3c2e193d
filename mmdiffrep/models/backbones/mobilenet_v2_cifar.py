# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""MobileNetV2 for images of 32 or 64 px."""

from collections.abc import Sequence

from torch import nn

from mmdiffrep.registry import MODELS


@MODELS.register_module()
def MobileNetV2CIFAR(  # noqa: N802
    widen_factor: float = 1.0,
    out_indices: Sequence[int] = (7,),
    init_cfg: dict | None = None,
) -> nn.Module:
    """Build mmpretrain's MobileNetV2 with a stride of 8 instead of 32: 32 px become 4.

    The first convolution and the third stage keep their resolution, as in RepFusion's student. The
    weights have the names and shapes of mmpretrain's.

    Args:
        widen_factor (float): Width multiplier. Defaults to 1.0, the official value; the last
            stage has 1280 channels.
        out_indices (sequence of int): Stages to return, 0 to 7. Defaults to the last one.
        init_cfg (dict, optional): Initialization. Defaults to None: mmpretrain's.

    Raises:
        ImportError: mmpretrain is not installed.
    """
    from mmpretrain.models import MobileNetV2

    backbone = MobileNetV2(widen_factor=widen_factor, out_indices=out_indices)
    if init_cfg is not None:
        backbone.init_cfg = init_cfg
    backbone.conv1.conv.stride = (1, 1)
    backbone.layer3[0].conv[1].conv.stride = (1, 1)
    return backbone

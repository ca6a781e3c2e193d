# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""A pass of frozen networks at their published sizes on the fake card; prints counts as JSON."""

import json
import sys
from pathlib import Path
from typing import Any

import torch
from distill_step import SHAPES
from mmengine.config import Config
from watch import fake_card

from mmdiffrep.registry import MODELS

MODELS_BASE = Path(__file__).parents[2] / 'configs' / '_base_' / 'models'
BATCH = dict(dict.fromkeys(SHAPES, 8), ddpm_seg_adm_256=8)


def backbone_of(name: str) -> dict[str, Any]:
    """Return the middle of a U-Net at t = 0, or the backbone of a shipped config."""
    if name in SHAPES:
        denoiser = dict(type='UNet2DDenoiser', unet=SHAPES[name])
        return dict(type='mmdiffrep.DPMBackbone', denoiser=denoiser, taps=['mid'], timesteps=[0])
    backbone = Config.fromfile(MODELS_BASE / f'{name}.py').model.backbone
    return dict(backbone, input=None)


def main(name: str) -> None:
    """Read a batch of images; autocast is on, as in a run with AMP."""
    with fake_card() as watch:
        backbone = MODELS.build(backbone_of(name)).to('cuda').eval()
        backbone.to_rgb.batches_to_check = 0  # as after the first batches
        side = backbone.denoiser.image_size
        images = torch.zeros(BATCH[name], 3, side, side, device='cuda')
        with torch.autocast('cuda', dtype=torch.bfloat16):
            backbone(images)  # casts the weights
            watch.reset()
            backbone(images)
        print(json.dumps(watch.report()))


main(*sys.argv[1:])

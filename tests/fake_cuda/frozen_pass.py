# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""A pass of frozen networks at their published sizes on the fake card; prints counts as JSON."""

import json
import sys

import torch
from distill_step import SHAPES
from watch import fake_card, on_card

from mmdiffrep.diffusion import load_denoiser
from mmdiffrep.diffusion.denoisers.adm_presets import ADM_PRESETS
from mmdiffrep.diffusion.features import frozen_denoiser, read_features
from mmdiffrep.diffusion.noise import build_noise

NETWORKS = {
    'celebahq-256': (dict(type='UNet2DDenoiser', unet=SHAPES['celebahq-256']), ['mid'], [0], 8),
    'adm-lsun': (
        dict(type='ADMDenoiser', **ADM_PRESETS['adm-lsun']),
        ['dec.5', 'dec.6', 'dec.7', 'dec.8', 'dec.12'],
        [50, 150, 250],
        8,
    ),
}


def main(name: str, pass_size: int | None = None) -> None:
    """Read a batch of images; autocast is on, as in a run with AMP."""
    config, taps, timesteps, batch = NETWORKS[name]
    with fake_card() as watch:
        denoiser = frozen_denoiser(load_denoiser(config, taps=taps))
        denoiser = on_card(denoiser)
        images = torch.zeros(batch, 3, denoiser.image_size, denoiser.image_size, device='cuda')
        read = (denoiser, images, timesteps, taps, build_noise('shared'))
        with torch.no_grad(), torch.autocast('cuda', dtype=torch.bfloat16):
            read_features(*read, pass_size=pass_size)  # casts the weights
            watch.reset()
            read_features(*read, pass_size=pass_size)
        print(json.dumps(watch.report()))


main(sys.argv[1], *map(int, sys.argv[2:]))

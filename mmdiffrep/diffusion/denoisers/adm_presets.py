# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Flags of the published ADM checkpoints.

Source: the sampling commands in the README of openai/guided-diffusion; the FFHQ and LSUN models of
DDPM-Seg have the flags of ``adm-lsun``.
"""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

_SHARED = dict(
    attention_resolutions='32,16,8',
    diffusion_steps=1000,
    learn_sigma=True,
    noise_schedule='linear',
    num_res_blocks=2,
    resblock_updown=True,
    use_scale_shift_norm=True,
)
_LARGE = dict(_SHARED, image_size=256, num_channels=256, num_head_channels=64)

ADM_PRESETS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        # The only one with the new attention order.
        'adm-64': dict(
            _SHARED,
            image_size=64,
            class_cond=True,
            dropout=0.1,
            noise_schedule='cosine',
            num_channels=192,
            num_head_channels=64,
            num_res_blocks=3,
            use_new_attention_order=True,
        ),
        'adm-128': dict(_SHARED, image_size=128, class_cond=True, num_channels=256, num_heads=4),
        'adm-256': dict(_LARGE, class_cond=True),
        'adm-256-uncond': dict(_LARGE, class_cond=False),
        'adm-512': dict(_LARGE, image_size=512, class_cond=True),
        'adm-lsun': dict(_LARGE, class_cond=False, dropout=0.1),
    }
)

_FILES = {
    '64x64_diffusion.pt': 'adm-64',
    '128x128_diffusion.pt': 'adm-128',
    '256x256_diffusion.pt': 'adm-256',
    '256x256_diffusion_uncond.pt': 'adm-256-uncond',
    '512x512_diffusion.pt': 'adm-512',
    'lsun_bedroom.pt': 'adm-lsun',
    'lsun_cat.pt': 'adm-lsun',
    'lsun_horse.pt': 'adm-lsun',
    'lsun_horse_nodropout.pt': 'adm-lsun',
}


def origin_of_file(path: str) -> str:
    """Says where a published checkpoint comes from, by its file name; of others nothing."""
    if Path(path).name not in _FILES:
        return ''
    return 'It is linked in the README of https://github.com/openai/guided-diffusion.'


def preset_of_file(path: str) -> str:
    """Find the preset of a published checkpoint by its file name.

    Raises:
        ValueError: Another name.
    """
    name = Path(path).name
    if name not in _FILES:
        raise ValueError(
            f"The flags of '{name}' are not known: name a preset ({', '.join(ADM_PRESETS)}), or "
            'build the network with the flags that it was trained with.'
        )
    return _FILES[name]

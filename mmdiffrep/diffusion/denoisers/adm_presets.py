# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Flags of the published checkpoints of guided-diffusion (ADM) and improved-diffusion.

Source: the commands in the READMEs of openai/guided-diffusion and openai/improved-diffusion; the
FFHQ and LSUN models of DDPM-Seg have the flags of ``adm-lsun``.
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
# improved-diffusion: 4000 steps, told to the network as 0 .. 1000 unless its README says otherwise
_IMPROVED = dict(
    diffusion_steps=4000,
    learn_sigma=True,
    noise_schedule='cosine',
    num_channels=128,
    num_res_blocks=3,
    rescale_timesteps=True,
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
        'improved-cifar10': dict(_IMPROVED, image_size=32, dropout=0.3),
        'improved-imagenet64': dict(_IMPROVED, image_size=64),
        'improved-imagenet64-cond': dict(
            _IMPROVED,
            image_size=64,
            class_cond=True,
            num_channels=192,
            rescale_timesteps=False,
        ),
        'improved-lsun-bedroom': dict(
            attention_resolutions='16',
            diffusion_steps=1000,
            image_size=256,
            learn_sigma=True,
            num_channels=128,
            num_heads=1,
            use_scale_shift_norm=False,
        ),
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
    'cifar10_uncond_50M_500K.pt': 'improved-cifar10',
    'cifar10_uncond_vlb_50M_500K.pt': 'improved-cifar10',
    'imagenet64_uncond_100M_1500K.pt': 'improved-imagenet64',
    'imagenet64_uncond_vlb_100M_1500K.pt': 'improved-imagenet64',
    'imagenet64_cond_270M_250K.pt': 'improved-imagenet64-cond',
    'lsun_uncond_100M_1200K_bs128.pt': 'improved-lsun-bedroom',
    'lsun_uncond_100M_2400K_bs64.pt': 'improved-lsun-bedroom',
}


def origin_of_file(path: str) -> str:
    """Say where a published checkpoint comes from, by its file name; '' for others."""
    preset = _FILES.get(Path(path).name)
    if preset is None:
        return ''
    code = 'improved-diffusion' if preset.startswith('improved') else 'guided-diffusion'
    return f'It is linked in the README of https://github.com/openai/{code}.'


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

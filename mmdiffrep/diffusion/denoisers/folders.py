# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Tell what a diffusers folder is loaded as, by what is in it."""

from pathlib import Path
from typing import Any, cast

from mmdiffrep.diffusion.checkpoints import resolve_folder
from mmdiffrep.diffusion.denoisers.base import Denoiser
from mmdiffrep.diffusion.denoisers.families import find_family
from mmdiffrep.diffusion.stored_config import read_network

# Class of the network in a diffusers folder -> family.
_BY_NETWORK = {
    'AutoencoderKL': 'VAEDenoiser',
    'DiTTransformer2DModel': 'DiTDenoiser',
    'FluxTransformer2DModel': 'FluxDenoiser',
    'PixArtTransformer2DModel': 'PixArtDenoiser',
    'SD3Transformer2DModel': 'SD3Denoiser',
    'Transformer2DModel': 'DiTDenoiser',  # older name of DiT
    'UNet2DConditionModel': 'UNet2DConditionDenoiser',
    'UNet2DModel': 'UNet2DDenoiser',
}


def config_of_folder(folder: str) -> dict[str, Any]:
    """Return the config of a folder's model.

    Args:
        folder: See :func:`~mmdiffrep.diffusion.checkpoints.resolve_folder`.

    Raises:
        FileNotFoundError: No such model.
        ValueError: A network that no family reads.
    """
    root = resolve_folder(folder)
    has_vae = (root / 'vae' / 'config.json').is_file()
    return dict(type='LatentDiffusion' if has_vae else _family_name(root), pretrained=folder)


def family_of_folder(root: Path) -> type[Denoiser]:
    """Return the family of a folder's network; a VAE beside it plays no part."""
    return cast(type[Denoiser], find_family(_family_name(root)))


def _family_name(root: Path) -> str:
    for folder in (root / 'transformer', root / 'unet', root):
        if (folder / 'config.json').is_file():
            advice = 'An own family is added with register_family.'
            return _BY_NETWORK[read_network(folder, _BY_NETWORK, advice)['_class_name']]
    return 'UNet2DDenoiser'  # which says what is missing

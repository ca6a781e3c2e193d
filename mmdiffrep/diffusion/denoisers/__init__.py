# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Denoisers: pre-trained diffusion networks of several families behind one contract.

A name is imported when it is first used.
"""

from typing import TYPE_CHECKING

from mmdiffrep.utils.lazy_names import lazy_names

if TYPE_CHECKING:
    from mmdiffrep.diffusion.denoisers.adm import ADMDenoiser
    from mmdiffrep.diffusion.denoisers.base import Denoiser
    from mmdiffrep.diffusion.denoisers.dit import DiTDenoiser
    from mmdiffrep.diffusion.denoisers.families import FAMILIES, load_denoiser, register_family
    from mmdiffrep.diffusion.denoisers.feature_model import FeatureModel
    from mmdiffrep.diffusion.denoisers.mmdit import FluxDenoiser, SD3Denoiser
    from mmdiffrep.diffusion.denoisers.pixart import PixArtDenoiser
    from mmdiffrep.diffusion.denoisers.unet2d import UNet2DDenoiser
    from mmdiffrep.diffusion.denoisers.unet2d_condition import UNet2DConditionDenoiser
    from mmdiffrep.diffusion.denoisers.vae import VAEDenoiser

__all__ = [
    'FAMILIES',
    'ADMDenoiser',
    'Denoiser',
    'DiTDenoiser',
    'FeatureModel',
    'FluxDenoiser',
    'PixArtDenoiser',
    'SD3Denoiser',
    'UNet2DConditionDenoiser',
    'UNet2DDenoiser',
    'VAEDenoiser',
    'load_denoiser',
    'register_family',
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        'ADMDenoiser': 'mmdiffrep.diffusion.denoisers.adm',
        'Denoiser': 'mmdiffrep.diffusion.denoisers.base',
        'DiTDenoiser': 'mmdiffrep.diffusion.denoisers.dit',
        'FAMILIES': 'mmdiffrep.diffusion.denoisers.families',
        'FeatureModel': 'mmdiffrep.diffusion.denoisers.feature_model',
        'FluxDenoiser': 'mmdiffrep.diffusion.denoisers.mmdit',
        'PixArtDenoiser': 'mmdiffrep.diffusion.denoisers.pixart',
        'SD3Denoiser': 'mmdiffrep.diffusion.denoisers.mmdit',
        'UNet2DConditionDenoiser': 'mmdiffrep.diffusion.denoisers.unet2d_condition',
        'UNet2DDenoiser': 'mmdiffrep.diffusion.denoisers.unet2d',
        'VAEDenoiser': 'mmdiffrep.diffusion.denoisers.vae',
        'load_denoiser': 'mmdiffrep.diffusion.denoisers.families',
        'register_family': 'mmdiffrep.diffusion.denoisers.families',
    },
)

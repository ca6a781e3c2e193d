# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Denoisers: pre-trained diffusion networks of several families behind one contract."""

from mmdiffrep.diffusion.denoisers.adm import ADMDenoiser
from mmdiffrep.diffusion.denoisers.base import Denoiser
from mmdiffrep.diffusion.denoisers.dit import DiTDenoiser
from mmdiffrep.diffusion.denoisers.families import FAMILIES, load_denoiser, register_family
from mmdiffrep.diffusion.denoisers.mmdit import FluxDenoiser, SD3Denoiser
from mmdiffrep.diffusion.denoisers.pixart import PixArtDenoiser
from mmdiffrep.diffusion.denoisers.unet2d import UNet2DDenoiser
from mmdiffrep.diffusion.denoisers.unet2d_condition import UNet2DConditionDenoiser

__all__ = [
    'FAMILIES',
    'ADMDenoiser',
    'Denoiser',
    'DiTDenoiser',
    'FluxDenoiser',
    'PixArtDenoiser',
    'SD3Denoiser',
    'UNet2DConditionDenoiser',
    'UNet2DDenoiser',
    'load_denoiser',
    'register_family',
]

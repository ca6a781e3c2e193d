# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Diffusion models in plain torch and diffusers: schedules, noise, denoisers and taps.

A name is imported when it is first used.
"""

from typing import TYPE_CHECKING

from mmdiffrep.utils.lazy_names import lazy_names

if TYPE_CHECKING:
    from mmdiffrep.diffusion.condition import Condition
    from mmdiffrep.diffusion.denoisers.adm import ADMDenoiser
    from mmdiffrep.diffusion.denoisers.base import Denoiser
    from mmdiffrep.diffusion.denoisers.dit import DiTDenoiser
    from mmdiffrep.diffusion.denoisers.families import load_denoiser, register_family
    from mmdiffrep.diffusion.denoisers.feature_model import FeatureModel
    from mmdiffrep.diffusion.denoisers.mmdit import FluxDenoiser, SD3Denoiser
    from mmdiffrep.diffusion.denoisers.pixart import PixArtDenoiser
    from mmdiffrep.diffusion.denoisers.unet2d import UNet2DDenoiser
    from mmdiffrep.diffusion.denoisers.unet2d_condition import UNet2DConditionDenoiser
    from mmdiffrep.diffusion.denoisers.vae import VAEDenoiser
    from mmdiffrep.diffusion.edm_schedule import EDMSchedule
    from mmdiffrep.diffusion.image_model import LatentDiffusion
    from mmdiffrep.diffusion.input_range import DenoiserInput
    from mmdiffrep.diffusion.noise import NoiseSource, build_noise
    from mmdiffrep.diffusion.schedule import NoiseSchedule, build_schedule
    from mmdiffrep.diffusion.schedule_base import Schedule
    from mmdiffrep.diffusion.taps import Tap, TapError
    from mmdiffrep.diffusion.text import PromptEncoder

__all__ = [
    'ADMDenoiser',
    'Condition',
    'Denoiser',
    'DenoiserInput',
    'DiTDenoiser',
    'EDMSchedule',
    'FeatureModel',
    'FluxDenoiser',
    'LatentDiffusion',
    'NoiseSchedule',
    'NoiseSource',
    'PixArtDenoiser',
    'PromptEncoder',
    'SD3Denoiser',
    'Schedule',
    'Tap',
    'TapError',
    'UNet2DConditionDenoiser',
    'UNet2DDenoiser',
    'VAEDenoiser',
    'build_noise',
    'build_schedule',
    'load_denoiser',
    'register_family',
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        'ADMDenoiser': 'mmdiffrep.diffusion.denoisers.adm',
        'Condition': 'mmdiffrep.diffusion.condition',
        'Denoiser': 'mmdiffrep.diffusion.denoisers.base',
        'DenoiserInput': 'mmdiffrep.diffusion.input_range',
        'DiTDenoiser': 'mmdiffrep.diffusion.denoisers.dit',
        'EDMSchedule': 'mmdiffrep.diffusion.edm_schedule',
        'FeatureModel': 'mmdiffrep.diffusion.denoisers.feature_model',
        'FluxDenoiser': 'mmdiffrep.diffusion.denoisers.mmdit',
        'LatentDiffusion': 'mmdiffrep.diffusion.image_model',
        'NoiseSchedule': 'mmdiffrep.diffusion.schedule',
        'NoiseSource': 'mmdiffrep.diffusion.noise',
        'PixArtDenoiser': 'mmdiffrep.diffusion.denoisers.pixart',
        'PromptEncoder': 'mmdiffrep.diffusion.text',
        'SD3Denoiser': 'mmdiffrep.diffusion.denoisers.mmdit',
        'Schedule': 'mmdiffrep.diffusion.schedule_base',
        'Tap': 'mmdiffrep.diffusion.taps',
        'TapError': 'mmdiffrep.diffusion.taps',
        'UNet2DConditionDenoiser': 'mmdiffrep.diffusion.denoisers.unet2d_condition',
        'UNet2DDenoiser': 'mmdiffrep.diffusion.denoisers.unet2d',
        'VAEDenoiser': 'mmdiffrep.diffusion.denoisers.vae',
        'build_noise': 'mmdiffrep.diffusion.noise',
        'build_schedule': 'mmdiffrep.diffusion.schedule',
        'load_denoiser': 'mmdiffrep.diffusion.denoisers.families',
        'register_family': 'mmdiffrep.diffusion.denoisers.families',
    },
)

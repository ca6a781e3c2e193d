# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""What a diffusion model is: schedule, noise, denoisers and taps. Plain torch and diffusers."""

from mmdiffrep.diffusion.condition import Condition
from mmdiffrep.diffusion.denoisers import (
    ADMDenoiser,
    Denoiser,
    DiTDenoiser,
    FluxDenoiser,
    PixArtDenoiser,
    SD3Denoiser,
    UNet2DConditionDenoiser,
    UNet2DDenoiser,
    load_denoiser,
    register_family,
)
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
    'build_noise',
    'build_schedule',
    'load_denoiser',
    'register_family',
]

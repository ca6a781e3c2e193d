# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Hooks for mmengine's runner."""

from .atomic_checkpoint_hook import AtomicCheckpointHook
from .exact_resume_hook import ExactResumeHook
from .export_denoiser_hook import ExportDenoiserHook
from .repfusion_hook import RepFusionHook
from .sample_grid_hook import SampleGridHook

__all__ = [
    'AtomicCheckpointHook',
    'ExactResumeHook',
    'ExportDenoiserHook',
    'RepFusionHook',
    'SampleGridHook',
]

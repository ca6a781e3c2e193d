# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Hooks for mmengine's runner."""

from .atomic_checkpoint_hook import AtomicCheckpointHook
from .exact_resume_hook import ExactResumeHook
from .export_denoiser_hook import ExportDenoiserHook
from .finite_loss_hook import FiniteLossHook
from .label_range_hook import LabelRangeHook
from .policy_log_hook import PolicyLogHook
from .probe_hook import ProbeHook
from .repfusion_hook import RepFusionHook
from .sample_grid_hook import SampleGridHook
from .step_ema_hook import StepEMAHook

__all__ = [
    'AtomicCheckpointHook',
    'ExactResumeHook',
    'ExportDenoiserHook',
    'FiniteLossHook',
    'LabelRangeHook',
    'PolicyLogHook',
    'ProbeHook',
    'RepFusionHook',
    'SampleGridHook',
    'StepEMAHook',
]

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Hooks for mmengine's runner."""

from mmdiffrep.engine.hooks.atomic_checkpoint_hook import AtomicCheckpointHook
from mmdiffrep.engine.hooks.exact_resume_hook import ExactResumeHook
from mmdiffrep.engine.hooks.export_backbone_hook import ExportBackboneHook
from mmdiffrep.engine.hooks.export_denoiser_hook import ExportDenoiserHook
from mmdiffrep.engine.hooks.finite_loss_hook import FiniteLossHook
from mmdiffrep.engine.hooks.freeze_first_hook import FreezeFirstHook
from mmdiffrep.engine.hooks.knn_probe_hook import KNNProbeHook
from mmdiffrep.engine.hooks.label_range_hook import LabelRangeHook
from mmdiffrep.engine.hooks.learning_watch_hook import LearningWatchHook
from mmdiffrep.engine.hooks.map_rank_hook import MapRankHook
from mmdiffrep.engine.hooks.policy_log_hook import PolicyLogHook
from mmdiffrep.engine.hooks.probe_hook import ProbeHook
from mmdiffrep.engine.hooks.repfusion_hook import RepFusionHook
from mmdiffrep.engine.hooks.sample_grid_hook import SampleGridHook
from mmdiffrep.engine.hooks.step_ema_hook import StepEMAHook

__all__ = [
    'AtomicCheckpointHook',
    'ExactResumeHook',
    'ExportBackboneHook',
    'ExportDenoiserHook',
    'FiniteLossHook',
    'FreezeFirstHook',
    'KNNProbeHook',
    'LabelRangeHook',
    'LearningWatchHook',
    'MapRankHook',
    'PolicyLogHook',
    'ProbeHook',
    'RepFusionHook',
    'SampleGridHook',
    'StepEMAHook',
]

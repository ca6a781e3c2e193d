# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""How a timestep is rewarded: by a light decoder's task loss, without labels, or by the student."""

from .base import Lesson, Reward, Rewarded
from .classification import ClassificationReward
from .decoder import DecoderReward
from .heatmap import HeatmapReward
from .holdout import held_out
from .instance_discrimination import InstanceDiscriminationReward
from .segmentation import SegmentationReward
from .simcc import SimCCReward
from .student_gain import StudentGainReward

__all__ = [
    'ClassificationReward',
    'DecoderReward',
    'HeatmapReward',
    'InstanceDiscriminationReward',
    'Lesson',
    'Reward',
    'Rewarded',
    'SegmentationReward',
    'SimCCReward',
    'StudentGainReward',
    'held_out',
]

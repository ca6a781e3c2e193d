# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""How a timestep is rewarded: by a light decoder's task loss, without labels, or by the student."""

from mmdiffrep.models.rewards.base import Lesson, Reward, Rewarded
from mmdiffrep.models.rewards.classification import ClassificationReward
from mmdiffrep.models.rewards.decoder import DecoderReward
from mmdiffrep.models.rewards.heatmap import HeatmapReward
from mmdiffrep.models.rewards.holdout import held_out
from mmdiffrep.models.rewards.instance_discrimination import InstanceDiscriminationReward
from mmdiffrep.models.rewards.segmentation import SegmentationReward
from mmdiffrep.models.rewards.simcc import SimCCReward
from mmdiffrep.models.rewards.student_gain import StudentGainReward

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

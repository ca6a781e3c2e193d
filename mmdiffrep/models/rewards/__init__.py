# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Rewards of a timestep: a light decoder's task loss, instance discrimination, student gain."""

from mmdiffrep.models.rewards.base import Reward, RewardOutput, StudentContext, holdout_mask
from mmdiffrep.models.rewards.classification import ClassificationReward
from mmdiffrep.models.rewards.decoder import DecoderReward
from mmdiffrep.models.rewards.heatmap import HeatmapReward
from mmdiffrep.models.rewards.instance_discrimination import InstanceDiscriminationReward
from mmdiffrep.models.rewards.segmentation import SegmentationReward
from mmdiffrep.models.rewards.simcc import SimCCReward
from mmdiffrep.models.rewards.student_gain import StudentGainReward

__all__ = [
    'ClassificationReward',
    'DecoderReward',
    'HeatmapReward',
    'InstanceDiscriminationReward',
    'Reward',
    'RewardOutput',
    'SegmentationReward',
    'SimCCReward',
    'StudentContext',
    'StudentGainReward',
    'holdout_mask',
]

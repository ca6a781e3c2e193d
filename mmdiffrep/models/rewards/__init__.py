# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""How a timestep is rewarded: by the task loss of a light decoder on the teacher's feature."""

from .base import Reward
from .classification import ClassificationReward
from .heatmap import HeatmapReward
from .segmentation import SegmentationReward

__all__ = ['ClassificationReward', 'HeatmapReward', 'Reward', 'SegmentationReward']

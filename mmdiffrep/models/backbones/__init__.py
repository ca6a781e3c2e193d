# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Diffusion models as backbones of OpenMMLab models, and small students that mmpretrain lacks."""

from .dpm_backbone import DPMBackbone
from .feedback_dpm_backbone import FeedbackDPMBackbone
from .host_backbone import HostBackbone
from .latent_dpm_backbone import LatentDPMBackbone
from .mobilenet_v2_cifar import MobileNetV2CIFAR
from .stored_features import StoredFeatures, StoredFeaturesPreprocessor
from .wide_resnet_cifar import WideResNetCIFAR

__all__ = [
    'DPMBackbone',
    'FeedbackDPMBackbone',
    'HostBackbone',
    'LatentDPMBackbone',
    'MobileNetV2CIFAR',
    'StoredFeatures',
    'StoredFeaturesPreprocessor',
    'WideResNetCIFAR',
]

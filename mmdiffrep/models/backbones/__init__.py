# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Diffusion models as backbones of OpenMMLab models, and small students that mmpretrain lacks."""

from mmdiffrep.models.backbones.dpm_backbone import DPMBackbone
from mmdiffrep.models.backbones.feedback_dpm_backbone import FeedbackDPMBackbone
from mmdiffrep.models.backbones.host_backbone import HostBackbone
from mmdiffrep.models.backbones.latent_dpm_backbone import LatentDPMBackbone
from mmdiffrep.models.backbones.library_backbone import LibraryBackbone
from mmdiffrep.models.backbones.mobilenet_v2_cifar import MobileNetV2CIFAR
from mmdiffrep.models.backbones.stored_features import StoredFeatures, StoredFeaturesPreprocessor
from mmdiffrep.models.backbones.wide_resnet_cifar import WideResNetCIFAR

__all__ = [
    'DPMBackbone',
    'FeedbackDPMBackbone',
    'HostBackbone',
    'LatentDPMBackbone',
    'LibraryBackbone',
    'MobileNetV2CIFAR',
    'StoredFeatures',
    'StoredFeaturesPreprocessor',
    'WideResNetCIFAR',
]

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""mmdiffrep: any pre-trained diffusion model as a frozen backbone or teacher in OpenMMLab.

Importing it is quick: it checks versions, makes ``_base_ = 'mmdiffrep::...'`` work in configs, and
reads YAML configs without running code.
The parts come on first use, and the hosts (mmseg, mmpose, mmpretrain) only when a config asks.
"""

from mmdiffrep.utils.config_path import get_config_path, register_config_scope
from mmdiffrep.utils.lazy_names import lazy_names
from mmdiffrep.utils.safe_yaml import register_safe_yaml
from mmdiffrep.utils.versions import check_versions
from mmdiffrep.version import __version__

__all__ = [
    'DPMBackbone',
    'FeatureExtractor',
    'FeedbackDPMBackbone',
    '__version__',
    'get_config_path',
]

check_versions()
register_config_scope()
register_safe_yaml()

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        'DPMBackbone': 'mmdiffrep.models.backbones',
        'FeatureExtractor': 'mmdiffrep.diffusion.feature_extractor',
        'FeedbackDPMBackbone': 'mmdiffrep.models.backbones',
    },
)

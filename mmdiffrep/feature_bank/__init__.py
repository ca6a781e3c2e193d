# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Frozen features computed once: stored in half precision, mapped into memory, shared."""

from .bank import FeatureBank
from .build import BankBuild, build_feature_bank
from .dataset import FeatureBankDataset
from .images import content_hash
from .reader import FeatureReader, MapKey, stored_bytes, stored_shapes, upsampled_bytes
from .recipe import FeatureRecipe
from .shard import DamagedShardError
from .views import AUGMENTATIONS, AugmentedView

__all__ = [
    'AUGMENTATIONS',
    'AugmentedView',
    'BankBuild',
    'DamagedShardError',
    'FeatureBank',
    'FeatureBankDataset',
    'FeatureReader',
    'FeatureRecipe',
    'MapKey',
    'build_feature_bank',
    'content_hash',
    'stored_bytes',
    'stored_shapes',
    'upsampled_bytes',
]

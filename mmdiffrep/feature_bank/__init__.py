# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Frozen features computed once: stored in half precision, mapped into memory, shared."""

from mmdiffrep.feature_bank.bank import FeatureBank
from mmdiffrep.feature_bank.build import BankBuild, build_feature_bank
from mmdiffrep.feature_bank.dataset import FeatureBankDataset
from mmdiffrep.feature_bank.fixed_views import FixedViews
from mmdiffrep.feature_bank.images import content_hash
from mmdiffrep.feature_bank.latent_dataset import LatentDataset
from mmdiffrep.feature_bank.latent_reader import LatentReader
from mmdiffrep.feature_bank.reader import (
    FeatureReader,
    MapKey,
    stored_bytes,
    stored_shapes,
    upsampled_bytes,
)
from mmdiffrep.feature_bank.recipe import FeatureRecipe
from mmdiffrep.feature_bank.shard import DamagedShardError
from mmdiffrep.feature_bank.views import AUGMENTATIONS, AugmentedView

__all__ = [
    'AUGMENTATIONS',
    'AugmentedView',
    'BankBuild',
    'DamagedShardError',
    'FeatureBank',
    'FeatureBankDataset',
    'FeatureReader',
    'FeatureRecipe',
    'FixedViews',
    'LatentDataset',
    'LatentReader',
    'MapKey',
    'build_feature_bank',
    'content_hash',
    'stored_bytes',
    'stored_shapes',
    'upsampled_bytes',
]

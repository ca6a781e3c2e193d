# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""What features are like: their spectra, what can be read from them, and how alike they are."""

from .cka import StreamedCKA, linear_cka, unbiased_hsic
from .data import ImageBatch, ImageSource, check_classes, labels_of, load_data_config
from .features import (
    FeatureKey,
    StudentReader,
    TeacherReader,
    collect_features,
    pool_map,
    stream_features,
)
from .probe import LabelledFeatures, ProbeResult, knn_probe, linear_probe
from .spectrum import (
    SpectrumSummary,
    StreamedSpectrum,
    effective_rank,
    numerical_rank,
    participation_ratio,
    rank_tolerance,
    singular_values,
    stable_rank,
    summarise,
)

__all__ = [
    'FeatureKey',
    'ImageBatch',
    'ImageSource',
    'LabelledFeatures',
    'ProbeResult',
    'SpectrumSummary',
    'StreamedCKA',
    'StreamedSpectrum',
    'StudentReader',
    'TeacherReader',
    'check_classes',
    'collect_features',
    'effective_rank',
    'knn_probe',
    'labels_of',
    'linear_cka',
    'linear_probe',
    'load_data_config',
    'numerical_rank',
    'participation_ratio',
    'pool_map',
    'rank_tolerance',
    'singular_values',
    'stable_rank',
    'stream_features',
    'summarise',
    'unbiased_hsic',
]

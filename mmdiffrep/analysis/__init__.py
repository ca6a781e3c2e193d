# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""What features are like: their spectra, what can be read from them, and how alike they are."""

from .cells import Cell, GridModel, diffusion_grid, encoder_grid
from .cka import StreamedCKA, linear_cka, unbiased_hsic
from .data import ImageBatch, ImageSource, check_classes, labels_of, load_data_config
from .encoder import Encoder, parse_encoder
from .features import (
    EncoderFeatures,
    FeatureKey,
    StudentReader,
    TeacherReader,
    collect_features,
    pool_map,
    stream_features,
)
from .probe import LabelledFeatures, ProbeResult, knn_probe, linear_probe
from .recommend import recommended_config
from .reward_curve import check_request, reward_curves
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
from .stored_split import StoredSplit
from .sweep import CellResult, best_cell, sweep

__all__ = [
    'Cell',
    'CellResult',
    'Encoder',
    'EncoderFeatures',
    'FeatureKey',
    'GridModel',
    'ImageBatch',
    'ImageSource',
    'LabelledFeatures',
    'ProbeResult',
    'SpectrumSummary',
    'StoredSplit',
    'StreamedCKA',
    'StreamedSpectrum',
    'StudentReader',
    'TeacherReader',
    'best_cell',
    'check_classes',
    'check_request',
    'collect_features',
    'diffusion_grid',
    'effective_rank',
    'encoder_grid',
    'knn_probe',
    'labels_of',
    'linear_cka',
    'linear_probe',
    'load_data_config',
    'numerical_rank',
    'parse_encoder',
    'participation_ratio',
    'pool_map',
    'rank_tolerance',
    'recommended_config',
    'reward_curves',
    'singular_values',
    'stable_rank',
    'stream_features',
    'summarise',
    'sweep',
    'unbiased_hsic',
]

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Analysis of features: spectra, linear probes, similarity, sweeps over taps and timesteps."""

from mmdiffrep.analysis.cells import Cell, GridModel, diffusion_grid, encoder_grid
from mmdiffrep.analysis.data import ImageBatch, ImageSource, check_classes
from mmdiffrep.analysis.encoder import Encoder, parse_encoder
from mmdiffrep.analysis.features import (
    EncoderFeatures,
    FeatureKey,
    StudentReader,
    TeacherReader,
    collect_features,
    pool_map,
    stream_features,
)
from mmdiffrep.analysis.recommend import recommended_config
from mmdiffrep.analysis.reward_curve import check_request, reward_curves
from mmdiffrep.analysis.stored_split import StoredSplit
from mmdiffrep.analysis.sweep import CellResult, best_cell, sweep

__all__ = [
    'Cell',
    'CellResult',
    'Encoder',
    'EncoderFeatures',
    'FeatureKey',
    'GridModel',
    'ImageBatch',
    'ImageSource',
    'StoredSplit',
    'StudentReader',
    'TeacherReader',
    'best_cell',
    'check_classes',
    'check_request',
    'collect_features',
    'diffusion_grid',
    'encoder_grid',
    'parse_encoder',
    'pool_map',
    'recommended_config',
    'reward_curves',
    'stream_features',
    'sweep',
]

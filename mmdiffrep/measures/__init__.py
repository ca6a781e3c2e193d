# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Measures of frozen features, as tensors: probes, spectra, similarity, Frechet distance."""

from mmdiffrep.measures.alignment import alignment, uniformity
from mmdiffrep.measures.cka import StreamedCKA, linear_cka, unbiased_hsic
from mmdiffrep.measures.grid_probe import GridProbe, ProbeTraining, fit_grid_probe
from mmdiffrep.measures.labels import check_labels, hold_out, labels_of
from mmdiffrep.measures.map_rank import map_rank
from mmdiffrep.measures.probe import LabeledFeatures, ProbeResult, knn_probe, linear_probe
from mmdiffrep.measures.spectrum import (
    SpectrumSummary,
    StreamedSpectrum,
    effective_rank,
    numerical_rank,
    participation_ratio,
    rank_tolerance,
    singular_values,
    stable_rank,
    summarize,
)

__all__ = [
    'GridProbe',
    'LabeledFeatures',
    'ProbeResult',
    'ProbeTraining',
    'SpectrumSummary',
    'StreamedCKA',
    'StreamedSpectrum',
    'alignment',
    'check_labels',
    'effective_rank',
    'fit_grid_probe',
    'hold_out',
    'knn_probe',
    'labels_of',
    'linear_cka',
    'linear_probe',
    'map_rank',
    'numerical_rank',
    'participation_ratio',
    'rank_tolerance',
    'singular_values',
    'stable_rank',
    'summarize',
    'unbiased_hsic',
    'uniformity',
]

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Options, types and versions that the documentation lists are those of the code."""

import inspect
import re
from pathlib import Path

import pytest

from mmdiffrep.apis import FeatureExtractor, SegmentationInferencer
from mmdiffrep.datasets import DatasetDDPM, DDPMSegDataset, FewShotSubset
from mmdiffrep.diffusion import DiTDenoiser
from mmdiffrep.engine.hooks import LabelRangeHook, PolicyLogHook, ProbeHook, RepFusionHook
from mmdiffrep.engine.hooks.repfusion_hook import PAIR_KEYS
from mmdiffrep.engine.loops import PixelTrainLoop
from mmdiffrep.feature_bank import FeatureBankDataset, FeatureReader, LatentDataset, LatentReader
from mmdiffrep.measures import ProbeTraining
from mmdiffrep.models.algorithms import DDPM, EDM
from mmdiffrep.models.backbones import (
    DPMBackbone,
    FeedbackDPMBackbone,
    HostBackbone,
    LatentDPMBackbone,
)
from mmdiffrep.models.heads import MultiProbeHead, PixelMLPEnsembleHead
from mmdiffrep.models.necks import ConvPool, DifFormer, LazyHypercolumn, PoolFlatten, TapPyramid
from mmdiffrep.models.rewards import ClassificationReward, InstanceDiscriminationReward
from mmdiffrep.models.segmentors import PixelEnsembleSegmentor
from mmdiffrep.models.timestep_policies import PolicyNet, ReinforcedTimestep, StagedTimestep
from mmdiffrep.registry import DATASETS, HOOKS, LOOPS, METRICS, MODELS, TRANSFORMS
from mmdiffrep.utils.versions import LIBRARIES

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / 'docs'
GIVEN_BY_RUNNER = {'runner', 'dataloader'}  # what a loop gets besides its config
TYPE = re.compile(r'\bmmdiffrep\.([A-Z]\w+)')


def table_names(page: Path) -> set:
    """All names in code spans of the first column of a page's tables."""
    rows = re.findall(r'^\| ([^|]+) \|', page.read_text(), re.MULTILINE)
    return {name for row in rows for name in re.findall(r'`([^`]+)`', row)}


@pytest.mark.parametrize(
    ('page', 'owner'),
    [
        ('howto_repfusion.md', RepFusionHook),
        ('howto_repfusion.md', ReinforcedTimestep),
        ('howto_repfusion.md', StagedTimestep),
        ('howto_repfusion.md', PolicyNet),
        ('howto_repfusion.md', ClassificationReward),
        ('howto_repfusion.md', InstanceDiscriminationReward),
        ('howto_repfusion.md', PolicyLogHook),
        ('howto_classify.md', DifFormer),
        ('howto_classify.md', PoolFlatten),
        ('howto_classify.md', ConvPool),
        ('howto_classify.md', TapPyramid),
        ('howto_classify.md', LabelRangeHook),
        ('howto_features.md', FeatureExtractor),
        ('howto_features.md', DPMBackbone),
        ('howto_feature_bank.md', FeatureBankDataset),
        ('howto_feature_bank.md', FeatureReader),
        ('howto_probe.md', MultiProbeHead),
        ('howto_probe.md', ProbeHook),
        ('howto_probe.md', ProbeTraining),
        ('howto_train_ddpm.md', DDPM),
        ('howto_train_ddpm.md', EDM),
        ('howto_fewshot.md', PixelEnsembleSegmentor),
        ('howto_fewshot.md', LazyHypercolumn),
        ('howto_fewshot.md', PixelMLPEnsembleHead),
        ('howto_fewshot.md', PixelTrainLoop),
        ('howto_fewshot.md', DDPMSegDataset),
        ('howto_fewshot.md', FewShotSubset),
        ('howto_fewshot.md', HostBackbone),
        ('howto_fewshot.md', DatasetDDPM),
        ('howto_fewshot.md', SegmentationInferencer),
        ('howto_diffeed.md', FeedbackDPMBackbone),
        ('howto_dit.md', DiTDenoiser.build),
        ('howto_dit.md', LatentDataset),
        ('howto_dit.md', LatentDPMBackbone),
        ('howto_dit.md', LatentReader),
    ],
)
def test_every_option_has_a_row(page, owner):
    options = set(inspect.signature(owner).parameters) - {'init_cfg', 'kwargs'} - GIVEN_BY_RUNNER
    assert options <= table_names(DOCS / page)


@pytest.mark.parametrize(
    ('page', 'tool'),
    [
        ('howto_analysis.md', 'analysis/analysis_options.py'),
        ('howto_analysis.md', 'analysis/spectrum.py'),
        ('howto_analysis.md', 'analysis/probe.py'),
        ('howto_analysis.md', 'analysis/cka.py'),
        ('howto_probe.md', 'analysis/sweep.py'),
        ('howto_feature_bank.md', 'build_feature_bank.py'),
        ('howto_train_ddpm.md', 'analysis/frechet.py'),
    ],
)
def test_every_option_of_a_tool_has_a_row(page, tool):
    options = set(re.findall(r"'(--[a-z-]+)'", (ROOT / 'tools' / tool).read_text()))
    assert options and options <= table_names(DOCS / page)


def test_every_key_of_a_pair_has_a_row():
    assert table_names(DOCS / 'howto_repfusion.md') >= PAIR_KEYS


def test_types_that_are_named_exist():
    pages = [ROOT / 'README.md', *DOCS.glob('*.md'), *ROOT.glob('configs/*/README.md')]
    named = {name for page in pages for name in TYPE.findall(page.read_text())}
    registries = (MODELS, HOOKS, LOOPS, DATASETS, TRANSFORMS, METRICS)
    unknown = {name for name in named if not any(name in registry for registry in registries)}
    assert named and not unknown


@pytest.mark.parametrize('library', LIBRARIES.values(), ids=LIBRARIES)
def test_readme_has_the_supported_and_tested_versions(library):
    tested = dict(
        line.split('==')
        for line in (ROOT / 'requirements' / 'constraints.txt').read_text().splitlines()
        if '==' in line
    )
    row = next(
        line
        for line in (ROOT / 'README.md').read_text().splitlines()
        if re.match(rf'\| {library.distribution}\b', line)
    )
    assert f'>= {library.low}, < {library.high}' in row
    assert f'| {tested[library.distribution]} |' in row

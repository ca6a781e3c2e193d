# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Options, types and versions that the documentation lists are those of the code."""

import inspect
import re
from pathlib import Path

import pytest

from mmdiffrep.apis import FeatureExtractor
from mmdiffrep.engine.hooks import RepFusionHook
from mmdiffrep.engine.hooks.repfusion_hook import PAIR_KEYS
from mmdiffrep.models.algorithms import DDPM
from mmdiffrep.models.backbones import DPMBackbone
from mmdiffrep.models.timestep_policies import ReinforcedTimestep
from mmdiffrep.registry import DATASETS, HOOKS, MODELS, TRANSFORMS
from mmdiffrep.utils.versions import LIBRARIES

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / 'docs'
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
        ('howto_features.md', FeatureExtractor),
        ('howto_features.md', DPMBackbone),
        ('howto_train_ddpm.md', DDPM),
    ],
)
def test_every_option_has_a_row(page, owner):
    options = set(inspect.signature(owner).parameters) - {'init_cfg'}
    assert options <= table_names(DOCS / page)


def test_every_key_of_a_pair_has_a_row():
    assert table_names(DOCS / 'howto_repfusion.md') >= PAIR_KEYS


def test_types_that_are_named_exist():
    pages = [ROOT / 'README.md', *DOCS.glob('*.md'), *ROOT.glob('configs/*/README.md')]
    named = {name for page in pages for name in TYPE.findall(page.read_text())}
    registries = (MODELS, HOOKS, DATASETS, TRANSFORMS)
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

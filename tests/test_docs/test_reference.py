# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The API reference has every class that a config can name; docs name existing types, versions."""

import re
from importlib import import_module
from pathlib import Path

import pytest
import yaml

from mmdiffrep.registry import DATASETS, HOOKS, LOOPS, METRICS, MODELS, STRATEGIES, TRANSFORMS
from mmdiffrep.utils.versions import LIBRARIES

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / 'docs'
REGISTRIES = (MODELS, HOOKS, LOOPS, DATASETS, TRANSFORMS, METRICS, STRATEGIES)
TYPE = re.compile(r'\bmmdiffrep\.([A-Z]\w+)')


def referenced_names() -> set[str]:
    """Public names of all modules that the pages of the reference show."""
    pages = '\n'.join(page.read_text() for page in DOCS.glob('reference/*.md'))
    names = set()
    for path in re.findall(r'^::: ([\w.]+)$', pages, re.MULTILINE):
        module = import_module(path)
        names.update(getattr(module, '__all__', vars(module)))
    return names


@pytest.mark.parametrize('registry', REGISTRIES, ids=lambda registry: registry.name)
def test_every_registered_class_is_in_the_reference(registry):
    registry.import_from_location()
    ours = {
        name
        for name, entry in registry.module_dict.items()
        if entry.__module__.startswith('mmdiffrep.') and not name.startswith('_')
    }
    assert ours
    assert sorted(ours - referenced_names()) == []


def test_what_a_notebook_imports_is_in_the_reference():
    assert {'FeatureExtractor', 'SegmentationInferencer', 'load_denoiser'} <= referenced_names()


def test_every_page_of_docs_is_in_the_navigation():
    navigation = (ROOT / 'mkdocs.yml').read_text()
    pages = [page.relative_to(DOCS).as_posix() for page in DOCS.glob('**/*.md')]
    pages += [page.relative_to(ROOT).as_posix() for page in ROOT.glob('configs/**/README.md')]
    assert not [page for page in pages if not re.search(rf': {re.escape(page)}$', navigation, re.M)]
    listed = re.findall(r': (\S+\.md)$', navigation, re.M)
    assert not [name for name in listed if not ((DOCS / name).exists() or (ROOT / name).exists())]
    assert yaml.safe_load(navigation)['strict']


def test_types_that_are_named_exist():
    pages = [ROOT / 'README.md', *DOCS.glob('*.md'), *ROOT.glob('configs/*/README.md')]
    named = {name for page in pages for name in TYPE.findall(page.read_text())}
    unknown = {name for name in named if not any(name in registry for registry in REGISTRIES)}
    assert named and not unknown - referenced_names()


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

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""What the documentation names is there: links, images, paths and headings; its code parses."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    ROOT / 'README.md',
    ROOT / 'CONTRIBUTING.md',
    ROOT / 'SECURITY.md',
    *sorted(ROOT.glob('docs/*.md')),
    *sorted(ROOT.glob('configs/**/README.md')),
]
FENCE = re.compile(r'^```(\w*)\n(.*?)^```$', re.MULTILINE | re.DOTALL)
LINK = re.compile(r'!?\[[^\]]*\]\(([^)\s]+)\)')
CODE = re.compile(r'`([^`\n]+)`')
# A file or folder of ours; names with <placeholders>, * or ... are not checked.
PATH = re.compile(r'(?:configs|tools|mmdiffrep|tests|requirements|docs)/[\w./-]+')

per_page = pytest.mark.parametrize('page', PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def prose(page: Path) -> str:
    return FENCE.sub('', page.read_text())


def blocks(page: Path, *languages: str) -> Iterator[tuple[str, str]]:
    return ((m[1], m[2]) for m in FENCE.finditer(page.read_text()) if m[1] in languages)


def anchors(page: Path) -> list[str]:
    """The names that a page's headings can be linked by."""
    headings = re.findall(r'^#+ (.+)$', prose(page), re.MULTILINE)
    kept = [re.sub(r'[^\w\- ]', '', heading.lower()) for heading in headings]
    return [heading.strip().replace(' ', '-') for heading in kept]


def test_pages_are_found():
    assert {'README.md', 'index.md', 'design.md'} <= {page.name for page in PAGES}


@per_page
def test_relative_links_and_images_resolve(page):
    broken = []
    for target in LINK.findall(prose(page)):
        if '://' in target:
            continue
        name, _, anchor = target.partition('#')
        other = (page.parent / name).resolve() if name else page
        if not other.exists() or (anchor and anchor not in anchors(other)):
            broken.append(target)
    assert not broken


@per_page
def test_named_paths_exist(page):
    commands = '\n'.join(text for _, text in blocks(page, 'shell', 'bash'))
    named = [text for text in CODE.findall(prose(page)) if PATH.fullmatch(text)]
    named += [path for path in PATH.findall(commands) if path.endswith(('.py', '.sh'))]
    # `tests/test_a/test_b.py` and `mmdiffrep/a/b.py` stand for any file.
    missing = [
        path
        for path in named
        if not (ROOT / path).exists() and not re.search(r'/(test_)?a/(test_)?b\.py$', path)
    ]
    assert not missing


@per_page
def test_python_blocks_parse(page):
    for _, text in blocks(page, 'python'):
        compile(text, str(page), 'exec')


@per_page
def test_languages_of_blocks_are_named(page):
    assert not [text for _, text in blocks(page, '')]


def test_every_page_is_listed():
    index = (ROOT / 'docs' / 'index.md').read_text()
    unlisted = [
        page.name
        for page in ROOT.glob('docs/*.md')
        if page.name != 'index.md' and f'({page.name})' not in index
    ]
    assert not unlisted


def test_readme_names_the_two_commands():
    commands = '\n'.join(text for _, text in blocks(ROOT / 'README.md', 'shell'))
    assert 'make demo' in commands and 'make test' in commands

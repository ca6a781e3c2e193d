# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""mkdocs hooks: pages that live outside ``docs/`` join the site, and links follow them.

The Markdown files link to each other by their places in the repository. On the site, a link to a
page becomes a link to that page, and a link to another file becomes its plain text.
"""

import re
from pathlib import Path
from posixpath import dirname, normpath, relpath

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[2]
OUTSIDE = (
    'CONTRIBUTING.md',
    'SECURITY.md',
    'configs/**/README.md',
    'mmdiffrep/assets/**/README.md',
)
LINK = re.compile(r'(!?)\[([^\]]*)\]\(([^)\s#]+)(#[^)\s]*)?\)')


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages outside ``docs/``, each at its path in the repository."""
    for pattern in OUTSIDE:
        for path in sorted(ROOT.glob(pattern)):
            name = path.relative_to(ROOT).as_posix()
            files.append(File.generated(config, name, abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Rewrite relative links from places in the repository to places on the site."""
    own = page.file.src_uri
    folder = dirname(own if page.file.generated_by else f'docs/{own}')

    def on_site(match: re.Match) -> str:
        image, text, target, anchor = match.groups()
        if '://' in target or target.startswith('mailto:'):
            return match[0]
        place = normpath(f'{folder}/{target}' if folder else target)
        name = place.removeprefix('docs/')
        if files.get_file_from_path(name) is None:
            return text
        return f'{image}[{text}]({relpath(name, dirname(own) or ".")}{anchor or ""})'

    return LINK.sub(on_site, markdown)

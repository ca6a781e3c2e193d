# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Packaging. As in every OpenMMLab library, ``.mim`` in the package holds configs and tools."""

import os
import re
import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
MIM_PARTS = ('configs', 'tools', 'demo', 'model-index.yml')


class BuildWithMim(build_py):
    """Copies ``.mim`` into a wheel; for an editable install, links it into the source tree."""

    def run(self):
        """Build the package, then add ``.mim``."""
        super().run()
        if self.editable_mode:
            mim = ROOT / 'mmdiffrep' / '.mim'
            mim.mkdir(exist_ok=True)
            for part in MIM_PARTS:
                link = mim / part
                link.unlink(missing_ok=True)
                link.symlink_to(os.path.relpath(ROOT / part, mim))
            return
        mim = Path(self.build_lib) / 'mmdiffrep' / '.mim'
        shutil.rmtree(mim, ignore_errors=True)
        mim.mkdir(parents=True)
        for part in MIM_PARTS:
            copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy2
            copy(ROOT / part, mim / part)
        for cache in mim.rglob('__pycache__'):
            shutil.rmtree(cache)


def requirements(name):
    """Return the lines of ``requirements/<name>.txt``, each a requirement."""
    lines = (ROOT / 'requirements' / f'{name}.txt').read_text().splitlines()
    return [line for line in lines if line and not line.startswith('#')]


def one_of(name, package):
    """Return the requirement on ``package`` in ``requirements/<name>.txt``."""
    return next(line for line in requirements(name) if line.startswith(package))


# mmcv is compiled as C++17, and torch 2.14 needs C++20. Its source needs --no-build-isolation: see
# docs/get_started.md.
MMCV = [one_of('mminstall', 'mmcv'), 'torch<2.14']
HOSTS = {
    'seg': [*MMCV, one_of('optional', 'mmsegmentation'), 'ftfy', 'regex', 'prettytable'],
    'pose': [*MMCV, one_of('optional', 'mmpose'), 'six', 'torchvision'],
    'cls': [*MMCV, one_of('optional', 'mmpretrain'), 'torchvision'],
    'det': [*MMCV, one_of('optional', 'mmdet'), 'pycocotools', 'shapely', 'terminaltables'],
}

setup(
    name='mmdiffrep',
    version=re.search(r"'(.+)'", (ROOT / 'mmdiffrep' / 'version.py').read_text()).group(1),
    description='Pre-trained diffusion models as representations for OpenMMLab',
    long_description=(ROOT / 'README.md').read_text() if (ROOT / 'README.md').exists() else '',
    long_description_content_type='text/markdown',
    license='Apache-2.0',
    packages=find_packages(include=['mmdiffrep', 'mmdiffrep.*']),
    package_data={'mmdiffrep': ['assets/**/*', 'app/page.html', 'py.typed']},
    python_requires='>=3.10,<3.14',
    install_requires=[one_of('mminstall', 'mmengine'), *requirements('runtime')],
    extras_require={
        **HOSTS,
        'all': sorted({line for lines in HOSTS.values() for line in lines}),
        'timm': [one_of('timm', 'timm')],
        'torchvision': ['torchvision'],
        'transformers': [one_of('hosts', 'transformers')],
        'app': ['werkzeug>=3.1,<4'],
        'fid': ['torch-fidelity>=0.4,<0.5'],
        'tests': requirements('tests'),
    },
    cmdclass={'build_py': BuildWithMim},
    zip_safe=False,
)

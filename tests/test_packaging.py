# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The package as users install it: as a wheel and editable, with configs inherited from outside."""

import os
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ('mmdiffrep', 'configs', 'demo', 'tools', 'requirements', 'setup.py', 'pyproject.toml')
FILES = ('MANIFEST.in', 'model-index.yml', 'LICENSE', 'README.md')
PROBE = 'repfusion/packaging_probe.py'
PIP = [sys.executable, '-m', 'pip', '--disable-pip-version-check', '-q']
BUILD = ['--no-deps', '--no-build-isolation', '--no-index']


def run(*command, **kwargs):
    environment = {k: v for k, v in os.environ.items() if k not in ('PYTHONPATH', 'PIP_CONSTRAINT')}
    result = subprocess.run(
        [str(word) for word in command],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        **kwargs,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.fixture(scope='module')
def source(tmp_path_factory):
    """A copy of the source tree, with one more config."""
    copy = tmp_path_factory.mktemp('source')
    for name in SOURCES + FILES:
        path = ROOT / name
        if path.is_dir():
            skip = shutil.ignore_patterns('__pycache__', '.mim')
            shutil.copytree(path, copy / name, ignore=skip)
        elif path.exists():
            shutil.copy(path, copy / name)
    probe = copy / 'configs' / PROBE
    probe.parent.mkdir(exist_ok=True)
    probe.write_text('probe = dict(a=1, b=2)\n')
    return copy


@pytest.fixture(scope='module')
def wheel(source, tmp_path_factory):
    folder = tmp_path_factory.mktemp('wheel')
    run(*PIP, 'wheel', *BUILD, '-w', folder, source)
    (path,) = folder.glob('mmdiffrep-*.whl')
    return path


@pytest.fixture(scope='module', params=['wheel', 'editable'])
def installed(request, source, wheel, tmp_path_factory):
    """Python of an environment of its own that borrows the heavy packages of this one."""
    folder = tmp_path_factory.mktemp(request.param)
    venv.create(folder, with_pip=False)
    python = folder / 'bin' / 'python'
    (site,) = folder.glob('lib/python*/site-packages')
    # A plain folder line: the borrowed packages are seen, but no editable install among them.
    (site / 'borrowed.pth').write_text(sysconfig.get_paths()['purelib'] + '\n')
    what = [wheel] if request.param == 'wheel' else ['-e', source]
    run(*PIP, '--python', python, 'install', *BUILD, '--ignore-installed', *what)
    return python


@pytest.fixture
def downstream(tmp_path):
    """Writes a downstream project's config, outside the repository."""

    def write(base):
        config = tmp_path / 'downstream.py'
        config.write_text(f'_base_ = {base}\nprobe = dict(b=3)\n')
        return config

    return write


def test_comes_from_where_it_was_installed(installed, source, tmp_path):
    place = run(installed, '-c', 'import mmdiffrep; print(mmdiffrep.__file__)', cwd=tmp_path)
    assert str(source) in place or str(installed.parents[1]) in place
    assert str(ROOT / 'mmdiffrep') not in place


def test_inherits_through_the_package_scope(installed, downstream, tmp_path):
    config = downstream(f"'mmdiffrep::{PROBE}'")
    code = (
        'import sys, mmdiffrep\n'
        'from mmengine.config import Config\n'
        'print(dict(Config.fromfile(sys.argv[1]).probe))'
    )
    output = run(installed, '-W', 'ignore', '-c', code, config, cwd=tmp_path)
    assert "'a': 1" in output and "'b': 3" in output


def test_inherits_by_path_under_a_foreign_launcher(installed, downstream, tmp_path):
    """mmseg's own tool never imports mmdiffrep; the config's ``_base_`` line does."""
    seg = pytest.importorskip('mmseg')
    launcher = Path(seg.__file__).parent / '.mim' / 'tools' / 'misc' / 'print_config.py'
    config = downstream(f"__import__('mmdiffrep').get_config_path('{PROBE}')")
    output = run(installed, '-W', 'ignore', launcher, config, cwd=tmp_path)
    assert 'a=1' in output and 'b=3' in output


def test_commands_run_without_the_source_tree(installed, tmp_path):
    output = run(installed, '-W', 'ignore', '-m', 'mmdiffrep', 'train', '-h', cwd=tmp_path)
    assert '--resume' in output


def test_wheel_carries_configs_tools_and_assets(wheel, source):
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {f'mmdiffrep/.mim/configs/{PROBE}', 'mmdiffrep/.mim/model-index.yml'} <= names
    assert 'mmdiffrep/.mim/tools/train.py' in names
    package = source / 'mmdiffrep'
    for path in (*package.rglob('*.py'), *package.glob('assets/**/*')):
        assert path.is_dir() or path.relative_to(source).as_posix() in names
    assert not [name for name in names if '__pycache__' in name]


def test_wheel_declares_the_extras(wheel):
    (metadata,) = (n for n in zipfile.ZipFile(wheel).namelist() if n.endswith('/METADATA'))
    text = zipfile.ZipFile(wheel).read(metadata).decode()
    for extra in ('seg', 'pose', 'cls', 'det', 'all'):
        assert f'Provides-Extra: {extra}' in text
    assert 'Requires-Dist: mmsegmentation<1.3,>=1.2.2; extra == "seg"' in text


def test_import_is_light():
    heavy = {'torch', 'torchvision', 'diffusers', 'mmcv', 'mmseg', 'mmpose', 'mmpretrain'}
    code = 'import sys, mmdiffrep; print(*sys.modules)'
    assert not heavy & set(run(sys.executable, '-W', 'ignore', '-c', code, cwd=ROOT).split())


def test_model_index_lists_every_config():
    listed = []
    for name in yaml.safe_load((ROOT / 'model-index.yml').read_text())['Import']:
        listed += [model['Config'] for model in yaml.safe_load((ROOT / name).read_text())['Models']]
    there = [path.relative_to(ROOT).as_posix() for path in ROOT.glob('configs/[!_]*/**/*.py')]
    assert sorted(listed) == sorted(there)

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Make the environment that mmdiffrep is tested in, or check one that exists.

Standard library only: this runs before anything is installed. It may be interrupted anywhere and
run again; a finished environment is recognized in well under a second.
"""

import argparse
import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from mmcv_wheel import MMCV_VERSION, provide_wheel
from step_runner import StepFailed, run_step

ROOT = Path(__file__).resolve().parents[2]
REQUIREMENTS = ROOT / 'requirements'
MIN_PYTHON, END_PYTHON = (3, 11), (3, 14)
MARKER = '.mmdiffrep-env'  # says that an environment was made by this file, which may change it
STAMP = '.mmdiffrep-ready'  # holds the fingerprint of what was installed, once all is
DISK_GB = 8
PIP_LINES = re.compile(
    r'^\s*(?:Collecting|Downloading|Using cached|Building|Installing|ERROR|error).*'
)

CHECK = """
import json, sys
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
def found(name):
    try:
        return version(name)
    except PackageNotFoundError:
        # OpenCV comes in builds with and without windows; any of them does.
        full = name.replace('-headless', '')
        return found(full) if full != name else None
versions = {name: found(name) for name in json.loads(sys.argv[1])}
print(json.dumps([versions, bool(versions['mmcv'] and find_spec('mmcv._ext'))]))
"""
IMPORTS = (
    'import cv2, diffusers, mmcv.ops, mmdet.registry, mmpose.models, mmpretrain.models, '
    'mmseg.models, torchvision, mmdiffrep; print("everything imports")'
)


class Step(NamedTuple):
    """One installation step: what it is called and what pip is given."""

    title: str
    pip: list[str]


def main() -> None:
    """Make or check the environment named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--venv', type=Path, default=Path('.venv'), help='default: .venv')
    venv = parser.parse_args().venv.absolute()
    try:
        if venv.exists() and not (venv / MARKER).exists() and any(venv.iterdir()):
            check_foreign(venv)
        else:
            build(venv)
    except StepFailed as failure:
        sys.exit(f'setup: {failure}')
    except KeyboardInterrupt:
        sys.exit('\nsetup: interrupted; run the same command again to continue.')


def fingerprint() -> str:
    """Hash of all that decides what gets installed."""
    files = sorted(
        [*REQUIREMENTS.glob('*.txt'), ROOT / 'setup.py', *ROOT.glob('tools/setup/*_env.py')]
    )
    texts = [path.read_bytes() for path in files]
    python = f'{sys.version} {sysconfig.get_platform()} {ROOT} {MMCV_VERSION}'
    return hashlib.sha256(b'\0'.join([python.encode(), *texts])).hexdigest()


def build(venv: Path) -> None:
    """Make or complete an environment of our own.

    Raises:
        StepFailed: Something that is needed is missing, or a step failed.
    """
    stamp = venv / STAMP
    python = venv / 'bin' / 'python'
    if stamp.exists() and stamp.read_text() == fingerprint() and python.exists():
        print(f'setup: {venv} is ready.')
        return
    check_machine(venv)
    venv.mkdir(parents=True, exist_ok=True)
    with open(venv / MARKER, 'w') as marker:
        fcntl.flock(marker, fcntl.LOCK_EX)  # a second `make` waits for this one
        stamp.unlink(missing_ok=True)
        install(venv, python)
        stamp.write_text(fingerprint())
    print(f'setup: {venv} is ready.')


def check_machine(venv: Path) -> None:
    """Fail early, with the remedy, where the machine lacks what cannot be installed from here."""
    version = sys.version_info[:2]
    if not MIN_PYTHON <= version < END_PYTHON:
        raise StepFailed(
            f'{sys.executable} is Python {version[0]}.{version[1]}; the tested set needs 3.11 to '
            '3.13. Give another one: make setup PYTHON=python3.11'
        )
    config = venv / 'pyvenv.cfg'
    if config.exists() and f'{version[0]}.{version[1]}.' not in config.read_text():
        raise StepFailed(
            f'{venv} was made by another Python than {version[0]}.{version[1]} ({sys.executable}). '
            'Remove the folder, or give that Python (PYTHON=) or another folder (VENV=).'
        )
    missing = []
    try:
        import ensurepip  # noqa: F401  Debian has it in a package of its own
    except ImportError:
        missing.append('python3-venv')
    if not (Path(sysconfig.get_paths()['include']) / 'Python.h').exists():
        missing.append('python3-dev')
    if not shutil.which(os.environ.get('CC', 'gcc')) or not shutil.which(
        os.environ.get('CXX', 'g++')
    ):
        missing.append('build-essential')
    if missing:
        raise StepFailed(
            f'this machine lacks {", ".join(missing)}, needed to build mmcv. On Debian or Ubuntu: '
            f'apt-get install {" ".join(missing)}'
        )
    existing = next(folder for folder in [venv, *venv.parents] if folder.exists())
    free = shutil.disk_usage(existing).free / 1e9
    if free < DISK_GB and not (venv / 'lib').exists():
        raise StepFailed(f'{existing} has {free:.1f} GB free; the environment takes {DISK_GB} GB.')


def steps() -> list[Step]:
    """Return what is installed, in this order."""
    listed = {name: ['-r', str(REQUIREMENTS / f'{name}.txt')] for name in requirement_files()}
    return [
        Step('build tools', listed['build']),
        Step('torch and torchvision (5 GB)', ['torch', 'torchvision']),
        Step('libraries', listed['runtime'] + listed['hosts'] + listed['tests']),
        Step('OpenMMLab hosts', ['--no-deps', 'mmengine', *listed['optional']]),
        Step('timm', ['--no-deps', '-r', str(REQUIREMENTS / 'timm.txt')]),
        # The published wheel of xtcocotools was built against numpy 1 and fails with numpy 2.
        Step(
            'xtcocotools',
            [
                *['--no-deps', '--no-build-isolation', '--no-cache-dir'],
                *['--no-binary', 'xtcocotools', 'xtcocotools'],
            ],
        ),
    ]


def install(venv: Path, python: Path) -> None:
    """Run every step that is not done; pip skips what is there in a second or two each."""
    log = venv / 'setup.log'
    started = time.monotonic()
    print(f'setup: building {venv} (log: {log})', flush=True)
    make_venv(venv, python, log)
    remove_half_installed(venv)
    todo = steps()
    total = len(todo) + 3
    pip = [str(python), '-m', 'pip', 'install', '-c', str(REQUIREMENTS / 'constraints.txt')]
    for number, step in enumerate(todo, 1):
        print(f'setup: [{number}/{total}] {step.title}', flush=True)
        run_step([*pip, *step.pip], log, PIP_LINES)
    print(f'setup: [{total - 2}/{total}] mmcv with its ops', flush=True)
    wheel = provide_wheel(python, REQUIREMENTS / 'constraints.txt')
    run_step([*pip, '--no-deps', str(wheel)], log, PIP_LINES)
    print(f'setup: [{total - 1}/{total}] mmdiffrep itself', flush=True)
    run_step([*pip, '--no-deps', '--no-build-isolation', '-e', str(ROOT)], log, PIP_LINES)
    print(f'setup: [{total}/{total}] check', flush=True)
    run_step([str(python), '-W', 'ignore', '-c', IMPORTS], log, re.compile('everything imports'))
    print(f'setup: done in {time.monotonic() - started:.0f} s', flush=True)


def make_venv(venv: Path, python: Path, log: Path) -> None:
    """Create the bare environment; one that was interrupted before pip worked is begun anew."""
    probe = [str(python), '-m', 'pip', '--version']
    if python.exists() and subprocess.run(probe, capture_output=True).returncode == 0:
        return
    for path in venv.iterdir():
        if path.name not in (MARKER, log.name):
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    run_step([sys.executable, '-m', 'venv', str(venv)], log, PIP_LINES)


def remove_half_installed(venv: Path) -> None:
    """Make pip install again what an interruption left without file list or under a ``~`` name."""
    for site in venv.glob('lib/python*/site-packages'):
        for path in site.iterdir():
            record = path / 'RECORD'
            cut = path.suffix == '.dist-info' and not (record.exists() and record.stat().st_size)
            if cut or path.name.startswith('~'):
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def check_foreign(venv: Path) -> None:
    """Check an environment that was not made here, and leave it as it is.

    Raises:
        StepFailed: It has no Python, or lacks packages; they are listed.
    """
    python = venv / 'bin' / 'python'
    if not python.exists():
        raise StepFailed(
            f'{venv} exists and is not a Python environment (no bin/python). Give another folder: '
            'make setup VENV=...'
        )
    names = needed_distributions()
    answer = subprocess.run(
        [str(python), '-c', CHECK, json.dumps(names)], capture_output=True, text=True
    )
    if answer.returncode:
        raise StepFailed(f'{python} does not run: {answer.stderr.strip()}')
    versions, has_ops = json.loads(answer.stdout)
    missing = [name for name in names if versions[name] is None]
    if versions['mmcv'] and not has_ops:
        missing.append('mmcv (it is there, but without its compiled ops)')
    if missing:
        raise StepFailed(
            f'{venv} was not made by `make setup`, so it is left as it is; it lacks: '
            f'{", ".join(missing)}. Install them there (tested versions: '
            'requirements/constraints.txt), or give an empty folder: make setup VENV=...'
        )
    tested = tested_versions()
    other = [
        f'{name} {versions[name]} (tested: {tested[name]})'
        for name in names
        if versions[name] and versions[name].split('+')[0] != tested.get(name, versions[name])
    ]
    print(f'setup: using {venv} as it is.' + (f' Untested: {", ".join(other)}' if other else ''))


def requirement_files() -> Sequence[str]:
    """Return the files whose packages make the environment."""
    return ('build', 'runtime', 'hosts', 'tests', 'optional', 'mminstall')


def needed_distributions() -> list[str]:
    """Names of all the packages in the requirement files."""
    lines = [
        line.split('#')[0].strip()
        for name in requirement_files()
        for line in (REQUIREMENTS / f'{name}.txt').read_text().splitlines()
    ]
    names = {normalized(re.split(r'[<>=!~\[; ]', line)[0]) for line in lines if line}
    return sorted({*names, 'xtcocotools'})


def tested_versions() -> dict[str, str]:
    """Package name to version, from the constraints file."""
    lines = (REQUIREMENTS / 'constraints.txt').read_text().splitlines()
    pairs = (line.split('==') for line in lines if '==' in line)
    return {normalized(name): version.strip() for name, version in pairs}


def normalized(name: str) -> str:
    """One spelling of a distribution's name."""
    return re.sub(r'[-_.]+', '-', name.strip()).lower()


if __name__ == '__main__':
    main()

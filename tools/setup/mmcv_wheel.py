# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""mmcv with its compiled ops: built once per machine and torch version, and kept as a wheel.

There is no published wheel of mmcv for a recent torch, and mmseg and mmdet import ``mmcv.ops``.
"""

import contextlib
import fcntl
import os
import re
import shutil
import subprocess
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from step_runner import run_step

MMCV_VERSION = '2.1.0'
SOURCE = Path(__file__).parents[2] / 'requirements' / 'mmcv_source.txt'  # with its hash
JOB_GB = 1.5  # memory of one compiler process
NINJA_LINES = re.compile(r'\[\d+/\d+\]')
PIP_LINES = re.compile(r'^\s*(?:Collecting|Downloading|ERROR|error).*')
KEY = """
import runpy, sys, sysconfig
from importlib.util import find_spec
# torch.__version__, without the seconds that importing torch takes
torch = runpy.run_path(find_spec('torch').origin.replace('__init__', 'version'))['__version__']
python = f'cp{sys.version_info[0]}{sys.version_info[1]}'
print(f'torch{torch}-{python}-{sysconfig.get_platform()}'.replace('+', '_'))
"""


def provide_wheel(python: Path, constraints: Path) -> Path:
    """Path of the wheel, from the cache or built now.

    The cache is ``$XDG_CACHE_HOME/mmdiffrep`` (default ``~/.cache/mmdiffrep``). A lock lets one
    process build while others wait; the wheel moves into place when it is complete; an interrupted
    build goes on where it stopped. With ``FORCE_CUDA=1`` in the environment the CUDA ops are built
    too (needs the CUDA toolkit of torch's version), into a wheel of its own.

    Args:
        python: Interpreter of the environment, which has torch, ninja and setuptools.
        constraints: pip's constraints file.

    Raises:
        StepFailed: The download or the build failed.
    """
    cuda = os.environ.get('FORCE_CUDA', '0') == '1'
    key = subprocess.run([str(python), '-c', KEY], capture_output=True, text=True, check=True)
    name = key.stdout.strip() + ('-cudaops' if cuda else '')
    cache = Path(os.environ.get('XDG_CACHE_HOME') or Path.home() / '.cache') / 'mmdiffrep'
    wheels = cache / 'wheels' / name
    wheels.mkdir(parents=True, exist_ok=True)
    with _locked(wheels / '.lock') as lock:
        wheel = complete_wheel(wheels)
        if wheel:
            print(f'    found in the cache: {wheel}', flush=True)
            return wheel
        return _build(python, constraints, cache / 'build' / name, wheels, cuda, lock)


def complete_wheel(wheels: Path) -> Path | None:
    """Return the intact mmcv wheel with ops in a folder, if any; remove a damaged one."""
    for wheel in sorted(wheels.glob(f'mmcv-{MMCV_VERSION}-*.whl')):
        try:
            with zipfile.ZipFile(wheel) as archive:
                has_ops = any(name.startswith('mmcv/_ext') for name in archive.namelist())
                if has_ops and archive.testzip() is None:
                    return wheel
        except zipfile.BadZipFile:
            pass  # cut: removed below, like one with a wrong checksum or without ops
        wheel.unlink()
    return None


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[TextIO]:
    with open(path, 'w') as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print('    another process is building mmcv; waiting for it', flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock


def _build(
    python: Path, constraints: Path, folder: Path, wheels: Path, cuda: bool, lock: TextIO
) -> Path:
    log = folder / 'build.log'
    folder.mkdir(parents=True, exist_ok=True)
    print(f'    compiling, once per machine: 5 to 25 minutes (log: {log})', flush=True)
    pip = [str(python), '-m', 'pip']
    source = _unpacked_source(pip, folder, log, lock)
    env = {
        'MMCV_WITH_OPS': '1',
        'FORCE_CUDA': str(int(cuda)),
        'MAX_JOBS': os.environ.get('MAX_JOBS', str(_jobs())),
        'CFLAGS': '-O2 -g0 -DNDEBUG',
        'PIP_CONSTRAINT': str(constraints),
    }
    if not cuda:
        env['CUDA_VISIBLE_DEVICES'] = ''  # mmcv's set-up wants the CUDA toolkit when it sees a GPU
    output = Path(tempfile.mkdtemp(dir=wheels, prefix='.partial-'))
    try:
        command = [*pip, 'wheel', '-v', '--no-deps', '--no-build-isolation', '-w', str(output)]
        run_step([*command, str(source)], log, NINJA_LINES, env, [lock.fileno()])
        built = next(output.glob('mmcv-*.whl'))
        final = wheels / built.name
        os.replace(built, final)
    finally:
        shutil.rmtree(output)
    shutil.rmtree(folder)
    return final


def _unpacked_source(pip: list, folder: Path, log: Path, lock: TextIO) -> Path:
    """Return the source tree; kept with its object files until the build is done."""
    source = folder / f'mmcv-{MMCV_VERSION}'
    if source.exists():
        return source
    download = '--no-deps --no-build-isolation --no-binary mmcv -d'.split()
    run_step(
        [*pip, 'download', *download, str(folder), '-r', str(SOURCE)],
        log,
        PIP_LINES,
        {'MMCV_WITH_OPS': '1', 'CUDA_VISIBLE_DEVICES': ''},
        [lock.fileno()],
    )
    unpacked = Path(tempfile.mkdtemp(dir=folder, prefix='unpack-'))
    archive = folder / f'mmcv-{MMCV_VERSION}.tar.gz'
    run_step(['tar', '-xzf', str(archive), '-C', str(unpacked)], log, PIP_LINES)
    os.replace(unpacked / source.name, source)
    return source


def _jobs() -> int:
    """As many compilers as there are cores and memory for."""
    memory = os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 1e9
    return max(1, min(len(os.sched_getaffinity(0)), int(memory / JOB_GB)))

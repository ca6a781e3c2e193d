# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Compile the fake CUDA runtime, and run a script that sees its card."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import torch

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


def missing() -> str:
    """Return what is not there to build it, or ``''``."""
    if shutil.which('gcc') is None:
        return 'gcc is missing'
    if torch.version.cuda is None or importlib.util.find_spec('triton') is None:
        return 'this torch was built without CUDA'
    return '' if sys.platform == 'linux' else 'libraries are preloaded on Linux only'


def build(folder: Path) -> None:
    """Compile both libraries into a folder."""
    headers = Path(importlib.util.find_spec('triton').origin).parent / 'backends/nvidia/include'
    compile_it = ['gcc', '-shared', '-fPIC', '-w', f'-I{headers}']
    subprocess.run([*compile_it, '-o', folder / 'runtime.so', HERE / 'runtime.c'], check=True)
    driver = ['-Wl,-soname,libcuda.so.1', '-o', folder / 'libcuda.so.1', HERE / 'driver.c']
    subprocess.run([*compile_it, *driver], check=True)


def run(folder: Path, script: str, *arguments: str, capability: int = 90) -> dict:
    """Run a script of this folder in a process of its own.

    Args:
        folder: Where :func:`build` has put the libraries.
        script: Name of the file; its last line of output is JSON.
        *arguments: Of the script.
        capability: Compute capability of the card, times ten.

    Returns:
        What the script printed.
    """
    environment = dict(
        os.environ,
        FAKE_CUDA_SM=str(capability),
        LD_PRELOAD=str(folder / 'runtime.so'),
        LD_LIBRARY_PATH=f'{folder}:{os.environ.get("LD_LIBRARY_PATH", "")}',
        PYTHONPATH=f'{ROOT}:{ROOT / "tools/benchmarks"}:{os.environ.get("PYTHONPATH", "")}',
        OMP_NUM_THREADS='1',
        CUDA_VISIBLE_DEVICES='0',
    )
    command = [sys.executable, '-W', 'ignore', str(HERE / script), *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return json.loads(done.stdout.splitlines()[-1])

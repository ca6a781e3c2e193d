# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Everything that is worth measuring on a GPU, in one run of at most 45 minutes, with one table.

    accuracy   features of the GPU against those of the CPU, in each precision
    waits      how often a step waits for the GPU
    teacher    passes of frozen networks: autocast and own precision, eager and compiled, in turns
    steps      whole steps: the student alone, with its teacher, with a compiled teacher, in turns
    input      images one by one, or collated and pinned
    ddpm_seg   ADM-256 at three timesteps: whole, and in parts
    bank       images per second of a feature bank
    variants   three steps of each variant of the distillation, in float32 and with AMP

    make benchmark-gpu
    python tools/benchmarks/gpu.py --only teacher steps --out gpu.txt
    python tools/benchmarks/gpu.py --rehearse       # tiny networks on any device, to try the script

Weights are random, images are empty or drawn: nothing is downloaded. The table ends with what the
machine is; send the file that `--out` names (work_dirs/benchmark_gpu.txt) with an issue.
"""

import argparse
import platform
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import diffusers
import torch
from gpu_parts import PARTS, free
from gpu_settings import Settings, full_size, rehearsal
from rich.console import Console
from rich.table import Table


class Row(NamedTuple):
    """A line of the table."""

    part: str
    what: str
    value: str


def machine(device: str) -> Iterator[tuple[str, str]]:
    """Say what the table was measured on."""
    if device.startswith('cuda'):
        properties = torch.cuda.get_device_properties(device)
        capability = f'{properties.major}.{properties.minor}'
        yield 'GPU', f'{properties.name}, {properties.total_memory / 2**30:.0f} GiB, {capability}'
    yield 'device', device
    yield 'versions', f'torch {torch.__version__}, diffusers {diffusers.__version__}'
    yield 'system', f'{platform.platform()}, Python {platform.python_version()}'


def measure(s: Settings, parts: list[str]) -> list[Row]:
    """Run the parts; one that fails is a row that says why."""
    rows = []
    for part in PARTS:
        name = part.__name__
        if name not in parts:
            continue
        start = time.perf_counter()
        try:
            for what, value in part(s):
                rows.append(Row(name, what, value))
                print(' | '.join(rows[-1]), flush=True)
        except Exception as error:  # noqa: BLE001, the other parts are worth having
            rows.append(Row(name, 'failed', f'{type(error).__name__}: {error}'))
            print(' | '.join(rows[-1]), flush=True)
        free(s)
        rows.append(Row(name, 'took', f'{time.perf_counter() - start:.0f} s'))
    rows += [Row('machine', what, value) for what, value in machine(s.device)]
    return rows


def write(rows: list[Row], file: Path) -> None:
    """Print the table and write it to a file."""
    table = Table(title='mmdiffrep on a GPU')
    for column in Row._fields:
        table.add_column(column, overflow='fold')
    for row in rows:
        table.add_row(*row)
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open('w') as out:
        Console(file=out, width=140).print(table)
    Console(width=140).print(table)
    print(f'written to {file}')


def main(arguments: list[str] | None = None) -> None:
    """Run the benchmark from the command line."""
    names = [part.__name__ for part in PARTS]
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--only', nargs='+', choices=names, default=names, metavar='PART')
    parser.add_argument('--out', type=Path, default=Path('work_dirs/benchmark_gpu.txt'))
    parser.add_argument('--rehearse', action='store_true', help='tiny sizes, on a CPU too')
    args = parser.parse_args(arguments)
    if not torch.cuda.is_available() and not args.rehearse:
        parser.exit(
            1,
            'No GPU: torch.cuda.is_available() is False. Is there one, and is its driver new '
            f'enough for this torch ({torch.__version__})? See "GPUs" in docs/get_started.md. '
            'Nothing was measured; --rehearse tries the script on the CPU.\n',
        )
    device = 'cuda' if torch.cuda.is_available() else 'cpu'
    if args.rehearse:
        rows = measure(rehearsal(device), args.only)
    else:
        rows = measure(full_size(device), args.only)
    write(rows, args.out)


if __name__ == '__main__':
    main()

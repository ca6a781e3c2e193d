# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Kill a training run at many moments, resume it, and compare with an undisturbed one bit for bit.

Without a command it runs the tiny training of ``mmdiffrep.testing.tiny_run``, and can also end it
exactly at one file operation of a save or let the disk be full there:

    python tools/benchmarks/kill_and_resume.py --kills 20

With a command, ``{work_dir}`` in it is filled in, and the process is killed from outside, at random
times and while a checkpoint is being written:

    python tools/benchmarks/kill_and_resume.py --kills 20 -- \
        python tools/train.py configs/repfusion/toyfaces_r18.py --resume --work-dir {work_dir}

Prints one line per kill; the exit status is 1 if any run ended with other weights, another best
score or other best checkpoints.
"""

import argparse
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from mmdiffrep.testing.compare_runs import differing_entries
from mmdiffrep.testing.file_faults import FileFault
from mmdiffrep.testing.tiny_run import run
from mmdiffrep.utils.atomic_file import INCOMPLETE_SUFFIX
from mmdiffrep.utils.find_checkpoints import find_resume_checkpoint

Process = subprocess.Popen | multiprocessing.process.BaseProcess

_POLL_SECONDS = 0.0005


class Moment(NamedTuple):
    """When and how a run is ended: one of ``operation``, ``saves`` and ``write`` is given.

    Attributes:
        operation: At this file operation of its saves, from 1.
        saves: After this many saves, and
        fraction: this share of the time between the last two of them.
        write: While the n-th file is being written, from 1, as seen from outside.
        sent: The signal.
        full_disk: The operation fails with 'no space left' instead.
    """

    operation: int = 0
    saves: int = 0
    fraction: float = 0.0
    write: int = 0
    sent: signal.Signals = signal.SIGKILL
    full_disk: bool = False

    def __str__(self) -> str:
        if self.full_disk:
            return f'disk full at file operation {self.operation}'
        if self.operation:
            return f'SIGKILL at file operation {self.operation}'
        if self.write:
            return f'{self.sent.name} during write {self.write}'
        return f'{self.sent.name} {self.saves + self.fraction:.2f} saves after the start'


class Progress:
    """Progress of a run, as seen from its work directory.

    Attributes:
        saves: How often ``last_checkpoint`` was written.
        writes: How many incomplete files were seen.
        interval: Seconds between the last two saves.
    """

    def __init__(self, work_dir: str) -> None:
        self.saves = 0
        self.writes = 0
        self.interval = 0.0
        self._folder = Path(work_dir)
        self._saved_at = time.monotonic()
        self._stamp = 0
        self._incomplete = False

    def update(self) -> None:
        """Update the counts."""
        pointer = self._folder / 'last_checkpoint'
        stamp = pointer.stat().st_mtime_ns if pointer.exists() else 0
        if stamp != self._stamp:
            now = time.monotonic()
            self.saves, self.interval = self.saves + 1, now - self._saved_at
            self._stamp, self._saved_at = stamp, now
        incomplete = any(self._folder.glob(f'.*{INCOMPLETE_SUFFIX}'))
        self.writes += incomplete and not self._incomplete
        self._incomplete = incomplete

    def has_reached(self, moment: Moment) -> bool:
        """Return whether a moment that is seen from outside has come."""
        if moment.write:
            return self.writes >= moment.write
        waited = time.monotonic() - self._saved_at
        return 0 < moment.saves <= self.saves and waited >= moment.fraction * self.interval


Launch = Callable[[str, Moment | None], Process]


def launch_tiny(work_dir: str, moment: Moment | None = None, **options: Any) -> Process:
    """Start the tiny run in a process forked from a server that has PyTorch imported already."""
    context = multiprocessing.get_context('forkserver')
    context.set_forkserver_preload(['mmengine.runner', 'mmdiffrep.engine.hooks'])
    process = context.Process(target=_tiny_child, args=(work_dir, moment, options))
    process.start()
    return process


def launch_command(command: Sequence[str], work_dir: str, moment: Moment | None = None) -> Process:
    """Start a command with its work directory filled in; its output goes there as well."""
    words = [word.replace('{work_dir}', work_dir) for word in command]
    with _open_output(work_dir) as output:
        return subprocess.Popen(words, stdout=output, stderr=subprocess.STDOUT)


def run_to_end(launch: Launch, work_dir: str) -> int:
    """Start or resume a run and wait for it.

    Returns:
        The number of saves.

    Raises:
        RuntimeError: It failed.
    """
    process, progress = launch(work_dir, None), Progress(work_dir)
    while _status(process) is None:
        progress.update()
        time.sleep(_POLL_SECONDS)
    if _status(process) != 0:
        raise RuntimeError(f'The run in {work_dir} ended with status {_status(process)}.')
    return progress.saves


def end_at(moment: Moment, launch: Launch, work_dir: str) -> int | None:
    """Start a run and end it at a moment.

    Returns:
        The exit status, negative for a signal; 0 if the run was over before.
    """
    process, progress = launch(work_dir, moment), Progress(work_dir)
    while _status(process) is None:
        progress.update()
        if progress.has_reached(moment):
            os.kill(process.pid, moment.sent)
            break
        time.sleep(_POLL_SECONDS)
    while _status(process) is None:
        time.sleep(_POLL_SECONDS)
    return _status(process)


def moments_of(kills: int, saves: int, operations: int, seed: int = 0) -> list[Moment]:
    """Return a mixture of moments.

    Args:
        kills: How many.
        saves: Saves in the run.
        operations: File operations in the run, or 0 if they cannot be reached from inside.
        seed: For the random ones.
    """
    draw = random.Random(seed)
    moments: list[Moment] = []
    for index in range(kills):
        if operations and index % 5 < 3:
            # Every kind of operation comes up: its number modulo 5 moves on with the index.
            at = draw.randrange(operations // 5) * 5 + index % 5 + index // 5 % 3 + 1
            moments.append(Moment(operation=min(at, operations), full_disk=index % 10 == 7))
        elif index % 3 == 1:
            moments.append(Moment(write=draw.randint(1, max(1, saves // 2))))
        else:
            sent = signal.SIGTERM if index % 3 == 2 else signal.SIGKILL
            at = draw.randint(1, max(1, saves - 2))
            moments.append(Moment(saves=at, fraction=draw.random(), sent=sent))
    return moments


def prove(launch: Launch, kills: int, operations: int, folder: str, seed: int = 0) -> int:
    """Run undisturbed once, then once per moment with a kill and a resume; print a table.

    Args:
        launch: Starts or resumes the run.
        kills: How many moments.
        operations: As for :func:`moments_of`.
        folder: For the work directories.
        seed: Of the moments.

    Returns:
        How many runs were not killed or ended with other weights.
    """
    reference = str(Path(folder) / 'undisturbed')
    saves = run_to_end(launch, reference)
    print(f'undisturbed: {saves} saves, ends with {Path(find_resume_checkpoint(reference)).name}')
    print(f'{"":>3} {"ended":<36} {"status":>6}  {"resumed from":<14} result')
    failures = 0
    for index, moment in enumerate(moments_of(kills, saves, operations, seed)):
        work_dir = str(Path(folder) / f'killed_{index}')
        status = end_at(moment, launch, work_dir)
        found = find_resume_checkpoint(work_dir)
        run_to_end(launch, work_dir)
        differing = differing_entries(work_dir, reference)
        result = 'equal' if not differing else f'DIFFERENT: {", ".join(differing)}'
        if status == 0:
            result += ', but it was over before the kill'
        failures += bool(differing) or status == 0
        resumed = Path(found).name if found else 'the start'
        print(f'{index + 1:>3} {moment!s:<36} {status:>6}  {resumed:<14} {result}', flush=True)
    print(f'{kills - failures} of {kills} killed and resumed runs equal the undisturbed one.')
    return failures


def count_operations(work_dir: str) -> int:
    """File operations of the saves in one whole tiny run."""
    fault = FileFault()
    with fault.installed():
        run(work_dir)
    return fault.count


def main() -> int:
    """Parse the command line and run the test."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--kills', type=int, default=20, help='number of kills (default: 20)')
    parser.add_argument('--seed', type=int, default=0, help='of the random moments (default: 0)')
    parser.add_argument('--work-dir', help='keep the runs here (default: a temporary folder)')
    parser.add_argument('command', nargs='*', help='the training command, after --')
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = args.work_dir or temporary
        if args.command:
            launch = partial(launch_command, args.command)
            return int(prove(launch, args.kills, 0, folder, args.seed) > 0)
        operations = count_operations(str(Path(folder) / 'counted'))
        launch = partial(launch_tiny, width=2048)
        return int(prove(launch, args.kills, operations, folder, args.seed) > 0)


def _tiny_child(work_dir: str, moment: Moment | None, options: dict[str, Any]) -> None:
    with _open_output(work_dir) as output:
        os.dup2(output.fileno(), sys.stdout.fileno())
        os.dup2(output.fileno(), sys.stderr.fileno())
    moment = moment or Moment()
    with FileFault(moment.operation, moment.full_disk).installed():
        run(work_dir, **options)


def _open_output(work_dir: str) -> BinaryIO:
    Path(work_dir).mkdir(parents=True, exist_ok=True)
    return open(Path(work_dir) / 'output.txt', 'ab')


def _status(process: Process) -> int | None:
    return process.poll() if isinstance(process, subprocess.Popen) else process.exitcode


if __name__ == '__main__':
    sys.exit(main())

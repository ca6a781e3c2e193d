# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Run one long command of the set-up: all of it into a log, what shows progress to the screen."""

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from re import Pattern

TAIL_LINES = 30
WIDTH = 100


class StepFailed(RuntimeError):
    """A set-up step cannot be done; the message says why and what to do."""


def run_step(
    command: Sequence[str],
    log: Path,
    show: Pattern[str],
    env: dict[str, str] | None = None,
    keep_open: Sequence[int] = (),
) -> None:
    """Run a command to its end.

    Args:
        command: The command.
        log: Its output is appended here.
        show: What matches in a line is shown, shortened, with the seconds gone.
        env: Variables set on top of this process's environment.
        keep_open: File descriptors the command inherits: a lock held by one of them lasts until the
            command ends, even if this process is killed before.

    Raises:
        StepFailed: The command failed; the message holds the end of its output.
    """
    started = time.monotonic()
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors='replace',
        env={
            **os.environ,
            'PIP_DISABLE_PIP_VERSION_CHECK': '1',
            'PYTHONUNBUFFERED': '1',
            **(env or {}),
        },
        pass_fds=keep_open,
    )
    tail = []
    try:
        with open(log, 'a') as log_file:
            print('$', *command, file=log_file, flush=True)
            for line in process.stdout:
                log_file.write(line)
                log_file.flush()
                tail = [*tail, line][-TAIL_LINES:]
                match = show.search(line)
                if match:
                    _show(match.group(0), time.monotonic() - started)
        code = process.wait()
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()
        if sys.stdout.isatty():
            print('\r\033[K', end='', flush=True)
    if code:
        raise StepFailed(f'`{" ".join(command)}` failed:\n{"".join(tail)}\nThe whole log: {log}')


def _show(text: str, seconds: float) -> None:
    """On a terminal one line that changes, else a line each."""
    text = f'    {seconds:5.0f} s  {text.strip()}'[:WIDTH]
    print(f'\r\033[K{text}' if sys.stdout.isatty() else f'{text}\n', end='', flush=True)

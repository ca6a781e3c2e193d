# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Run one thing on bad input in a process of its own, and judge what it says."""

import json
import os
import re
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from mmdiffrep.cli.command import hint

VERDICTS = ('clear', 'unclear', 'hang or crash', 'silently wrong', 'right')
# Errors that Python raises where nothing was checked, by type or by message.
_RAW_TYPES = (
    *('AttributeError', 'IndexError', 'UnboundLocalError', 'ZeroDivisionError'),
    *('RecursionError', 'AssertionError', 'MemoryError', 'UnicodeDecodeError'),
)
_RAW = re.compile(
    r'object is not|not supported between|unsupported operand|has no attribute|argument of type|'
    r'missing \d+ required|takes \d+ positional|values to unpack|invalid literal|could not convert'
)
# Words by which a message says what is expected or what to do.
_EXPECTED = re.compile(
    r'\b(must|expect\w*|need(?:s|ed)?|takes|has to|have to|should|one of|at least|at most|'
    r'did you mean|'
    r'give|gives|set|use|name|choose|replace|remove|unpack|save|draw|write|leave|check|get|complete|'
    r'make|run|prepare|build|crop|load|correct|leave)\b',
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Case:
    """One bad input.

    Attributes:
        group: Kind of input.
        name: Name of the case inside the group.
        run: Uses the input; is given an empty folder.
        names: What a clear error or warning names: the file or the key, one of them.
        expect: ``'error'`` if the input must be refused (or warned of), ``'ok'`` if it is fine
            after all, ``'any'`` if both are right.
        given: The wrong value as a clear error shows it, one of these texts; none: the name of a
            file says it all.
    """

    group: str
    name: str
    run: Callable[[Path], object]
    names: tuple[str, ...]
    expect: str = 'error'
    given: tuple[str, ...] = ()


class Outcome(NamedTuple):
    """Outcome of a case: ``kind`` is ``'ok'``, ``'error'``, ``'hang'`` or ``'crash'``."""

    kind: str
    type: str = ''
    message: str = ''
    output: str = ''


def judge(case: Case, outcome: Outcome) -> str:
    """Return one of ``VERDICTS``.

    An error is clear if it names the file or key, shows what was given, says what is expected or
    what to do, and is not one that Python raises where nothing was checked. A case that must be
    refused and is only warned of is clear if a line of the warning names the file or key.
    """
    if outcome.kind in ('hang', 'crash'):
        return 'hang or crash'
    if outcome.kind == 'ok':
        warned = any(
            'warn' in line.lower() and any(name in line for name in case.names)
            for line in outcome.output.splitlines()
        )
        if case.expect == 'error':
            return 'clear' if warned else 'silently wrong'
        return 'right'
    named = any(name in outcome.message for name in case.names)
    shown = not case.given or any(text in outcome.message for text in case.given)
    helps = _EXPECTED.search(outcome.message) is not None
    raw = outcome.type in _RAW_TYPES or _RAW.search(outcome.message) is not None
    return 'clear' if named and shown and helps and not raw else 'unclear'


def run_case(case: Case, timeout: float) -> Outcome:
    """Run a case in a forked process with a time limit."""
    with tempfile.TemporaryDirectory() as folder:
        report, output = Path(folder, 'report.json'), Path(folder, 'output.txt')
        Path(folder, 'work').mkdir()
        child = os.fork()
        if child == 0:
            _run_and_exit(case, Path(folder, 'work'), report, output)
        deadline = time.monotonic() + timeout
        while os.waitpid(child, os.WNOHANG) == (0, 0):
            if time.monotonic() > deadline:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
                return Outcome('hang', message=f'more than {timeout:g} s')
            time.sleep(0.005)
        text = output.read_text(errors='replace') if output.exists() else ''
        if not report.exists():
            return Outcome('crash', message=text[-300:])
        return Outcome(**json.loads(report.read_text()), output=text)


def _run_and_exit(case: Case, work: Path, report: Path, output: Path) -> None:
    try:
        os.setsid()
        written = os.open(output, os.O_WRONLY | os.O_CREAT)
        os.dup2(written, 1)
        os.dup2(written, 2)
        os.chdir(work)
        try:
            case.run(work)
            result = dict(kind='ok')
        except BaseException as error:  # noqa: BLE001 (whatever it raises is judged)
            message = str(error) + hint(str(error))  # as the commands print it
            result = dict(kind='error', type=type(error).__name__, message=message)
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        report.write_text(json.dumps(result))
    finally:
        os._exit(0)


def run_all(cases: Iterable[Case], timeout: float) -> Iterator[tuple[Case, Outcome, str]]:
    """Yield each case with its outcome and verdict."""
    for case in cases:
        outcome = run_case(case, timeout)
        yield case, outcome, judge(case, outcome)


def table(verdicts: Iterable[tuple[str, str]]) -> str:
    """Return a Markdown table of the verdicts by group from (group, verdict) pairs."""
    counts: dict[str, Counter] = {}
    for group, verdict in verdicts:
        counts.setdefault(group, Counter())[verdict] += 1
    rows = [
        f'| {group} | {sum(found.values())} | '
        + ' | '.join(str(found[verdict]) for verdict in VERDICTS)
        + ' |'
        for group, found in [*counts.items(), ('**sum**', sum(counts.values(), Counter()))]
    ]
    head = f'| what | tried | {" | ".join(VERDICTS)} |'
    return '\n'.join([head, '| --- ' * (2 + len(VERDICTS)) + '|', *rows])

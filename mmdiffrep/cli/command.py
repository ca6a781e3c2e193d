# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Run a command and report an error as one readable block."""

import inspect
import os
import re
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from mmengine.logging import MMLogger

from mmdiffrep.registry import DATASETS, HOOKS, LOOPS, METRICS, MODELS, TRANSFORMS
from mmdiffrep.utils.near_names import near_names

TRACEBACK_OPTION = '--traceback'
TRACEBACK_VARIABLE = 'MMDIFFREP_TRACEBACK'
# A launcher ends the other processes seconds after one has failed.
_WAIT_FOR_FIRST_PROCESS = 15.0
_REGISTRIES = (HOOKS, MODELS, DATASETS, TRANSFORMS, METRICS, LOOPS)
_UNKNOWN_OPTION = re.compile(r"(\w+)\.__init__\(\) got an unexpected keyword argument '(\w+)'")
_UNKNOWN_TYPE = re.compile(r'^(\w+) is not in the \S+ registry')
# mmengine adds it to a TypeError.
_HOOK = re.compile(r' in <[\w.]+ object at 0x[0-9a-f]+>')


def run_command(main: Callable[[], None]) -> None:
    """Run a command line; print the message of an error and log its traceback.

    With ``--traceback`` on the command line, or MMDIFFREP_TRACEBACK=1 in the environment, errors
    are raised unchanged. Where several processes fail for the same reason, the first one reports.

    Args:
        main: Reads the command line and does the work.

    Raises:
        SystemExit: With status 1 after an error, 130 after Ctrl-C.
    """
    if TRACEBACK_OPTION in sys.argv or os.environ.get(TRACEBACK_VARIABLE, '0') != '0':
        main()
        return
    try:
        main()
    except KeyboardInterrupt:
        print('\nStopped by Ctrl-C.', file=sys.stderr)
        raise SystemExit(130) from None
    except Exception as error:  # noqa: BLE001, whatever it is, it is reported
        if int(os.environ.get('RANK', 0)) > 0:
            time.sleep(_WAIT_FOR_FIRST_PROCESS)
        print(f'\n{describe_error(error, _append_traceback(error))}', file=sys.stderr, flush=True)
        raise SystemExit(1) from None


def describe_error(error: Exception, log_file: str | None = None) -> str:
    """Return an error's message, where it was raised, and where its traceback is.

    Args:
        error: A raised exception.
        log_file: The log that holds its traceback.
    """
    message = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
    message = _HOOK.sub('', message) + hint(message)
    raised_at = traceback.extract_tb(error.__traceback__)[-1]
    details = f'at {_short_path(raised_at.filename)}:{raised_at.lineno}'
    if log_file is not None:
        details += f', traceback in {log_file}'
    return (
        f'{type(error).__name__}: {message or "(no message)"}\n'
        f'({details}; {TRACEBACK_OPTION} or {TRACEBACK_VARIABLE}=1 shows the traceback here)'
    )


def hint(message: str) -> str:
    """Return near names for an unknown option or type of this package, as a line to append."""
    classes = {
        name: entry
        for registry in _REGISTRIES
        for name, entry in registry.module_dict.items()
        if entry.__module__.startswith('mmdiffrep.')
    }
    option, kind = _UNKNOWN_OPTION.search(message), _UNKNOWN_TYPE.search(message)
    if option is not None and option[1] in classes:
        known = list(inspect.signature(classes[option[1]]).parameters)
        near = near_names(option[2], known) or known
        return f'\nDid you mean {" or ".join(near)}?'
    if kind is not None:
        near = [f'mmdiffrep.{name}' for name in near_names(kind[1], classes)]
        return f'\nDid you mean {" or ".join(near)}?' if near else ''
    return ''


def _append_traceback(error: Exception) -> str | None:
    """Append the traceback to the run's log file, if there is one."""
    log_file = MMLogger.get_current_instance().log_file
    if log_file is None:
        return None
    try:
        with open(log_file, 'a', encoding='utf-8') as log:
            log.writelines(traceback.format_exception(error))
    except OSError:  # a full disk may be the error itself
        return None
    return log_file


def _short_path(filename: str) -> str:
    """Return a module's path, starting at its package."""
    path = Path(filename)
    package = path.parent
    while (package / '__init__.py').exists():
        package = package.parent
    return str(path.relative_to(package))

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Try several hundred bad inputs, each in a process of its own, and count the outcomes."""

import argparse
import sys
from importlib import import_module

import torch
from bad_config_cases import config_cases
from bad_file_cases import file_cases
from bad_part_cases import part_cases

from mmdiffrep.testing.bad_input import run_all, table

HEAVY = ('mmseg.models', 'mmseg.datasets', 'mmpretrain.models', 'mmpose.models', 'torch._dynamo')


def main(argv: list[str] | None = None) -> int:
    """Run the cases; return 1 if one hangs or crashes, or is silently wrong."""
    parser = argparse.ArgumentParser(
        description='Damaged files, wrong configs and wrong options: does each give an error that '
        'names the file or the key? Prints all that do not, and a table.'
    )
    parser.add_argument('--only', default='', help='cases whose group or name has this text')
    parser.add_argument('--timeout', type=float, default=60, help='seconds (default: %(default)s)')
    parser.add_argument('--verbose', action='store_true', help='print every case')
    args = parser.parse_args(argv)
    torch.set_num_threads(1)
    for name in HEAVY:  # once, and not in every process
        import_module(name)
    cases = [
        case
        for case in [*file_cases(), *config_cases(), *part_cases()]
        if args.only in f'{case.group}: {case.name}'
    ]
    verdicts = []
    for case, outcome, verdict in run_all(cases, args.timeout):
        verdicts.append((case.group, verdict))
        if args.verbose or verdict not in ('clear', 'right'):
            said = f'{outcome.type}: {outcome.message}' if outcome.message else outcome.kind
            print(f'{verdict:14} {case.group}: {case.name}: {said[:300]!r}', flush=True)
    print(table(verdicts))
    bad = {'hang or crash', 'silently wrong'}
    return int(any(verdict in bad for _, verdict in verdicts))


if __name__ == '__main__':
    sys.exit(main())

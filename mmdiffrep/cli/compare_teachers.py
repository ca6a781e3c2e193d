# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Compare teachers on your own images: is a student better with one, and what does it cost?"""

import argparse
from collections.abc import Sequence

from mmdiffrep.cli.command import TRACEBACK_OPTION


def main(argv: Sequence[str] | None = None) -> None:
    """Run the missing trainings and print the table.

    Args:
        argv: Command line without the program's name. Defaults to that of the process.
    """
    args = parser().parse_args(argv)
    from mmdiffrep.apis.teacher_comparison import compare_teachers  # imports torch

    options = {name: value for name, value in vars(args).items() if value is not None}
    options.pop('traceback')
    options['seeds'] = range(options['seeds'])
    print(compare_teachers(**options))


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    options = argparse.ArgumentParser(
        prog='python -m mmdiffrep compare-teachers', description=__doc__
    )
    add = options.add_argument
    add('--data', required=True, metavar='DIR', help='folder of images')
    add('--labels', required=True, metavar='DIR', help='PNG masks with the names of some of them')
    add('--teachers', required=True, nargs='+', help='as --teacher of pretrain')
    add('--out', required=True, metavar='DIR', help='folder of the results')
    add('--student', help='as --student of pretrain; default: a ResNet-18 of mmseg')
    add('--seeds', type=int, default=3, metavar='N', help='seeds 0 to N - 1 (default: 3)')
    add('--size', type=int, metavar='PX', help='side of the images (default: 64)')
    add('--iters', type=int, metavar='N', help='of the fine-tuning (default: 600)')
    add('--epochs', type=int, metavar='N', help='of the distillation; default: by the images')
    add(
        '--lr',
        type=float,
        nargs='+',
        help='rates of the fine-tuning; the best one without a teacher is used for all '
        '(default: 0.002 0.004 0.008)',
    )
    add('--teacher-minutes', type=float, nargs='+', help="what each teacher's own training took")
    add('--students-per-teacher', type=int, metavar='N', help='that share it (default: 1)')
    add('--num-workers', type=int, metavar='N', help='processes that read images (default: 0)')
    add(TRACEBACK_OPTION, action='store_true', help='show the traceback of an error')
    return options

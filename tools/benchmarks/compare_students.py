#!/usr/bin/env python
# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Train several students with several seeds, test them, and write a table of mean ± std.

A student is a config, or two joined by `+`: a distillation and the config that starts from it.

    CONFIGS=configs/repfusion/experiments
    python tools/benchmarks/compare_students.py $CONFIGS/fashionmnist_r18_scratch.py
        $CONFIGS/distill_fashionmnist_r18_uniform.py+$CONFIGS/fashionmnist_r18_finetune.py
        --seeds 0 1 2 --fractions 1 0.1 0.01

Configs that a config depends on are trained first, once per seed: a checkpoint
`work_dirs/NAME/iter_N.pth` (or epoch_N) in a config is the result of NAME.py in the same folder, or
between a folder and its `experiments`.
A diffusion model as the teacher must exist already.

A seed sets weights, augmentation and timesteps; the labeled images of a share or number are the
same for all seeds. All results are in WORK_DIR/results.csv, the table in WORK_DIR/table.md. Run
again, the same command continues where it was stopped; rows in results.csv are not run again.
A validation set other than the test set is measured too; --metric val/mIoU shows it.

Students that were distilled are compared with plain ones three times: at equal fine-tuning (with
the first plain one), at equal time (give a plain config that trains longer, too), and with the
training of their teacher. The training of a CNN teacher is timed here; for a diffusion model give
--teacher-minutes.
"""

import argparse
import itertools
from pathlib import Path

from rich.console import Console
from student_results import Labels, Results, Row
from student_settings import (
    SUBSET,
    check_fractions,
    check_num_labeled,
    keep_config,
    keep_options,
)
from student_trainer import Trainer

from mmdiffrep.utils.atomic_file import write_atomically
from mmdiffrep.utils.checkpoint_io import register_safe_loader
from mmdiffrep.utils.config_path import config_file


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('students', nargs='+', metavar='CONFIG', help='or DISTILLATION+CONFIG')
    parser.add_argument('--seeds', type=int, nargs='+', default=[0, 1, 2])
    parser.add_argument(
        '--fractions',
        type=float,
        nargs='+',
        default=[1.0],
        help=f'shares of the labels, for data sets of type {SUBSET} (default: all)',
    )
    parser.add_argument(
        '--num-labeled',
        type=int,
        nargs='+',
        metavar='N',
        help='numbers of labeled images, for configs with num_labeled (default: as they say)',
    )
    parser.add_argument('--work-dir', type=Path, default=Path('work_dirs/compare_students'))
    parser.add_argument(
        '--metric',
        help='of the table, such as mIoU (default: the first one of the test, which is aAcc for '
        'segmentation)',
    )
    parser.add_argument(
        '--teacher-minutes',
        type=float,
        default=0.0,
        help='training time of a diffusion model that is the teacher, for students none of whose '
        'teachers is trained here (default: not known)',
    )
    parser.add_argument(
        '--students-per-teacher', type=int, default=1, help='that share this time (default: 1)'
    )
    parser.add_argument(
        '--cfg-options', nargs='+', default=[], metavar='KEY=VALUE', help='for every training'
    )
    return parser.parse_args(argv)


def write_table(results: Results, args: argparse.Namespace) -> str:
    """Write all results so far into table.md, and return them."""
    ledgers = results.ledgers(args.metric, args.teacher_minutes, args.students_per_teacher)
    table = results.table(args.metric) + ledgers
    write_atomically(table.encode(), args.work_dir / 'table.md')
    return table


def main(argv: list[str] | None = None) -> None:
    """Run the missing students and write the table."""
    args = parse_args(argv)
    register_safe_loader()
    console = Console()
    students = {
        '+'.join(path.stem for path in paths): paths
        for paths in ([Path(config_file(name)) for name in s.split('+')] for s in args.students)
    }
    if any(len(paths) > 2 for paths in students.values()):
        raise ValueError('a student is CONFIG or DISTILLATION+CONFIG: at most one +')
    check_fractions({paths[-1] for paths in students.values()}, args.fractions)
    if args.num_labeled is not None:
        check_num_labeled({paths[-1] for paths in students.values()}, args.num_labeled)
    keep_options(args.work_dir, args.cfg_options)
    for config in {path for paths in students.values() for path in paths}:
        keep_config(args.work_dir, config)
    trainer = Trainer(args.work_dir, args.cfg_options, console)
    results = Results(args.work_dir / 'results.csv')
    # Seeds outermost: a table of all students is there after the first one.
    for seed in args.seeds:
        for labels in itertools.starmap(
            Labels, itertools.product(args.fractions, args.num_labeled or [0])
        ):
            for name, (*start, config) in students.items():
                row = Row(name, labels, seed)
                if not results.has(row):
                    trained = trainer.train(config, row, start=start[0] if start else None)
                    results.add(row, trainer.test(trained), trained)
                    write_table(results, args)
    table = write_table(results, args)
    console.print(table, highlight=False, soft_wrap=True)


if __name__ == '__main__':
    main()

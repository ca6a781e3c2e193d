# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Build the bank of features that a config's teacher reads, over all fixed views of its images.

A second run computes only missing features.
"""

import argparse
from collections.abc import Sequence

from mmengine.device import get_device
from mmengine.dist import get_rank, init_dist, is_distributed

from mmdiffrep.apis.build_teacher_bank import build_teacher_bank
from mmdiffrep.cli.run_config import add_run_arguments, load_config
from mmdiffrep.utils.dist import close_dist


def main(argv: Sequence[str] | None = None) -> None:
    """Build the bank; ``argv`` is the command line, by default that of the process."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config', help='config file, or the name of one that comes with mmdiffrep')
    parser.add_argument('--batch-size', type=int, default=8, metavar='B', help='images in a pass')
    parser.add_argument('--workers', type=int, metavar='N', help='processes that read images')
    parser.add_argument('--max-gb', type=float, help='refuse to build a larger bank')
    parser.add_argument('--device', default=get_device())
    add_run_arguments(parser)
    args = parser.parse_args(argv)
    cfg = load_config(args)
    if args.launcher != 'none' and not is_distributed():
        init_dist(args.launcher)
    max_bytes = None if args.max_gb is None else int(args.max_gb * 1e9)
    built = build_teacher_bank(cfg, args.device, args.batch_size, args.workers, max_bytes)
    if get_rank() == 0:
        speed = f', {built.num_computed / built.seconds:.1f} per second' if built.seconds else ''
        print(
            f'{built.bank.folder}: {len(built.bank)} views, {built.bank.num_bytes / 1e6:.1f} MB; '
            f'{built.num_computed} computed now{speed}'
        )
    close_dist()

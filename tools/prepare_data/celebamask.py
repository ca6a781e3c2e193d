# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Prepare a downloaded CelebAMask-HQ for training."""

import argparse
import sys
from pathlib import Path

from mmdiffrep.datasets.preparation.celebamask import prepare_celebamask
from mmdiffrep.datasets.preparation.celebamask_source import WHERE_TO_GET, CelebAMaskSource
from mmdiffrep.datasets.preparation.source_files import run_tool


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description='Bring CelebAMask-HQ into the layout of mmdiffrep.CelebAMaskHQDataset, with '
        'the official split. May be interrupted and started again.',
        epilog=WHERE_TO_GET,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('source', type=Path, help='folder that CelebAMask-HQ.zip unpacks to')
    parser.add_argument(
        '--partition',
        type=Path,
        help="CelebA's list_eval_partition.txt (default: the one in the source folder)",
    )
    parser.add_argument(
        '--out',
        type=Path,
        default=Path('data/CelebAMask-HQ'),
        help='folder to write to (default: %(default)s)',
    )
    parser.add_argument(
        '--size',
        type=int,
        default=512,
        help='height and width of images and masks in pixels (default: %(default)s)',
    )
    parser.add_argument('--workers', type=int, help='processes (default: one per CPU)')
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Run the tool and return its exit code."""
    args = parse_args(argv)
    source = CelebAMaskSource(root=args.source, partition=args.partition)

    def prepare() -> None:
        report = prepare_celebamask(source, args.out, size=args.size, workers=args.workers)
        split = ', '.join(f'{name} {count:,}' for name, count in report.split.items())
        print(f'{args.out}: {split}')
        print(f'{report.written:,} faces written, {report.skipped:,} were complete already.')

    return run_tool(prepare)


if __name__ == '__main__':
    sys.exit(main())

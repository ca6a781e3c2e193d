# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Prepare a downloaded Tiny-ImageNet for training."""

import argparse
import sys
from pathlib import Path

from mmdiffrep.datasets.preparation.source_files import run_tool
from mmdiffrep.datasets.preparation.tinyimagenet import WHERE_TO_GET, prepare_tinyimagenet


def main(argv: list[str] | None = None) -> int:
    """Run the tool and return its exit code."""
    parser = argparse.ArgumentParser(
        description='Bring Tiny-ImageNet into one folder per class, as the tinyimagenet_* configs '
        'read it. May be interrupted and started again.',
        epilog=WHERE_TO_GET,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('source', type=Path, help='folder that tiny-imagenet-200.zip unpacks to')
    parser.add_argument(
        '--out',
        type=Path,
        default=Path('data/tiny-imagenet'),
        help='folder to write to (default: %(default)s)',
    )
    args = parser.parse_args(argv)

    def prepare() -> None:
        report = prepare_tinyimagenet(args.source, args.out)
        total = sum(report.split.values())
        print(f'{args.out}: ' + ', '.join(f'{name} {n:,}' for name, n in report.split.items()))
        print(f'{report.written:,} images written, {total - report.written:,} were there already.')

    return run_tool(prepare)


if __name__ == '__main__':
    sys.exit(main())

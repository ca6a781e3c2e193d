# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Write a subset of a downloaded CIFAR-10 as image files."""

import argparse
import sys
from pathlib import Path

from mmdiffrep.datasets.preparation.cifar10 import WHERE_TO_GET, prepare_cifar10
from mmdiffrep.datasets.preparation.source_files import run_tool


def main(argv: list[str] | None = None) -> int:
    """Run the tool and return its exit code."""
    parser = argparse.ArgumentParser(
        description='Write a subset of CIFAR-10 as PNG files, one folder per class, as the '
        'cifar10_small_* configs read it. (The cifar10_* configs read the download itself.)',
        epilog=WHERE_TO_GET,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('source', type=Path, help='folder cifar-10-batches-py of the download')
    parser.add_argument(
        '--out',
        type=Path,
        default=Path('data/cifar10_small'),
        help='folder to write to (default: %(default)s)',
    )
    parser.add_argument(
        '--train', type=int, default=1000, help='training images per class (default: %(default)s)'
    )
    parser.add_argument(
        '--test', type=int, default=500, help='test images per class (default: %(default)s)'
    )
    args = parser.parse_args(argv)

    def prepare() -> None:
        report = prepare_cifar10(args.source, args.out, train=args.train, test=args.test)
        total = sum(report.split.values())
        print(f'{args.out}: ' + ', '.join(f'{name} {n:,}' for name, n in report.split.items()))
        print(f'{report.written:,} images written, {total - report.written:,} were there already.')

    return run_tool(prepare)


if __name__ == '__main__':
    sys.exit(main())

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Prepare a downloaded WFLW for training."""

import argparse
import sys
from pathlib import Path

from mmdiffrep.datasets.preparation.source_files import run_tool
from mmdiffrep.datasets.preparation.wflw import WHERE_TO_GET, WFLWSource, prepare_wflw


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description="Write WFLW's annotations as mmpose's WFLWDataset reads them, with the six "
        'attributes of every face. May be interrupted and started again.',
        epilog=WHERE_TO_GET,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        'source', type=Path, help='folder with WFLW_images and WFLW_annotations, e.g. data/wflw'
    )
    parser.add_argument(
        '--out',
        type=Path,
        help='folder to write annotations/*.json to (default: the source folder)',
    )
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Run the tool and return its exit code."""
    args = parse_args(argv)

    def prepare() -> None:
        report = prepare_wflw(WFLWSource(args.source), args.out)
        print(', '.join(f'{split} {count:,}' for split, count in report.faces.items()) + ' faces')
        print('test subsets: ' + ', '.join(f'{name} {n:,}' for name, n in report.subsets.items()))
        print('written: ' + (', '.join(report.written) or 'nothing, all was complete already'))

    return run_tool(prepare)


if __name__ == '__main__':
    sys.exit(main())

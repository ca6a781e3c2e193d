# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Prepare DDPM-Seg's data sets for training."""

import argparse
import sys
from pathlib import Path

from mmdiffrep.datasets.preparation.ddpm_seg import WHERE_TO_GET, prepare_ddpm_seg
from mmdiffrep.datasets.preparation.source_files import run_tool


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(
        description='Bring the data sets of DDPM-Seg into the layout of mmdiffrep.DDPMSegDataset. '
        'May be interrupted and started again.',
        epilog=WHERE_TO_GET,
    )
    parser.add_argument('source', type=Path, help='the unpacked archive')
    parser.add_argument('--out', type=Path, default=Path('data/ddpm_seg'), help='%(default)s')
    parser.add_argument('--size', type=int, default=256, help='side in pixels (%(default)s)')
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Run the preparation; return the exit status."""
    args = parse_args(argv)

    def prepare() -> None:
        counts = prepare_ddpm_seg(args.source, args.out, args.size)
        for name, (train, test) in counts.items():
            print(f'{args.out / name}: train {train}, test {test}')

    return run_tool(prepare)


if __name__ == '__main__':
    sys.exit(main())

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Write a trained student's config and weights for mmseg, mmpose or mmpretrain without mmdiffrep.

Example:
    python tools/export_student.py configs/repfusion/toyfaces_r18.py \
        work_dirs/toyfaces_r18/iter_300.pth --out exported
"""

import argparse
from collections.abc import Sequence

from mmdiffrep.apis.export_student import export_student


def main(argv: Sequence[str] | None = None) -> None:
    """Export.

    Args:
        argv: Command line without the program's name. Defaults to that of the process.
    """
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config', help='config file, or the name of one that comes with mmdiffrep')
    parser.add_argument('checkpoint')
    parser.add_argument('--out', required=True, metavar='DIR', help='folder to write to')
    parser.add_argument(
        '--trust-checkpoint',
        action='store_true',
        help='also load a checkpoint that runs code when it is loaded',
    )
    args = parser.parse_args(argv)
    student = export_student(args.config, args.checkpoint, args.out, trust=args.trust_checkpoint)
    for path in student[:3]:
        print(path)
    print(f'greatest difference of the raw outputs: {student.greatest_difference:.3g}')
    print(f'greatest difference of the pixels of an image file: {student.pixel_difference:.3g}')


if __name__ == '__main__':
    main()

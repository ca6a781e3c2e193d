# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
r"""Convert a checkpoint to weights that load without running code.

Example, the backbone of a student:

    python tools/convert_checkpoint.py iter_300.pth backbone.safetensors --prefix backbone.

The published pixel classifiers of DDPM-Seg (a folder of model_<i>.pth) as a checkpoint of ours:

    python tools/convert_checkpoint.py bedroom_28/50_150_250_5_6_7_8_12 bedroom.pth \
        --pixel-classifiers bedroom_28
"""

import argparse
from collections.abc import Sequence

from mmdiffrep.apis.convert_checkpoint import convert_checkpoint


def main(argv: Sequence[str] | None = None) -> None:
    """Convert.

    Args:
        argv: Command line without the program's name. Defaults to that of the process.
    """
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('source', help='.pth, .pt or .safetensors file, or a folder, see below')
    parser.add_argument('target', help='.pth or .safetensors file to write')
    parser.add_argument(
        '--trust', action='store_true', help='also load a pickle that runs code when it is loaded'
    )
    parser.add_argument('--prefix', default='', help='keep only these weights, without the prefix')
    parser.add_argument(
        '--rename',
        nargs='+',
        default=[],
        type=_pair,
        metavar='OLD=NEW',
        help='replace prefixes of the names',
    )
    parser.add_argument(
        '--pixel-classifiers',
        metavar='CATEGORY',
        help='source is a folder of published pixel classifiers of this data set of DDPM-Seg',
    )
    args = parser.parse_args(argv)
    if args.pixel_classifiers:
        from mmdiffrep.apis.convert_pixel_classifiers import convert_pixel_classifiers

        count = convert_pixel_classifiers(args.source, args.target, args.pixel_classifiers)
        print(f'{args.target}: {count} members')
        return
    count = convert_checkpoint(args.source, args.target, args.trust, args.prefix, args.rename)
    print(f'{args.target}: {count} tensors')


def _pair(text: str) -> tuple[str, str]:
    old, separator, new = text.partition('=')
    if not separator:
        raise argparse.ArgumentTypeError(f'{text!r} is not of the form OLD=NEW')
    return old, new


if __name__ == '__main__':
    main()

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Train a backbone on a folder of images without labels, with a frozen network as its teacher."""

import argparse
from collections.abc import Sequence

from mmdiffrep.cli.command import TRACEBACK_OPTION


def main(argv: Sequence[str] | None = None) -> None:
    """Pre-train the student and print how to load it.

    Args:
        argv: Command line without the program's name. Defaults to that of the process.
    """
    args = parser().parse_args(argv)
    from mmdiffrep.apis import pretrain  # imports torch, so after the arguments are checked

    options = vars(args)
    options.pop('traceback')
    print('\n'.join(pretrain(**options).lines()))


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    options = argparse.ArgumentParser(prog='python -m mmdiffrep pretrain', description=__doc__)
    add = options.add_argument
    add('data', metavar='DIR', help='folder of images; all below it are read')
    add(
        '--student',
        required=True,
        help='timm:NAME, torchvision:NAME, the config of a host model, or a name of mmpretrain',
    )
    add(
        '--teacher',
        required=True,
        nargs='+',
        help='mmdiffrep://toyfaces_ddpm_64, a diffusers folder or hub id, timm:NAME, '
        'torchvision:NAME, transformers:FOLDER; after random: with random weights; or several',
    )
    add('--out', required=True, metavar='DIR', help='folder of the run')
    add('--tap', nargs='+', help='layer of the teacher; default: by a rule that the table shows')
    add('--drop', type=float, default=0.0, metavar='P', help='leave out each of several teachers')
    add('--probe', metavar='DIR', help='folder of labeled images, one folder per class')
    add('--size', type=int, metavar='PX', help="side of the images; default: the teacher's")
    add('--epochs', type=int, metavar='N', help='default: by the number of images')
    add('--batch-size', type=int, metavar='N', help='default: by the device')
    add('--lr', type=float, help='learning rate; default: by the batch size')
    add('--num-workers', type=int, default=2, metavar='N', help='processes that read images')
    add('--seed', type=int, default=0)
    add('--skip-bad', action='store_true', help='leave out files that cannot be read')
    add('--resume', action='store_true', help='go on with the run in --out')
    add(TRACEBACK_OPTION, action='store_true', help='show the traceback of an error')
    return options

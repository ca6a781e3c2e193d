#!/usr/bin/env python
# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
r"""Compute a diffusion model's features of a data set once, and store them.

Run again, it computes only what is missing: after an interruption the rest, of a damaged shard its
images, of a complete bank nothing.

Examples:
    python tools/build_feature_bank.py mmdiffrep://toyfaces_ddpm_64 --taps dec.1 dec.3
    python tools/build_feature_bank.py google/ddpm-celebahq-256 --data repfusion/celebamask_r50.py \
        --taps mid dec.3 --timesteps 50 150 --noise per_image --pool 1 --out work_dirs/banks
    torchrun --nproc_per_node 8 tools/build_feature_bank.py MODEL --launcher pytorch
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from mmengine.config import Config
from mmengine.device import get_device
from mmengine.dist import get_rank, init_dist, is_distributed
from rich.console import Console
from rich.table import Table
from torch.utils.data import Subset

from mmdiffrep.analysis import ImageSource
from mmdiffrep.analysis.data import SPLITS
from mmdiffrep.diffusion.input_range import INTERPOLATIONS
from mmdiffrep.diffusion.precision import PRECISIONS
from mmdiffrep.feature_bank import BankBuild, FeatureReader, build_feature_bank, upsampled_bytes
from mmdiffrep.feature_bank.bank import VERIFY
from mmdiffrep.feature_bank.build import DEFAULT_ROOT
from mmdiffrep.feature_bank.reader import DTYPES
from mmdiffrep.utils.cfg_options import add_cfg_options
from mmdiffrep.utils.dist import PLACES, close_dist, setup_dist
from mmdiffrep.utils.host_models import find_config

DEFAULT_TIMESTEPS = [50, 150, 250]  # DDPM-Seg's


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = options.add_argument
    add('model', metavar='MODEL', help='diffusers folder, hub id, mmdiffrep://<name>')
    add(
        '--data',
        metavar='CONFIG',
        default='repfusion/toyfaces_r18_scratch.py',
        help='config whose data loaders give the images: a file, one of mmdiffrep, or host::name',
    )
    add('--split', choices=SPLITS, default='train', help='read through the test pipeline')
    add('--num-images', type=int, metavar='N', help='drawn at random; default: all')
    add_cfg_options(options)
    add('--channel-order', choices=['bgr', 'rgb'], help='default: from the data preprocessor')
    add('--taps', nargs='+', default=['mid'], help='see tools/list_taps.py')
    where = options.add_mutually_exclusive_group()
    where.add_argument(
        '--timesteps', nargs='+', type=int, metavar='T', help=f'default: {DEFAULT_TIMESTEPS}'
    )
    where.add_argument('--noise-levels', nargs='+', type=float, metavar='S', help='in (0, 1)')
    add('--noise', choices=['shared', 'per_image', 'none'], default='shared')
    add('--seed', type=int, default=0, help='of the noise')
    add('--draws', type=int, default=1, metavar='N', help='average over N draws of the noise')
    add('--prompt', help='what the images are said to show; default: the empty prompt')
    add('--size', type=int, help='side in pixels; default: the one the model was trained at')
    add('--interpolation', choices=INTERPOLATIONS, default='bilinear', help='of resizing')
    add('--pool', type=int, metavar='N', help='average maps over N x N cells; default: do not')
    add('--dtype', choices=DTYPES, default='float16', help='what is stored')
    add('--precision', choices=PRECISIONS, help='default: float32 on a CPU, auto on a GPU')
    add('--batch-size', type=int, default=8, metavar='B', help='images in a pass')
    add('--device', default=get_device())
    add('--out', type=Path, default=Path(DEFAULT_ROOT), metavar='DIR', help='where banks are')
    add('--max-gb', type=float, help='refuse to build a larger bank (1 GB = 1e9 bytes)')
    add('--verify', choices=VERIFY, default='sizes', help='full: compare checksums too')
    add('--launcher', choices=['none', *PLACES], default='none', help='of several processes')
    return options


def build(args: argparse.Namespace) -> None:
    """Build the bank and say what it took."""
    if args.launcher != 'none':
        setup_dist(Config(), args.launcher)
        if not is_distributed():
            init_dist(args.launcher)
    cfg = find_config(args.data, args.cfg_options)
    source = ImageSource(cfg, args.split, args.num_images, channel_order=args.channel_order)
    timesteps = args.timesteps or (None if args.noise_levels else DEFAULT_TIMESTEPS)
    reader = FeatureReader(
        args.model,
        args.taps,
        timesteps,
        args.noise_levels,
        'none' if args.noise == 'none' else dict(type=args.noise, seed=args.seed),
        size=args.size,
        channel_order=source.channel_order,
        pool=args.pool,
        dtype=args.dtype,
        precision=args.precision,
        device=args.device,
        batch_size=args.batch_size,
        prompt=args.prompt,
        draws=args.draws,
        interpolation=args.interpolation,
    )
    max_bytes = None if args.max_gb is None else int(args.max_gb * 1e9)
    images = Subset(source.dataset, source.indices)
    result = build_feature_bank(images, reader, args.out, max_bytes, args.verify)
    if get_rank() == 0:
        report(result, reader, source.name)
    close_dist()


def report(result: BankBuild, reader: FeatureReader, title: str) -> None:
    """Print size, speed and what the store saves."""
    per_image = reader.bytes_per_image
    resized = upsampled_bytes(reader.shapes, reader.recipe.size)
    speed = f'{result.num_computed / result.seconds:.1f} images/s' if result.num_computed else '-'
    rows = {
        'images': f'{result.num_images}, of which {result.num_computed} computed now',
        'speed': speed,
        'an image': f'{per_image / 1e6:.3f} MB, {len(reader.shapes)} maps, {in_words(reader)}',
        'resized to the image in float32': f'{resized / 1e6:.3f} MB, {resized / per_image:.1f}x',
        'bank': f'{result.bank.num_bytes / 1e6:.1f} MB, {len(result.bank)} images',
        'folder': str(result.bank.folder),
    }
    table = Table(title=title, show_header=False)
    for name, value in rows.items():
        table.add_row(name, value)
    Console().print(table)


def in_words(reader: FeatureReader) -> str:
    """Return what is stored, in words."""
    pool = reader.recipe.pool
    return f'{reader.recipe.dtype}, ' + ('own resolution' if pool is None else f'{pool} x {pool}')


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; what the user can put right ends in its message and exit status 2."""
    options = parser()
    args = options.parse_args(arguments)
    try:
        build(args)
    except KeyboardInterrupt:
        options.exit(130, 'Stopped. Complete parts are kept; the same command goes on there.\n')
    except (OSError, ValueError, ImportError) as error:
        options.exit(2, f'{error}\n')


if __name__ == '__main__':
    main()

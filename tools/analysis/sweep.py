#!/usr/bin/env python
# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
r"""Accuracy of linear probes over a grid of timesteps, taps and pool sizes, in one sweep.

The features of all cells are read in one pass per image and stored; all heads are trained at once.
The best cell is chosen on held-out training images and written as a config. Run again after an
interruption, it goes on where it stopped.

Examples:
    python tools/analysis/sweep.py mmdiffrep://toyfaces_ddpm_64 --timesteps 0 50 200 \
        --taps mid dec.2 dec.5 --pools 1 2
    python tools/analysis/sweep.py work_dirs/ddpm_cifar10_32/denoiser --taps mid dec.0 dec.3 \
        --data repfusion/experiments/cifar10_small_r18_scratch.py \
        --seeds 0 1 2 --views 4 --augment crop flip \
        --encoders mmpretrain::resnet/resnet50_8xb32_in1k.py=resnet50.pth
    torchrun --nproc_per_node 8 tools/analysis/sweep.py MODEL --launcher pytorch
"""

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from analysis_options import (
    add_encoder_arguments,
    encoders_of,
    image_source,
    print_rows,
    run_tool,
    save_figure,
    write_csv,
)
from matplotlib.figure import Figure
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.dist import init_dist, is_distributed, is_main_process
from rich.console import Console

from mmdiffrep.analysis import (
    CellResult,
    GridModel,
    StoredSplit,
    best_cell,
    check_classes,
    diffusion_grid,
    encoder_grid,
    recommended_config,
    sweep,
)
from mmdiffrep.feature_bank import AUGMENTATIONS
from mmdiffrep.feature_bank.build import DEFAULT_ROOT
from mmdiffrep.feature_bank.reader import DTYPES
from mmdiffrep.measures import ProbeTraining, hold_out
from mmdiffrep.utils.atomic_file import write_atomically
from mmdiffrep.utils.cfg_options import add_cfg_options
from mmdiffrep.utils.dist import PLACES, close_dist, setup_dist
from mmdiffrep.utils.host_models import find_config
from mmdiffrep.visualization import draw_heat_maps

DEFAULT_TIMESTEPS = [0, 10, 50, 100, 200, 500]
COLUMNS = dict(
    model='',
    tap='',
    timestep='d',
    noise_level='.3f',
    pool='d',
    width='d',
    held_out='.1%',
    test='.1%',
)


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
        default='repfusion/toyfaces_r18_cls_scratch.py',
        help='config whose data loaders give the images: a file, one of mmdiffrep, or host::name',
    )
    add_cfg_options(options, 'the data config')
    add('--channel-order', choices=['bgr', 'rgb'], help='default: from the data preprocessor')
    add('--test-split', choices=['val', 'test'], default='test')
    add('--num-images', type=int, metavar='N', help='training images; default: all')
    add('--num-test', type=int, metavar='N', help='test images; default: all')
    add('--taps', nargs='+', default=['mid'], help='see tools/list_taps.py')
    where = options.add_mutually_exclusive_group()
    where.add_argument('--timesteps', nargs='+', type=int, metavar='T')
    where.add_argument('--noise-levels', nargs='+', type=float, metavar='S')
    add('--pools', nargs='+', type=int, default=[1], metavar='N', help='N x N cells of a map')
    add('--noise', choices=['per_image', 'shared', 'none'], default='per_image')
    add('--views', type=int, default=1, metavar='V', help='draws of noise and augmentation')
    add('--augment', nargs='+', choices=AUGMENTATIONS, default=[], help='from the second view on')
    add_encoder_arguments(options)
    add('--alignment', action='store_true', help='also alignment and uniformity')
    add('--held-out', type=float, default=0.1, metavar='SHARE', help='of the training images')
    add('--seeds', nargs='+', type=int, default=[0], help='heads of a cell')
    add('--epochs', type=int, default=15)
    add('--min-steps', type=int, default=300, help='few images get more epochs')
    add('--head-batch-size', type=int, default=128, metavar='B')
    add('--lr', type=float, default=1e-3)
    add('--optimizer', choices=['adam', 'adamw'], default='adam')
    add('--weight-decay', type=float, default=0.0)
    add('--no-standardize', action='store_true', help='heads on the features as they are')
    add('--dtype', choices=DTYPES, default='float16', help='of stored features')
    add('--batch-size', type=int, default=64, metavar='B', help='images in a pass, times t')
    add('--banks', type=Path, default=Path(DEFAULT_ROOT), metavar='DIR', help='stored features')
    add('--max-gb', type=float, help='refuse to store more of a model (1 GB = 1e9 bytes)')
    add('--device', default=get_device())
    add('--launcher', choices=['none', *PLACES], default='none', help='of several processes')
    add('--out', type=Path, default=Path('work_dirs/sweep'), metavar='DIR')
    return options


def measure(args: argparse.Namespace) -> None:
    """Store features, train the heads, print, write and draw."""
    if args.launcher != 'none':
        setup_dist(Config(), args.launcher)
        if not is_distributed():
            init_dist(args.launcher)
    if args.views > 1 and args.noise == 'none' and not args.augment:
        raise ValueError('Without noise all views are the same: give --augment, or --views 1.')
    if args.augment and args.views < 2:
        raise ValueError('The first view is not augmented: give --views 2 or more.')
    training = ProbeTraining(
        epochs=args.epochs,
        batch_size=args.head_batch_size,
        lr=args.lr,
        optimizer=args.optimizer,
        weight_decay=args.weight_decay,
        seeds=tuple(args.seeds),
        min_steps=args.min_steps,
        standardize=not args.no_standardize,
    )
    sources = [
        image_source(args, 'train', args.num_images),
        image_source(args, args.test_split, args.num_test),
    ]
    models = grid_models(args, sources[0].channel_order)
    max_bytes = None if args.max_gb is None else int(args.max_gb * 1e9)
    views = [range(args.views), range(2 if args.alignment else 1)]
    augmentations = [args.augment, []]
    train, test = (
        StoredSplit(source, models, args.banks, view, augmentation, max_bytes)
        for source, view, augmentation in zip(sources, views, augmentations)
    )
    is_main = is_main_process()
    close_dist()  # heads need no other process, and none could wait for them so long
    if not is_main:
        return
    number = int(train.labels.max()) + 1
    classes = sources[0].classes or [str(label) for label in range(number)]
    check_classes(train.labels, classes, train.name)
    results = sweep(
        models,
        train,
        test,
        len(classes),
        training,
        args.held_out,
        measure_alignment=args.alignment,
        device=args.device,
    )
    report(args, results, len(train), len(test), sources[0].name)
    num_held_out = int(hold_out(train.labels, len(classes), args.held_out).sum())
    recommend(args, results, models[0], classes, training, len(sources[0].dataset), num_held_out)


def grid_models(args: argparse.Namespace, channel_order: str) -> list[GridModel]:
    """Return the diffusion model and its rivals."""
    common = dict(
        pools=args.pools, channel_order=channel_order, dtype=args.dtype, pass_size=args.batch_size
    )
    timesteps = args.timesteps or (None if args.noise_levels else DEFAULT_TIMESTEPS)
    models = [
        diffusion_grid(
            args.model,
            args.taps,
            timesteps,
            args.noise_levels,
            noise=args.noise,
            views=max(args.views, 2 if args.alignment else 1),
            device=args.device,
            **common,
        )
    ]
    for encoder in encoders_of(args, channel_order):
        models.append(encoder_grid(encoder, views=len(models[0].readers), **common))
    return models


def report(
    args: argparse.Namespace,
    results: Sequence[CellResult],
    num_train: int,
    num_test: int,
    title: str,
) -> None:
    """Table, CSV and heat map."""
    rows = [result.row() for result in results]
    for row in rows:
        row.update(seeds=len(args.seeds), num_train=num_train, num_test=num_test)
    write_csv(args.out / 'sweep.csv', rows)
    columns = dict(COLUMNS)
    if not args.encoders:
        del columns['model']
    if len(args.seeds) > 1:
        columns.update(held_out_std='.1%', test_std='.1%')
    if args.alignment:
        columns.update(alignment='.4f', uniformity='.3f')
    print_rows(rows, f'{num_train} images of the {title}, {num_test} test images', columns)
    save_figure(draw(rows), args.out / 'sweep.png')


def recommend(
    args: argparse.Namespace,
    results: Sequence[CellResult],
    model: GridModel,
    classes: Sequence[str],
    training: ProbeTraining,
    num_images: int,
    num_held_out: int,
) -> None:
    """Says which cell is best, and writes its config."""
    best = best_cell(result for result in results if result.cell.timestep is not None)
    cell = best.cell
    said = f'{cell.tap}, t = {cell.timestep}, pool {cell.pool}'
    data = find_config(args.data, args.cfg_options)
    accuracy = float(best.held_out.mean())
    error = (accuracy * (1 - accuracy) / num_held_out) ** 0.5
    images = f'{num_held_out} held-out images'
    text = recommended_config(
        cell,
        model.readers[0].recipe,
        len(classes),
        data,
        args.data,
        args.out,
        training,
        args.cfg_options,
        num_images,
        args.test_split,
        comment=f'{said}: best of {len(results)}, {accuracy:.1%} of {images}.',
    )
    write_atomically(text.encode(), args.out / 'recommended.py')
    Console().print(
        f'Best by the held-out images: {said}; held out {accuracy:.1%}, test '
        f'{float(best.test.mean()):.1%}. The standard error of {images} is {error:.1%}: '
        f'cells that are closer are equally good. Its config: {args.out / "recommended.py"}'
    )


def draw(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """Timesteps against taps, a panel for each pool size; the rivals in the heading."""
    grid = [row for row in rows if row['timestep'] is not None]
    timesteps = list(dict.fromkeys(row['timestep'] for row in grid))
    taps = list(dict.fromkeys(row['tap'] for row in grid))
    panels: dict[str, np.ndarray] = {}
    for row in grid:
        name = f'pool {row["pool"]} x {row["pool"]}'
        values = panels.setdefault(name, np.full((len(timesteps), len(taps)), np.nan))
        values[timesteps.index(row['timestep']), taps.index(row['tap'])] = row['held_out']
    rivals: dict[str, float] = {}
    for row in rows:
        if row['timestep'] is None:
            rivals[row['model']] = max(row['held_out'], rivals.get(row['model'], 0.0))
    heading = [grid[0]['model'], *(f'{name}: {value:.1%}' for name, value in rivals.items())]
    return draw_heat_maps(
        panels,
        [str(timestep) for timestep in timesteps],
        taps,
        'timestep',
        'tap',
        '\n'.join(heading),
        'held-out accuracy (%)',
        scale=100,
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    run_tool(parser(), measure, arguments)


if __name__ == '__main__':
    main()

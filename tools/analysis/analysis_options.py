# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Options, errors, tables and files that the tools of this folder share."""

import argparse
import csv
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from mmengine.device import get_device
from rich.console import Console
from rich.table import Table

from mmdiffrep.analysis import Encoder, ImageSource, TeacherReader, parse_encoder
from mmdiffrep.analysis.data import SPLITS
from mmdiffrep.utils.cfg_options import add_cfg_options
from mmdiffrep.utils.host_models import find_config

TIMESTEPS = (0, 2, 10, 50, 100, 200, 300, 500, 700, 900)
NOISES = ('none', 'per_image', 'shared')
# One color per tap, one line style per noise source, in the order given.
COLORS = ('tab:blue', 'tab:orange', 'tab:green', 'tab:red', 'tab:purple', 'tab:brown')
STYLES = ('-', '--', ':')


def add_arguments(
    parser: argparse.ArgumentParser,
    noises: Sequence[str] = ('none', 'per_image'),
    timesteps: Sequence[int] = TIMESTEPS,
) -> None:
    """Add the options every tool has.

    Args:
        parser: The tool's.
        noises: Default of ``--noise``.
        timesteps: Default of ``--timesteps``.
    """
    parser.add_argument(
        'model', metavar='MODEL', help='diffusers folder, hub id, mmdiffrep://<name>'
    )
    parser.add_argument(
        '--data',
        metavar='CONFIG',
        default='repfusion/toyfaces_r18_cls_scratch.py',
        help='config whose data loaders give the images: a file, one of mmdiffrep, or host::name',
    )
    add_cfg_options(parser, 'the data config')
    parser.add_argument(
        '--channel-order',
        choices=['bgr', 'rgb'],
        help="of the loaded images; default: from the config's data preprocessor",
    )
    parser.add_argument('--taps', nargs='+', default=['mid'], help='see tools/list_taps.py')
    parser.add_argument('--timesteps', nargs='+', type=int, default=list(timesteps), metavar='T')
    parser.add_argument(
        '--noise',
        nargs='+',
        choices=NOISES,
        default=list(noises),
        help='none: the clean image, only t is told to the network',
    )
    parser.add_argument(
        '--pool',
        type=_grid,
        default=1,
        metavar='N',
        help='average maps over N x N cells, 1: all of the map; none: no average',
    )
    parser.add_argument('--num-images', type=int, help='default: all', metavar='N')
    parser.add_argument('--batch-size', type=int, default=64, help='images in a pass', metavar='B')
    parser.add_argument('--device', default=get_device())
    parser.add_argument('--out', type=Path, default=Path('work_dirs/analysis'), metavar='DIR')


def add_split_argument(parser: argparse.ArgumentParser, default: str = 'test') -> None:
    """Add the split for a tool that reads one."""
    parser.add_argument('--split', choices=SPLITS, default=default, help='split of the data config')


def add_encoder_arguments(parser: argparse.ArgumentParser) -> None:
    """Add trained encoders for a tool that compares."""
    parser.add_argument(
        '--encoders',
        nargs='+',
        default=[],
        metavar='CONFIG[=CHECKPOINT]',
        help="mmpretrain's encoders, through the same measure",
    )
    parser.add_argument('--encoder-size', type=int, metavar='PX', help="default: the encoder's own")


def encoders_of(args: argparse.Namespace, channel_order: str) -> list[Encoder]:
    """Return the encoders that the options ask for."""
    return [
        Encoder(
            **parse_encoder(text),
            size=args.encoder_size,
            channel_order=channel_order,
            device=args.device,
        )
        for text in args.encoders
    ]


def image_source(
    args: argparse.Namespace, split: str, num_images: int | None = None
) -> ImageSource:
    """Return the images that the options ask for."""
    cfg = find_config(args.data, args.cfg_options)
    return ImageSource(cfg, split, num_images, channel_order=args.channel_order)


def teacher_reader(args: argparse.Namespace, source: ImageSource) -> TeacherReader:
    """Return what reads the features that the options ask for."""
    return TeacherReader(
        args.model,
        args.taps,
        args.timesteps,
        args.noise,
        grid=args.pool,
        channel_order=source.channel_order,
        pass_size=args.batch_size,
        device=args.device,
    )


def run_tool(
    parser: argparse.ArgumentParser,
    tool: Callable[[argparse.Namespace], None],
    arguments: Sequence[str] | None = None,
) -> None:
    """Parse and run; what the user can put right ends in its message and exit status 2."""
    args = parser.parse_args(arguments)
    try:
        args.out.mkdir(parents=True, exist_ok=True)
        tool(args)
    except (OSError, ValueError, ImportError) as error:
        parser.exit(2, f'{error}\n')
    except KeyboardInterrupt:
        parser.exit(130, 'Stopped. Features in a bank are kept; the same command goes on there.\n')


def write_csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write rows with the same keys."""
    with open(path, 'w', newline='') as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def print_rows(rows: Sequence[Mapping[str, Any]], title: str, formats: dict[str, str]) -> None:
    """Print rows as a table.

    Args:
        rows: With the same keys.
        title: Above the table.
        formats: Columns to print and their format specs, ``''`` for text. None is printed as a
            dash.
    """
    cells = [
        ['-' if row[column] is None else format(row[column], spec) for row in rows]
        for column, spec in formats.items()
    ]
    table = Table(title=title)
    needed = 1
    for (column, spec), values in zip(formats.items(), cells):
        words = column.split('_')
        table.add_column('\n'.join(words), justify='right' if spec else 'left', no_wrap=True)
        needed += max(map(len, [*words, *values])) + 3  # two spaces and a line
    for row in zip(*cells):
        table.add_row(*row)
    # A table that is cut says less than one whose lines a narrow terminal breaks.
    Console(width=max(Console().width, needed)).print(table)


def line_name(tap: str, noise: str) -> str:
    """Return what a line is called in a picture."""
    return f'{tap}, {"clean" if noise == "none" else noise + " noise"}'


def draw_against_timestep(
    axes: Axes, rows: Sequence[Mapping[str, Any]], column: str, heading: str
) -> None:
    """Draws one line for every tap and noise source."""
    taps = list(dict.fromkeys(row['tap'] for row in rows))
    noises = list(dict.fromkeys(row['noise'] for row in rows))
    for i, tap in enumerate(taps):
        for j, noise in enumerate(noises):
            chosen = [row for row in rows if (row['tap'], row['noise']) == (tap, noise)]
            axes.plot(
                [row['t'] for row in chosen],
                [row[column] for row in chosen],
                marker='.',
                color=COLORS[i % len(COLORS)],
                linestyle=STYLES[j],
                label=line_name(tap, noise),
            )
    axes.set_xscale('symlog', linthresh=1)
    axes.set_xlim(left=0)
    axes.set_xlabel('timestep')
    axes.set_title(heading, fontsize=10)
    axes.grid(alpha=0.3)


def save_figure(figure: Figure, path: Path) -> None:
    """Write a PNG and say where the results are."""
    figure.savefig(path, dpi=90)
    Console().print(f'Picture: {path}, table: {path.with_suffix(".csv")}')


def _grid(text: str) -> int | None:
    if text == 'none':
        return None
    if not text.isdigit() or text == '0':
        raise argparse.ArgumentTypeError(f"expected a number of cells or 'none', got {text!r}")
    return int(text)

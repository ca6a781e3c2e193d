#!/usr/bin/env python
# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
r"""Linear CKA between taps and timesteps of a diffusion model, encoders and a trained student.

Examples:
    python tools/analysis/cka.py mmdiffrep://toyfaces_ddpm_64 --taps mid dec.3 --num-images 400
    python tools/analysis/cka.py mmdiffrep://toyfaces_ddpm_64 --student \
        configs/repfusion/toyfaces_r18_cls.py work_dirs/toyfaces_r18_cls/iter_300.pth \
        --student-layers "backbone" "neck"
"""

import argparse
from collections.abc import Sequence

import numpy as np
from analysis_options import (
    add_arguments,
    add_encoder_arguments,
    add_split_argument,
    encoders_of,
    image_source,
    print_rows,
    run_tool,
    save_figure,
    teacher_reader,
    write_csv,
)
from matplotlib.figure import Figure

from mmdiffrep.analysis import EncoderFeatures, StudentReader, stream_features
from mmdiffrep.measures import StreamedCKA


def measure(args: argparse.Namespace) -> None:
    """Read the features, compare them, print, write and draw."""
    source = image_source(args, args.split, args.num_images)
    readers = [teacher_reader(args, source)]
    if args.encoders:
        readers.append(EncoderFeatures(encoders_of(args, source.channel_order), args.pool))
    if args.student:
        readers.append(StudentReader(*args.student, args.student_layers, args.pool, args.device))
    if min(len(source), args.batch_size) < 4:
        raise ValueError(
            f'CKA compares at least 4 images in a batch, got {len(source)} images and --batch-size '
            f'{args.batch_size}: give more of either.'
        )
    cka = StreamedCKA([key for reader in readers for key in reader.keys])
    for _, features in stream_features(source, readers, args.batch_size, 'reading features'):
        cka.update(features)
    matrix = cka.matrix().numpy()
    names = [str(key) for key in cka.names]
    rows = [dict(zip(['feature', *names], [name, *row])) for name, row in zip(names, matrix)]
    write_csv(args.out / 'cka.csv', rows)
    print_rows(
        rows, f'Linear CKA on {len(source)} images', {'feature': '', **dict.fromkeys(names, '.2f')}
    )
    save_figure(draw(names, matrix), args.out / 'cka.png')


def draw(names: Sequence[str], matrix: np.ndarray) -> Figure:
    """Return the matrix as a heat map with its numbers."""
    side = 2.5 + 0.42 * len(names)
    figure = Figure(figsize=(side + 0.6, side), layout='constrained')
    axes = figure.subplots()
    image = axes.imshow(matrix, vmin=0, vmax=1, cmap='viridis')
    axes.set_xticks(range(len(names)), names, rotation=90, fontsize=8)
    axes.set_yticks(range(len(names)), names, fontsize=8)
    for (row, column), value in np.ndenumerate(matrix):
        color = 'black' if value > 0.6 else 'white'
        axes.text(column, row, f'{value:.2f}', ha='center', va='center', color=color, fontsize=6)
    figure.colorbar(image, label='linear CKA', shrink=0.7)
    return figure


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_arguments(parser, noises=['none'], timesteps=[0, 50, 100, 200, 300, 500, 900])
    add_split_argument(parser)
    add_encoder_arguments(parser)
    parser.add_argument('--student', nargs=2, metavar=('CONFIG', 'CHECKPOINT'))
    parser.add_argument('--student-layers', nargs='+', default=['backbone'], metavar='LAYER')
    run_tool(parser, measure, arguments)


if __name__ == '__main__':
    main()

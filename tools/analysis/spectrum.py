#!/usr/bin/env python
# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
r"""Spectra and ranks of a diffusion model's features against the timestep, clean and noised.

Examples:
    python tools/analysis/spectrum.py mmdiffrep://toyfaces_ddpm_64 --num-images 400
    python tools/analysis/spectrum.py google/ddpm-cifar10-32 --pool none --uncentered \
        --data mmpretrain::resnet/resnet18_8xb16_cifar10.py --channel-order rgb \
        --taps module:mid_block.resnets.1.conv2
"""

import argparse
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from analysis_options import (
    add_arguments,
    add_split_argument,
    draw_against_timestep,
    image_source,
    line_name,
    print_rows,
    run_tool,
    save_figure,
    teacher_reader,
    write_csv,
)
from matplotlib import colormaps
from matplotlib.figure import Figure

from mmdiffrep.analysis import FeatureKey, stream_features
from mmdiffrep.measures import StreamedSpectrum, rank_tolerance, summarize

MEASURES = {
    'rank': 'numerical rank',
    'effective_rank': 'effective rank (exp. entropy)',
    'participation_ratio': 'participation ratio',
    'stable_rank': 'stable rank',
}


def measure(args: argparse.Namespace) -> None:
    """Read the features, measures their spectra, print, write and draw."""
    source = image_source(args, args.split, args.num_images)
    reader = teacher_reader(args, source)
    spectra = {key: StreamedSpectrum() for key in reader.keys}
    for _, features in stream_features(source, [reader], args.batch_size, 'reading features'):
        for key, feature in features.items():
            spectra[key].update(feature)
    values = {
        key: spectrum.singular_values(not args.uncentered) for key, spectrum in spectra.items()
    }
    rows: list[dict[str, Any]] = []
    for key, spectrum in spectra.items():
        tolerance = rank_tolerance(spectrum.shape)
        samples, dimensions = spectrum.shape
        rows.append(
            dict(
                tap=key.layer,
                noise=key.noise,
                t=key.timestep,
                num_images=samples,
                num_features=dimensions,
                centered=not args.uncentered,
                rank_tolerance=tolerance,
                **summarize(values[key], spectrum.shape)._asdict(),
            )
        )
    write_csv(args.out / 'spectrum.csv', rows)
    print_rows(
        rows,
        f'{"Uncentered" if args.uncentered else "Centered"} features of {len(source)} images; '
        'rank: singular values above max(N, D) * 1.19e-7 (float32) of the largest',
        dict(
            tap='',
            noise='',
            t='d',
            num_features='d',
            rank='d',
            effective_rank='.1f',
            participation_ratio='.1f',
            stable_rank='.2f',
        ),
    )
    figure = draw(rows, {key: value.numpy() for key, value in values.items()})
    save_figure(figure, args.out / 'spectrum.png')


def draw(rows: Sequence[Mapping[str, Any]], values: Mapping[FeatureKey, np.ndarray]) -> Figure:
    """Return a row of spectra for every tap, and a row with the four measures below."""
    taps = list(dict.fromkeys(key.layer for key in values))
    noises = list(dict.fromkeys(key.noise for key in values))
    figure = Figure(figsize=(14, 3.4 * (len(taps) + 1)), layout='constrained')
    *above, below = figure.subfigures(len(taps) + 1, 1)
    for tap, part in zip(taps, above):
        for noise, axes in zip(noises, part.subplots(1, len(noises), squeeze=False)[0]):
            shown = {key: v for key, v in values.items() if (key.layer, key.noise) == (tap, noise)}
            colors = colormaps['viridis'](np.linspace(0, 0.95, len(shown)))
            for (key, value), color in zip(shown.items(), colors):
                axes.semilogy(
                    np.arange(1, len(value) + 1),
                    np.maximum(value / max(value[0], 1e-300), 1e-9),
                    color=color,
                    label=f't = {key.timestep}',
                )
            axes.set_title(line_name(tap, noise), fontsize=10)
            axes.set_xlabel('index')
            axes.grid(alpha=0.3)
            axes.legend(fontsize=7, ncols=2)
        part.supylabel('singular value / largest', fontsize=9)
    for (column, heading), axes in zip(MEASURES.items(), below.subplots(1, len(MEASURES))):
        draw_against_timestep(axes, rows, column, heading)
    axes.legend(fontsize=7)
    return figure


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_arguments(parser)
    add_split_argument(parser)
    parser.add_argument(
        '--uncentered', action='store_true', help='do not subtract the mean over the images'
    )
    run_tool(parser, measure, arguments)


if __name__ == '__main__':
    main()

#!/usr/bin/env python
# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
r"""Accuracy of a linear probe and of nearest neighbors on a diffusion model's features against t.

Probes are fitted on the training split. Penalty, number of neighbors and the best row are chosen
by cross-validation on it; the test split is only reported.

Examples:
    python tools/analysis/probe.py mmdiffrep://toyfaces_ddpm_64 --taps mid dec.3
    python tools/analysis/probe.py mmdiffrep://toyfaces_ddpm_64 --cfg-options \
        train_dataloader.dataset.attribute=pose test_dataloader.dataset.attribute=pose
"""

import argparse
from collections.abc import Mapping, Sequence
from typing import Any

from analysis_options import (
    add_arguments,
    add_encoder_arguments,
    draw_against_timestep,
    encoders_of,
    image_source,
    print_rows,
    run_tool,
    save_figure,
    teacher_reader,
    write_csv,
)
from matplotlib.figure import Figure
from rich.console import Console
from rich.progress import track

from mmdiffrep.analysis import EncoderFeatures, check_classes, collect_features
from mmdiffrep.measures import LabeledFeatures, knn_probe, linear_probe

PROBES = {'linear': linear_probe, 'knn': knn_probe}
HEADINGS = {'linear': 'linear probe', 'knn': 'nearest neighbors'}
ACCURACIES = {
    'held_out': 'held out, mean of classes',
    'accuracy': 'test',
    'class_accuracy': 'test, mean of classes',
}


def measure(args: argparse.Namespace) -> None:
    """Read both splits, fits the probes, print, write and draw."""
    train = image_source(args, 'train', args.num_images)
    test = image_source(args, args.test_split, args.num_test)
    readers = [teacher_reader(args, train)]
    if args.encoders:
        readers.append(EncoderFeatures(encoders_of(args, train.channel_order), args.pool))
    features, labels = collect_features(train, readers, args.batch_size, train.name)
    classes = train.classes or [str(label) for label in range(int(labels.max()) + 1)]
    check_classes(labels, classes, train.name)
    test_features, test_labels = collect_features(test, readers, args.batch_size, test.name)

    rows: list[dict[str, Any]] = []
    for key in track(list(features), description='fitting probes'):
        row = dict(tap=key.layer, noise=key.noise, t=key.timestep)
        row.update(num_train=len(labels), num_test=len(test_labels))
        for name, probe in PROBES.items():
            result = probe(
                LabeledFeatures(features[key], labels),
                LabeledFeatures(test_features[key], test_labels),
                num_classes=len(classes),
            )
            row.update({f'{name}_{field}': value for field, value in result._asdict().items()})
        rows.append(row)
    write_csv(args.out / 'probe.csv', rows)
    majority = float((test_labels == labels.bincount().argmax()).double().mean())
    columns = dict(tap='', noise='', t='d')
    for name in PROBES:
        columns.update({f'{name}_{accuracy}': '.1%' for accuracy in ACCURACIES})
    print_rows(rows, f'{len(labels)} training and {len(test_labels)} test images', columns)
    console = Console()
    console.print(f'Always the most frequent training class: {majority:.1%} of the test images.')
    for name, heading in HEADINGS.items():
        best = max(rows, key=lambda row, column=f'{name}_held_out': row[column])
        where = '' if best['t'] is None else f', t = {best["t"]}, noise {best["noise"]}'
        console.print(
            f'Best {heading} by the held-out images: {best["tap"]}{where}; test '
            f'accuracy {best[f"{name}_accuracy"]:.1%}.'
        )
    drawn = [row for row in rows if row['t'] is not None]
    save_figure(draw(drawn, majority), args.out / 'probe.png')


def draw(rows: Sequence[Mapping[str, Any]], majority: float) -> Figure:
    """Return a row for each accuracy, a column for each probe."""
    figure = Figure(figsize=(9, 9), layout='constrained')
    grid = figure.subplots(len(ACCURACIES), len(HEADINGS), sharey='row')
    for (accuracy, label), row in zip(ACCURACIES.items(), grid):
        for (name, heading), axes in zip(HEADINGS.items(), row):
            draw_against_timestep(axes, rows, f'{name}_{accuracy}', heading)
            if accuracy == 'accuracy':
                axes.axhline(majority, color='gray', linewidth=1, label='most frequent class')
        row[0].set_ylabel(f'accuracy ({label})', fontsize=9)
    grid[1, 0].legend(fontsize=7)
    return figure


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_arguments(parser)
    add_encoder_arguments(parser)
    parser.add_argument('--test-split', choices=['val', 'test'], default='test')
    parser.add_argument('--num-test', type=int, metavar='N', help='test images; default: all')
    run_tool(parser, measure, arguments)


if __name__ == '__main__':
    main()

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Compare the grid sweep with probing one timestep and tap at a time, in one run.

One at a time: for every cell a pass of the whole network over all images, and heads of its own.
The sweep: one pass of the truncated network for all cells, stored, and all heads at once. Both
train the same heads on the same split; their accuracies are printed side by side.

    python tools/benchmarks/sweep.py
    python tools/benchmarks/sweep.py --model work_dirs/ddpm_fashionmnist_32/denoiser \
        --data repfusion/experiments/fashionmnist_r18_scratch.py --num-images 400 --num-test 200
"""

import argparse
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import track
from rich.table import Table
from torch import Tensor

from mmdiffrep.analysis import ImageSource, StoredSplit, diffusion_grid, sweep
from mmdiffrep.diffusion.denoisers import Denoiser, load_denoiser
from mmdiffrep.diffusion.features import read_features
from mmdiffrep.diffusion.input_range import DenoiserInput
from mmdiffrep.diffusion.noise import build_noise
from mmdiffrep.measures import ProbeTraining, fit_grid_probe, hold_out, labels_of
from mmdiffrep.utils.cfg_options import add_cfg_options
from mmdiffrep.utils.host_models import find_config

HELD_OUT = 0.2
# (timestep, tap) -> accuracies on the held-out and on the test images, (S,) each
Accuracies = dict[tuple[int, str], tuple[Tensor, Tensor]]


@torch.no_grad()
def read_cell(
    denoiser: Denoiser, source: ImageSource, timestep: int, tap: str, args: argparse.Namespace
) -> tuple[Tensor, Tensor]:
    """Global averages (N, C) of one tap at one timestep, and labels."""
    to_rgb = DenoiserInput(channel_order=source.channel_order, size=denoiser.image_size)
    noise = build_noise('per_image')
    rows, labels = [], []
    for batch in source.batches(args.batch_size):
        images = torch.cat([to_rgb(image[None]) for image in batch.inputs]).to(args.device)
        maps = read_features(denoiser, images, [timestep], [tap], noise)
        rows.append(maps[timestep, tap].mean((2, 3)).cpu())
        labels.append(labels_of(batch.data_samples))
    return torch.cat(rows), torch.cat(labels)


def one_at_a_time(
    args: argparse.Namespace, sources: Sequence[ImageSource], training: ProbeTraining, classes: int
) -> Accuracies:
    """Probe every cell separately."""
    found: Accuracies = {}
    denoiser = load_denoiser(args.model).freeze().to(args.device)
    cells = [(timestep, tap) for timestep in args.timesteps for tap in args.taps]
    for timestep, tap in track(cells, 'one at a time'):
        rows, labels = read_cell(denoiser, sources[0], timestep, tap, args)
        tested, test_labels = read_cell(denoiser, sources[1], timestep, tap, args)
        held_out = hold_out(labels, classes, HELD_OUT)
        device = torch.device(args.device)
        probes = [
            fit_grid_probe([rows[None, ~held_out]], labels[~held_out], classes, head, device=device)
            for head in heads_apart(training)
        ]
        found[timestep, tap] = tuple(
            torch.cat([probe.accuracy([part], targets)[0] for probe in probes])
            for part, targets in ((rows[held_out], labels[held_out]), (tested, test_labels))
        )
    return found


def heads_apart(training: ProbeTraining) -> list[ProbeTraining]:
    """Return the same training with one seed each."""
    settings = {**vars(training), 'seeds': ()}
    return [ProbeTraining(**{**settings, 'seeds': (seed,)}) for seed in training.seeds]


def all_at_once(
    args: argparse.Namespace, sources: Sequence[ImageSource], training: ProbeTraining, classes: int
) -> Accuracies:
    """Sweep the grid, from an empty bank."""
    model = diffusion_grid(
        args.model,
        args.taps,
        args.timesteps,
        channel_order=sources[0].channel_order,
        pass_size=args.batch_size,
        device=args.device,
    )
    with tempfile.TemporaryDirectory() as folder:
        train, test = (StoredSplit(source, [model], folder) for source in sources)
        device = torch.device(args.device)
        results = sweep([model], train, test, classes, training, HELD_OUT, device=device)
    return {
        (result.cell.timestep, result.cell.tap): (result.held_out, result.test)
        for result in results
    }


def report(
    alone: Accuracies, together: Accuracies, seconds: Sequence[float], num_seeds: int
) -> None:
    """Print both side by side, and the seconds (on a CPU: of processor time)."""
    table = Table(title='accuracy: held-out and test, mean over the seeds')
    for heading in ('t', 'tap', 'alone', 'sweep', 'alone, test', 'sweep, test', 'std of seeds'):
        table.add_column(heading, justify='right')
    differences, spreads = [], []
    for key, values in alone.items():
        pairs = [(a.mean(), b.mean()) for a, b in zip(values, together[key])]
        differences += [abs(float(a - b)) for a, b in pairs]
        spread = float(values[1].std()) if num_seeds > 1 else float('nan')
        spreads.append(spread)
        numbers = [f'{float(value):.1%}' for pair in pairs for value in pair]
        table.add_row(str(key[0]), key[1], *numbers, f'{spread:.1%}')
    console = Console(width=100)
    console.print(table)
    mean_of = sum(differences) / len(differences)
    console.print(
        f'{len(alone)} cells: one at a time {seconds[0]:.1f} s, sweep {seconds[1]:.1f} s: '
        f'{seconds[0] / seconds[1]:.1f} times as fast. Accuracies differ by {mean_of:.2%} on '
        f'average and {max(differences):.2%} at most; seeds scatter by '
        f'{sum(spreads) / len(spreads):.2%} (standard deviation).'
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add('--model', default='mmdiffrep://toyfaces_ddpm_64')
    add('--data', default='repfusion/toyfaces_r18_cls_scratch.py', metavar='CONFIG')
    add_cfg_options(parser)
    add('--timesteps', nargs='+', type=int, default=[0, 10, 50, 100, 300])
    add('--taps', nargs='+', help="default: the network's first eight")
    add('--num-images', type=int, default=200)
    add('--num-test', type=int, default=100)
    add('--seeds', nargs='+', type=int, default=[0, 1, 2])
    add('--batch-size', type=int, default=50, help='images in a pass')
    add('--device', default='cpu')
    args = parser.parse_args(arguments)
    args.taps = args.taps or list(load_denoiser(args.model).taps)[:8]
    cfg = find_config(args.data, args.cfg_options)
    sources = [
        ImageSource(cfg, split, number)
        for split, number in (('train', args.num_images), ('test', args.num_test))
    ]
    classes = len(sources[0].classes)
    training = ProbeTraining(seeds=tuple(args.seeds))
    seconds, found = [], []
    # on a shared CPU, processor time is more accurate than elapsed time
    clock = time.process_time if args.device == 'cpu' else time.perf_counter
    for probe in (all_at_once, one_at_a_time):
        start = clock()
        found.append(probe(args, sources, training, classes))
        seconds.append(clock() - start)
    print(f'{Path(__file__).name}: {torch.get_num_threads()} threads, {args.model}')
    report(found[1], found[0], seconds[::-1], len(args.seeds))


if __name__ == '__main__':
    main()

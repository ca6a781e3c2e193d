# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Test whether the reinforced timestep policy finds a known best timestep.

Trains the policy with every baseline, and with the settings of RepFusion's official code, on
features that tell the class best at t = 300 of 1000. Writes a CSV and a picture of the share of the
policy within 5 % of all timesteps around the best one.

    python tools/benchmarks/policy_on_synthetic.py --out work_dirs/policy_synthetic
"""

import argparse
import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from known_timestep import (
    KnownTimestepTask,
    Snapshot,
    train_on_known_timestep,
)
from matplotlib.figure import Figure

SGD = dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=1e-4)
# Name to policy and optimizer; None is the hook's own optimizer, AdamW with lr 1e-3.
SETTINGS: dict[str, dict[str, Any]] = {
    'official: no baseline, SGD 0.1': dict(policy=dict(baseline='none'), optimizer=SGD),
    'no baseline': dict(policy=dict(baseline='none')),
    'moving average': dict(policy=dict(baseline='moving_average')),
    'moving average, 50 buckets': dict(policy=dict(baseline='moving_average', num_buckets=50)),
    'batch mean': dict(policy=dict(baseline='batch_mean')),
    'batch mean, 50 buckets': dict(policy=dict(baseline='batch_mean', num_buckets=50)),
    'per timestep': dict(policy=dict(baseline='per_timestep')),
    'leave one out, 4 draws': dict(policy=dict(baseline='leave_one_out', num_samples=4)),
}
Results = dict[str, list[list[Snapshot]]]


def write_csv(path: Path, results: Results, seeds: Sequence[int]) -> None:
    """Write one row per setting, seed and snapshot."""
    with path.open('w', newline='') as file:
        writer = csv.writer(file)
        writer.writerow(['setting', 'seed', *Snapshot._fields])
        for name, runs in results.items():
            for seed, history in zip(seeds, runs):
                for snapshot in history:
                    writer.writerow([name, seed, *(round(value, 4) for value in snapshot)])


def draw(path: Path, results: Results, task: KnownTimestepTask) -> None:
    """Draw a line for every seed, in the color of its setting."""
    figure = Figure(figsize=(8, 4.2), layout='constrained')
    axis = figure.subplots()
    for index, (name, runs) in enumerate(results.items()):
        for history in runs:
            axis.plot(
                [snapshot.iteration for snapshot in history],
                [snapshot.mass for snapshot in history],
                color=f'C{index}',
                linewidth=1.2,
                label=name if history is runs[0] else None,
            )
    axis.axhline(0.9, color='gray', linewidth=0.8, linestyle='--')
    axis.set(
        xlabel='iteration',
        ylabel=f'policy within 5 % of t = {task.best}',
        ylim=(-0.03, 1.03),
        xlim=(0, None),
    )
    figure.legend(loc='outside right upper', fontsize=8)
    figure.savefig(path, dpi=110)


def main(argv: Sequence[str] | None = None) -> None:
    """Train every setting with every seed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--out', type=Path, default=Path('work_dirs/policy_synthetic'))
    parser.add_argument('--seeds', type=int, nargs='+', default=[0, 1, 2])
    parser.add_argument('--iterations', type=int, default=800)
    parser.add_argument('--settings', nargs='+', choices=list(SETTINGS), default=list(SETTINGS))
    args = parser.parse_args(argv)
    torch.set_num_threads(1)
    task = KnownTimestepTask()
    results: Results = {}
    for name in args.settings:
        results[name] = [
            train_on_known_timestep(task, iterations=args.iterations, seed=seed, **SETTINGS[name])
            for seed in args.seeds
        ]
        final = [history[-1] for history in results[name]]
        found = [
            next((snapshot.iteration for snapshot in history if snapshot.mass >= 0.9), None)
            for history in results[name]
        ]
        print(
            f'{name}: within 5 % {[round(last.mass, 3) for last in final]}, mean t '
            f'{[round(last.mean_t) for last in final]}, entropy '
            f'{[round(last.entropy, 2) for last in final]}, 90 % after {found} iterations',
            flush=True,
        )
    args.out.mkdir(parents=True, exist_ok=True)
    write_csv(args.out / 'policy_synthetic.csv', results, args.seeds)
    draw(args.out / 'policy_synthetic.png', results, task)
    print(f'wrote {args.out / "policy_synthetic.csv"} and .png')


if __name__ == '__main__':
    main()

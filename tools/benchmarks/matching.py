# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Measure the matching of one pair of images: here and in DIFT's published form.

The published form (``eval_spair.py``) upsamples both maps to the size of their images, normalizes
them and compares every point with every pixel. Both forms take turns in one run, on random maps of
SD 2.1's size; the peak of each is measured in a process of its own.

    OMP_NUM_THREADS=1 python tools/benchmarks/matching.py
    OMP_NUM_THREADS=1 python tools/benchmarks/matching.py --channels 320 --cells 24 --rounds 3
"""

import argparse
import multiprocessing
import statistics
from functools import partial
from typing import NamedTuple

import torch
import torch.nn.functional as F
from measure import peak_bytes, time_in_turns
from torch import Tensor

from mmdiffrep.matching import nearest
from mmdiffrep.matching.nearest import Size


class Pair(NamedTuple):
    """Maps (C, h, w) of two images, points (K, 2) of the first, the size of both images."""

    source: Tensor
    target: Tensor
    points: Tensor
    size: Size


def random_pair(channels: int, cells: int, size: Size, num_points: int) -> Pair:
    """Return maps with random values, equal on every call."""
    generator = torch.Generator().manual_seed(0)
    maps = torch.randn(2, channels, cells, cells, generator=generator)
    points = torch.rand(num_points, 2, generator=generator) * torch.tensor([size[1], size[0]])
    return Pair(maps[0], maps[1], points.floor(), size)


def published(pair: Pair) -> tuple[Tensor, Tensor]:
    """Return the nearest pixel of each point (K, 2) and its cosine, point by point."""
    source, target = (
        F.interpolate(feature[None], size=pair.size, mode='bilinear')[0]
        for feature in (pair.source, pair.target)
    )
    found, similarities = [], []
    for x, y in pair.points.long().tolist():
        vector = F.normalize(source[:, y, x], dim=0)
        cosines = vector @ F.normalize(target, dim=0).flatten(1)
        best = int(cosines.argmax())
        found.append([best % pair.size[1], best // pair.size[1]])
        similarities.append(cosines[best])
    return torch.tensor(found), torch.stack(similarities)


def here(pair: Pair) -> tuple[Tensor, Tensor]:
    """Return the same by mmdiffrep."""
    return nearest(pair.source, pair.target, pair.points, pair.size, pair.size)


FORMS = {'published': published, 'here': here}


def peak_of(form: str, shape: tuple[int, int, Size, int]) -> int:
    """Return the bytes that a form takes at its peak, in this process."""
    pair = random_pair(*shape)
    return peak_bytes(lambda: FORMS[form](pair), 'cpu')


def main() -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--channels', type=int, default=1280)
    parser.add_argument('--cells', type=int, default=48, help='side of a map')
    parser.add_argument('--size', type=int, nargs=2, default=[375, 500], help='height, width')
    parser.add_argument('--points', type=int, default=10)
    parser.add_argument('--rounds', type=int, default=1)
    args = parser.parse_args()
    if args.rounds < 1:
        parser.error(f'--rounds must be at least 1, got {args.rounds}')
    size = (args.size[0], args.size[1])
    shape = (args.channels, args.cells, size, args.points)
    pair = random_pair(*shape)
    results = {}

    def run(form: str) -> None:
        results[form] = FORMS[form](pair)

    calls = {name: partial(run, name) for name in FORMS}
    seconds = time_in_turns(calls, args.rounds, 'cpu')
    (ours, our_cosines), (theirs, their_cosines) = results['here'], results['published']
    equal = (ours.round().long() == theirs).all(1).sum()
    print(
        f'{args.points} points, {tuple(pair.source.shape)} to {size}, '
        f'{torch.get_num_threads()} threads: {equal} equal matches, cosines differ by at most '
        f'{(our_cosines - their_cosines).abs().max():.1e}'
    )
    for name in FORMS:
        with multiprocessing.get_context('spawn').Pool(1) as pool:
            peak = pool.apply(peak_of, (name, shape))
        print(f'{name}: {statistics.median(seconds[name]):.2f} s, peak {peak / 1e6:.0f} MB')


if __name__ == '__main__':
    main()

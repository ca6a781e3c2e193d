# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Segment images from a few strokes on one of them, with an ensemble and its uncertainty."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from mmdiffrep.matching.nearest import Size, sample_vectors
from mmdiffrep.models.heads.ensemble_vote import EnsemblePrediction, EnsembleVote, top_share_mean
from mmdiffrep.models.heads.stacked_mlp import StackedMLP
from mmdiffrep.utils.checks import integer

NUM_MEMBERS = 5
STEPS = 100
BATCH = 64
GREATEST_SIDE = 128  # of the label maps


class Stroke(NamedTuple):
    """Pixels painted with one label.

    Attributes:
        label: Number of the class, from 0.
        points: (x, y) in pixels of the image.
    """

    label: int
    points: Sequence[tuple[float, float]]


def segment_strokes(
    strokes: Sequence[Stroke], painted: Tensor, size: Size, maps: Sequence[Tensor], seed: int = 0
) -> list[EnsemblePrediction]:
    """Train small MLPs on the vectors under the strokes, and label every cell of some maps.

    As in DDPM-Seg, the members of the ensemble differ in their first weights and in the order in
    which they see the pixels, and disagree where the strokes do not say enough.

    Args:
        strokes: Of two labels or more.
        painted: Map (C, h, w) of the image with the strokes.
        size: Height and width of that image.
        maps: Maps (C, h, w) of the images to segment, upsampled so that the longer side is 128.
        seed: Of weights and order.

    Returns:
        Labels and uncertainty (H, W) per map; labels are the numbers of the strokes.

    Raises:
        ValueError: Strokes of fewer than two labels.
    """
    known = sorted({integer('label', stroke.label, 0) for stroke in strokes if stroke.points})
    if len(known) < 2:
        raise ValueError(f'Paint strokes of two classes or more, got {len(known)}.')
    points = torch.tensor([point for stroke in strokes for point in stroke.points]).float()
    vectors = sample_vectors(painted.float(), points.view(-1, 2), size)
    labels = [known.index(stroke.label) for stroke in strokes for _ in stroke.points]
    mean, std = vectors.mean(0), vectors.std(0, correction=0) + 1e-3 * vectors.abs().mean() + 1e-12
    mlp = _train((vectors - mean) / std, torch.tensor(labels), len(known), seed)
    numbers = torch.tensor(known, device=vectors.device)
    return [_predict(mlp, value.float(), mean, std, numbers) for value in maps]


def _train(vectors: Tensor, labels: Tensor, num_classes: int, seed: int) -> StackedMLP:
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        mlp = StackedMLP(NUM_MEMBERS, [vectors.shape[1], 64, 32, num_classes])
    mlp = mlp.to(vectors.device).train()
    labels = labels.to(vectors.device)
    optimizer = torch.optim.Adam(mlp.parameters(), lr=5e-3)
    # every class as often as the others, however long its strokes are
    weights = 1 / labels.bincount()[labels].cpu().float()
    for _ in range(STEPS):
        chosen = weights.multinomial(NUM_MEMBERS * BATCH, True, generator=generator)
        chosen = chosen.view(NUM_MEMBERS, BATCH).to(vectors.device)
        loss = F.cross_entropy(mlp(vectors[chosen]), labels[chosen]) * NUM_MEMBERS
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return mlp.eval()


@torch.no_grad()
def _predict(
    mlp: StackedMLP, value: Tensor, mean: Tensor, std: Tensor, numbers: Tensor
) -> EnsemblePrediction:
    scale = GREATEST_SIDE / max(value.shape[1:])
    size = [max(round(side * scale), 1) for side in value.shape[1:]]
    large = F.interpolate(value[None], size=size, mode='bilinear', align_corners=False)[0]
    cells = (large.flatten(1).T - mean) / std
    logits = mlp(cells.expand(NUM_MEMBERS, -1, -1))
    vote = EnsembleVote(len(cells), len(numbers), cells.device)
    for member in logits:
        vote.add(member.T)
    uncertainty = vote.uncertainty()
    return EnsemblePrediction(
        numbers[vote.labels()].view(size), uncertainty.view(size), top_share_mean(uncertainty)
    )

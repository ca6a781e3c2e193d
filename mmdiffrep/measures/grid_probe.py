# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Linear heads on many features of the same images, all trained at once.

The heads of one width are one tensor, and a step of all of them is one product of matrices.
Nothing couples them (the loss is a sum, Adam works on each number alone), so each is the head that
training it alone would give.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from mmdiffrep.measures.labels import check_labels
from mmdiffrep.utils.checks import distinct, integer, of_shape, one_of, positive

_OPTIMIZERS = {'adam': torch.optim.Adam, 'adamw': torch.optim.AdamW}
_EVALUATED = 512  # images whose features are widened to float32 at a time


@dataclass(frozen=True)
class ProbeTraining:
    """Settings of the training of linear heads. The defaults are DDAE's, but for the last three.

    Attributes:
        epochs: Passes over the images; official: 15.
        batch_size: Official: 128.
        lr: Decays to zero as half a cosine, epoch by epoch; official: 1e-3.
        optimizer: ``'adam'`` (official) or ``'adamw'``.
        weight_decay: Official: 0.
        seeds: One head for each, with its own first weights, order of images and choice of views.
        min_steps: Where few images give fewer steps, there are more epochs instead; 0 is official.
        standardize: Bring each feature to mean 0 and variance 1 over the training images, so that
            one learning rate suits all taps; False is official.

    Raises:
        ValueError: A number out of range, or an unknown optimizer.
    """

    epochs: int = 15
    batch_size: int = 128
    lr: float = 1e-3
    optimizer: str = 'adam'
    weight_decay: float = 0.0
    seeds: tuple[int, ...] = (0,)
    min_steps: int = 300
    standardize: bool = True

    def __post_init__(self) -> None:
        integer('epochs', self.epochs, 1)
        integer('batch_size', self.batch_size, 1)
        integer('min_steps', self.min_steps, 0)
        positive('lr', self.lr)
        one_of('optimizer', self.optimizer, _OPTIMIZERS)
        distinct('seeds', self.seeds)

    def num_epochs(self, num_images: int) -> int:
        """Return the number of epochs on ``num_images`` images."""
        steps = math.ceil(num_images / self.batch_size)
        return max(self.epochs, math.ceil(self.min_steps / steps))


class GridProbe:
    """Trained linear heads, one per feature and seed.

    Args:
        heads: ``{positions of the features: (weights (S, K, C, D), biases (S, K, C))}``.
        scales: Mean and factor (K, D) of the same features.
    """

    def __init__(
        self,
        heads: dict[tuple[int, ...], tuple[Tensor, Tensor]],
        scales: dict[tuple[int, ...], tuple[Tensor, Tensor]],
    ) -> None:
        self.heads = heads
        self.scales = scales

    @torch.no_grad()
    def predict(self, features: Sequence[Tensor]) -> Tensor:
        """Classifies images by every head.

        Args:
            features: (N, D) for each feature, in the order of training.

        Returns:
            (features, seeds, N) classes.
        """
        parts: dict[int, Tensor] = {}
        for members, (weight, bias) in self.heads.items():
            mean, scale = self.scales[members]
            classes = []
            for start in range(0, len(features[members[0]]), _EVALUATED):
                chosen = slice(start, start + _EVALUATED)
                rows = torch.stack([features[i][chosen].to(weight) for i in members], dim=1)
                classes.append(_logits((rows - mean) * scale, weight, bias).argmax(-1))
            parts.update(zip(members, torch.cat(classes, dim=2).transpose(0, 1)))
        return torch.stack([parts[i] for i in sorted(parts)])

    def accuracy(self, features: Sequence[Tensor], labels: Tensor) -> Tensor:
        """Share of images that are classified rightly.

        Args:
            features: See :meth:`predict`.
            labels: (N,).

        Returns:
            (features, seeds) float64 on the CPU.
        """
        right = self.predict(features) == labels.to(next(iter(self.heads.values()))[0].device)
        return right.double().mean(2).cpu()


def fit_grid_probe(
    features: Sequence[Tensor],
    labels: Tensor,
    num_classes: int,
    training: ProbeTraining | None = None,
    device: torch.device | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> GridProbe:
    """Train one linear head per feature and seed by cross-entropy.

    Args:
        features: (V, N, D) for each feature, D may differ: N images in V views (draws of noise,
            augmentations), of which each image gets one at random in each epoch. Any float type.
        labels: (N,) int64, 0 to ``num_classes - 1``.
        num_classes: Number of classes.
        training: None: the defaults.
        device: Where the heads are trained, to which the features are copied once; None: the CPU,
            where nothing is copied.
        progress: Called with the epochs that are done and those to do.

    Raises:
        ValueError: Shapes that do not fit, or labels beyond the classes.
    """
    training = training or ProbeTraining()
    _check(features, labels, num_classes)
    views, images = features[0].shape[:2]
    groups: dict[int, list[int]] = defaultdict(list)
    for index, feature in enumerate(features):
        groups[feature.shape[2]].append(index)
    members = [tuple(group) for group in groups.values()]
    device = torch.device(device or 'cpu')
    heads = [
        _first_weights(training.seeds, len(group), num_classes, features[group[0]].shape[2], device)
        for group in members
    ]
    rows = [[features[i].flatten(0, 1) for i in group] for group in members]  # (V * N, D) each
    scales = [_scales(group, training.standardize, device) for group in rows]
    rows = [[part.to(device) for part in group] for group in rows]
    labels = labels.to(device)
    optimizer = _OPTIMIZERS[training.optimizer](
        [tensor for pair in heads for tensor in pair],
        lr=training.lr,
        weight_decay=training.weight_decay,
    )
    generators = [torch.Generator().manual_seed(seed) for seed in training.seeds]
    epochs = training.num_epochs(images)
    for epoch in range(epochs):
        for group in optimizer.param_groups:
            group['lr'] = training.lr * 0.5 * (1 + math.cos(math.pi * epoch / epochs))
        order = torch.stack([torch.randperm(images, generator=g) for g in generators])
        view = torch.stack([torch.randint(views, (images,), generator=g) for g in generators])
        for chosen in (view * images + order).to(device).split(training.batch_size, 1):
            targets = labels[chosen % images]
            loss = torch.zeros((), device=device)
            for group, (weight, bias), (mean, scale) in zip(rows, heads, scales):
                parts = [part.index_select(0, chosen.flatten()) for part in group]
                batch = torch.stack(parts, dim=1).to(weight).unflatten(0, chosen.shape)
                loss = loss + _loss(_logits((batch - mean) * scale, weight, bias), targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        if progress is not None:
            progress(epoch + 1, epochs)
    trained = [(weight.detach(), bias.detach()) for weight, bias in heads]
    return GridProbe(dict(zip(members, trained)), dict(zip(members, scales)))


def _check(features: Sequence[Tensor], labels: Tensor, num_classes: int) -> None:
    check_labels(labels, num_classes)
    integer('The number of features', len(features), 1)
    views = of_shape('features', features[0], 'V', len(labels), 'D').shape[0]
    for feature in features:
        of_shape('features', feature, views, len(labels), 'D')


def _first_weights(
    seeds: Sequence[int], heads: int, classes: int, width: int, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Draw ``nn.Linear``'s first weights, which depend on seed and width of a head alone."""
    drawn = []
    for seed in seeds:
        generator = torch.Generator().manual_seed(seed)
        values = torch.rand(classes, width + 1, generator=generator) * 2 - 1
        drawn.append(values / math.sqrt(width))
    stacked = torch.stack(drawn)[:, None].expand(-1, heads, -1, -1)
    weight, bias = stacked[..., :-1], stacked[..., -1]
    return _parameter(weight, device), _parameter(bias, device)


def _parameter(values: Tensor, device: torch.device) -> Tensor:
    return values.contiguous().clone().to(device).requires_grad_()


def _scales(
    group: Sequence[Tensor], standardize: bool, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Mean and 1 / standard deviation (K, D) over all rows (M, D) of K features.

    The factor of a constant is 0.
    """
    if not standardize:
        shape = (len(group), group[0].shape[1])
        return torch.zeros(shape, device=device), torch.ones(shape, device=device)
    mean, scale = (torch.stack(parts).float().to(device) for parts in zip(*map(_scale, group)))
    return mean, scale


def _scale(rows: Tensor) -> tuple[Tensor, Tensor]:
    mean = torch.zeros(rows.shape[1], dtype=torch.float64, device=rows.device)
    for part in rows.split(_EVALUATED):
        mean += part.sum(0, dtype=torch.float64) / len(rows)
    variance = torch.zeros_like(mean)
    for part in rows.split(_EVALUATED):
        variance += (part.double() - mean).square().sum(0) / len(rows)
    std = variance.sqrt()
    return mean, torch.where(std > 1e-6 * (1 + mean.abs()), 1 / std, torch.zeros_like(std))


def _logits(rows: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """(S, K, B, C) of rows (S, B, K, D), or (B, K, D) for all seeds."""
    rows = rows if rows.ndim == 4 else rows.expand(len(weight), -1, -1, -1)
    return torch.matmul(rows.transpose(1, 2), weight.transpose(2, 3)) + bias[:, :, None]


def _loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Sum over the heads of the mean cross-entropy of (S, K, B, C) with (S, B)."""
    _, heads, batch, classes = logits.shape
    targets = targets[:, None].expand(-1, heads, -1).reshape(-1)
    return F.cross_entropy(logits.reshape(-1, classes), targets, reduction='sum') / batch

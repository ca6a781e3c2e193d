# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Reward landscape over timesteps: the reward of a decoder at each of them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from mmdiffrep.models.rewards import Reward
from mmdiffrep.utils.checks import rising, within

Curve = dict[int, float]


def reward_curves(
    build: Callable[[], Reward],
    features: Mapping[int, Tensor],
    samples: Sequence[Any],
    num_held_out: int,
    iterations: Sequence[int],
    batch_size: int = 16,
    seed: int = 0,
    device: str = 'cpu',
) -> dict[int, Curve]:
    """Train one decoder on features of all timesteps, and measure its reward at each.

    As in a run whose policy draws uniformly: every image of a batch is read at a timestep of its
    own. With the features of one timestep alone it is the probe of that timestep.

    Args:
        build: Makes the reward, whose decoder learns by the hook's optimizer (AdamW, lr 1e-3).
        features: By timestep the features of all images, ``(N, C, h, w)``.
        samples: N data samples with labels.
        num_held_out: Images at the end that are measured; the decoder learns from the others.
        iterations: Numbers of updates after which it is measured, in rising order.
        batch_size: Images in an update.
        seed: Of the decoder's weights and of what is drawn.
        device: Where the decoder learns; features and samples stay where they are.

    Returns:
        By number of updates the mean reward on the held-out images by timestep.

    Raises:
        ValueError: See :func:`check_request`.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        reward = build().to(device)
    check_request(reward, len(samples), num_held_out, iterations)
    num_train = len(samples) - num_held_out
    timesteps = list(features)
    optimizer = torch.optim.AdamW(reward.parameters(), lr=1e-3, weight_decay=1e-4)
    curves = {}
    for iteration in range(1, iterations[-1] + 1):
        images = torch.randint(num_train, (batch_size,), generator=generator).tolist()
        drawn = torch.randint(len(timesteps), (batch_size,), generator=generator).tolist()
        batch = torch.stack([features[timesteps[t]][i] for t, i in zip(drawn, images)])
        result = reward(batch.to(device).float(), [samples[i] for i in images])
        loss = result.loss.sum() / result.counted.sum().clamp(min=1)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if iteration in iterations:
            curves[iteration] = {
                t: _mean_reward(reward, features[t][num_train:], samples[num_train:], batch_size)
                for t in timesteps
            }
    return curves


def check_request(
    reward: Reward, num_images: int, num_held_out: int, iterations: Sequence[int]
) -> None:
    """Check what :func:`reward_curves` is asked for, before features are read.

    Args:
        reward: The reward.
        num_images: Number of images.
        num_held_out: How many of them are held out.
        iterations: Updates after which the decoder is measured.

    Raises:
        ValueError: No image is left to learn from or to measure, the iterations do not rise, or
            the reward has no decoder or depends on the other images of a batch.
    """
    within(f'The number of {num_images} images held out', num_held_out, 1, num_images - 1)
    rising('iterations', iterations, 1)
    if not reward.learns or reward.compares_images:
        raise ValueError(
            f'{type(reward).__name__} has no decoder that reads the task from one image: expected '
            "such as dict(type='mmdiffrep.ClassificationReward', num_classes=...)"
        )


@torch.no_grad()
def _mean_reward(reward: Reward, feature: Tensor, samples: Sequence[Any], batch_size: int) -> float:
    device, total, count = next(reward.parameters()).device, 0.0, 0
    for start in range(0, len(samples), batch_size):
        part = slice(start, start + batch_size)
        batch = feature[part].to(device).float()
        result = reward(batch, list(samples[part]))
        total += result.reward.sum().item()
        count += int(result.counted.sum())
    return total / count if count else float('nan')

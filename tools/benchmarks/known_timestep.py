# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""A task with a known best timestep, to test whether a policy finds it."""

from typing import NamedTuple

import torch
from mmengine.registry import OPTIMIZERS
from mmengine.structures import BaseDataElement
from torch import Tensor
from torch.nn import functional as F

from mmdiffrep.models.rewards import ClassificationReward
from mmdiffrep.models.timestep_policies import Draws, ReinforcedTimestep
from mmdiffrep.utils.random_streams import IterationStreams


class KnownTimestepTask:
    """Features that tell the class of an image best at one timestep, and less around it.

    A feature is ``signal(t) * code(label) + noise`` with standard normal noise and the signal
    ``peak * exp(-((t - best) / width)^2 / 2)``; the images themselves carry no information.

    Args:
        best (int): The best timestep. Defaults to 300.
        num_timesteps (int): Defaults to 1000.
        width (float): How fast the signal falls, in timesteps. Defaults to 60.
        peak (float): Signal at the best timestep. Defaults to 6.
        num_classes (int): Defaults to 10, one channel each.
    """

    def __init__(
        self,
        best: int = 300,
        num_timesteps: int = 1000,
        width: float = 60.0,
        peak: float = 6.0,
        num_classes: int = 10,
    ) -> None:
        self.best = best
        self.num_timesteps = num_timesteps
        self.width = width
        self.peak = peak
        self.num_classes = num_classes

    def batch(
        self, size: int, generator: torch.Generator
    ) -> tuple[Tensor, Tensor, list[BaseDataElement]]:
        """Draw images ``(size, 3, 16, 16)`` in [-1, 1], labels ``(size,)`` and data samples."""
        images = torch.rand(size, 3, 16, 16, generator=generator) * 2 - 1
        labels = torch.randint(self.num_classes, (size,), generator=generator)
        return images, labels, [BaseDataElement(gt_label=label[None]) for label in labels]

    def features(self, labels: Tensor, t: Tensor, generator: torch.Generator) -> Tensor:
        """Return the teacher's features ``(B, num_classes, 1, 1)`` of images read at ``t``."""
        signal = self.peak * torch.exp(-(((t - self.best) / self.width) ** 2) / 2)
        noise = torch.randn(len(t), self.num_classes, generator=generator)
        features = signal[:, None] * F.one_hot(labels, self.num_classes) + noise
        return features[:, :, None, None]

    def mass(self, probs: Tensor, tolerance: float = 0.05) -> float:
        """Return the share of a distribution that is near the best timestep.

        Args:
            probs (Tensor): Probability of every timestep, ``(num_timesteps,)``.
            tolerance (float): Distance that counts as near, as a share of all timesteps. Defaults
                to 0.05.
        """
        distance = (torch.arange(self.num_timesteps) - self.best).abs()
        return probs[distance <= tolerance * self.num_timesteps].sum().item()


class Snapshot(NamedTuple):
    """A policy in the course of its training.

    Attributes:
        iteration (int): Iterations done.
        mass (float): Share of the policy within 5 % of all timesteps around the best.
        mean_t (float): Mean timestep.
        entropy (float): In nats.
        reward (float): Mean reward of the last batch.
    """

    iteration: int
    mass: float
    mean_t: float
    entropy: float
    reward: float


def train_on_known_timestep(
    task: KnownTimestepTask,
    policy: dict | None = None,
    optimizer: dict | None = None,
    iterations: int = 400,
    batch_size: int = 64,
    seed: int = 0,
    snapshots: int = 20,
) -> list[Snapshot]:
    """Train policy and decoder together, as the distillation hook does, without a student.

    Args:
        task (KnownTimestepTask): The task.
        policy (dict, optional): Arguments of :class:`ReinforcedTimestep`. Defaults to None: its
            defaults.
        optimizer (dict, optional): One for both. Defaults to None: the hook's own,
            ``dict(type='AdamW', lr=1e-3, weight_decay=1e-4)``.
        iterations (int): Defaults to 400.
        batch_size (int): Defaults to 64.
        seed (int): Seed of weights, data and draws. Defaults to 0.
        snapshots (int): How many to return, evenly spaced. Defaults to 20.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        actor = ReinforcedTimestep(num_timesteps=task.num_timesteps, **(policy or {}))
        reward = ClassificationReward(task.num_classes, task.num_classes)
    parameters = [*actor.parameters(), *reward.parameters()]
    optimizer = optimizer or dict(type='AdamW', lr=1e-3, weight_decay=1e-4)
    stepper = OPTIMIZERS.build(dict(optimizer, params=parameters))
    generator = torch.Generator().manual_seed(seed)
    draws, history = actor.num_samples, []
    for iteration in range(iterations):
        images, labels, data_samples = task.batch(batch_size, generator)
        uniforms = IterationStreams(seed, iteration).uniforms(batch_size, draws)
        sample = actor(images, Draws(uniforms))
        features = task.features(labels.repeat(draws), sample.t, generator)
        result = reward(features, data_samples * draws)
        terms = actor.loss(sample, result.reward, progress=iteration / iterations)
        stepper.zero_grad()
        (result.loss.mean() + terms['loss_policy']).backward()
        stepper.step()
        if (iteration + 1) * snapshots // iterations > iteration * snapshots // iterations:
            probs = actor.timestep_probs(images).mean(dim=0)
            history.append(
                Snapshot(
                    iteration=iteration + 1,
                    mass=task.mass(probs),
                    mean_t=(probs * torch.arange(len(probs))).sum().item(),
                    entropy=terms['policy_entropy'].item(),
                    reward=result.reward.mean().item(),
                )
            )
    return history

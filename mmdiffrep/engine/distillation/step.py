# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""One step of RepFusion: draw timesteps, read the teacher there, compare, reward the policies.

The teacher is read before the student's forward pass, the rest happens after it.
"""

from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import NamedTuple

import torch
from mmengine.dist import all_reduce, get_world_size
from mmengine.structures import BaseDataElement
from torch import Tensor, nn

from mmdiffrep.engine.distillation.phases import TaskLosses
from mmdiffrep.models.distillers.feature_pair import FeaturePair
from mmdiffrep.models.distillers.repfusion_distiller import RepFusionDistiller, TimestepBranch
from mmdiffrep.models.layer_taps import LayerTaps
from mmdiffrep.models.rewards.base import StudentContext, holdout_mask
from mmdiffrep.models.teachers.base import Teacher
from mmdiffrep.models.timestep_policies.base import Draws, TimestepSample
from mmdiffrep.utils.random_streams import IterationStreams

# The student's features, a tuple per pair, and the teacher's, one per pair; None: left out.
StudentFeatures = Sequence[tuple[Tensor, ...]]
TeacherFeatures = tuple[Tensor | None, ...]
DataSamples = list[BaseDataElement] | None


class TeacherRead(NamedTuple):
    """Timesteps that a policy drew, and the teacher's features there.

    Attributes:
        sample (TimestepSample): k draws per image.
        features (list of tuple): One tuple per draw, of one feature per pair, ``(B, C, h, w)`` or
            ``(B, C)``.
    """

    sample: TimestepSample
    features: list[TeacherFeatures]


def read_teacher(
    teacher: Teacher,
    distiller: RepFusionDistiller,
    images: Tensor,
    streams: IterationStreams,
    progress: float,
) -> dict[str, TeacherRead]:
    """Draw the timesteps of every policy and read the teacher at all of them in one pass.

    Args:
        teacher (Teacher): The frozen teacher.
        distiller (RepFusionDistiller): Holds the policies.
        images (Tensor): The host's normalized images, ``(B, 3, H, W)``.
        streams (IterationStreams): The random numbers of this iteration.
        progress (float): Share of the training with a teacher that is done, in [0, 1].

    Returns:
        dict: From branch name to what was read.
    """
    teacher.begin_step(streams)
    inputs, size = teacher.to_input(images), len(images)
    samples: dict[str, TimestepSample] = {}
    generators: list[Iterator[torch.Generator]] = []
    for index, (name, branch) in enumerate(distiller.named_branches()):
        count = branch.policy.num_samples
        uniforms = streams.uniforms(size, count, index).to(images.device)
        samples[name] = branch.policy(inputs, Draws(uniforms, streams.shared(index), progress))
        generators.append(streams.generators(size, count, index, device=images.device))
    t = torch.cat([sample.t for sample in samples.values()])
    repeated = inputs.repeat(len(t) // size, 1, 1, 1)
    features = teacher(repeated, t, chain(*generators))
    absent = [None] * (len(t) // size)
    draws = iter(zip(*(absent if x is None else x.split(size) for x in features)))
    return {
        name: TeacherRead(sample, list(islice(draws, len(sample.t) // size)))
        for name, sample in samples.items()
    }


def student_features(
    taps: LayerTaps, sizes: Sequence[int], batch_size: int
) -> list[tuple[Tensor, ...]]:
    """Take the features that the student's forward pass left, grouped by pair.

    Args:
        taps (LayerTaps): The tapped layers, in the order of the pairs.
        sizes (sequence of int): Number of layers per pair.
        batch_size (int): Images of the batch.

    Raises:
        RuntimeError: A feature without gradient.
    """
    features = taps.take(batch_size)
    for layer, feature in zip(taps.layers, features):
        if not feature.requires_grad:
            raise RuntimeError(
                f'the feature of student layer {layer.path!r} carries no gradient, so nothing '
                'would be distilled: is the layer frozen, or wrapped as a whole in activation '
                'checkpointing (checkpoint its children instead)?'
            )
    rest = iter(features)
    return [tuple(islice(rest, size)) for size in sizes]


def distillation_losses(
    distiller: RepFusionDistiller,
    student: StudentFeatures,
    reads: dict[str, TeacherRead],
    data_samples: DataSamples,
    task: TaskLosses,
    progress: float,
) -> dict[str, Tensor]:
    """Compare student with teacher, and train the policies by their rewards.

    Args:
        distiller (RepFusionDistiller): Holds the comparisons, policies and rewards.
        student (sequence): One tuple per pair, of maps ``(B, C, h, w)`` or vectors ``(B, C)``.
        reads (dict): What :func:`read_teacher` returned.
        data_samples (list, optional): The host's data samples; some rewards read labels there.
        task (dict): The host's own losses; some rewards ask for them.
        progress (float): Share of the training with a teacher that is done, in [0, 1].

    Returns:
        dict: Keys with ``loss`` are summed by mmengine (``loss_distill``, or one per pair with its
        index, ``loss_policy``, ``loss_decoder``); ``explained`` (or one per pair, see
        :meth:`FeaturePair.compare`), ``reward``, ``policy_entropy`` and ``timestep`` (batch means)
        are logged. The keys of a named branch begin with its name, as in
        ``task/loss_policy``.
    """
    losses, task_loss = {}, _total(task)
    for name, branch in distiller.named_branches():
        sample, per_draw = reads[name]
        times = sample.t.chunk(len(per_draw))
        compared = [
            _compare(distiller.pairs, student, z, t, sample.pair) for z, t in zip(per_draw, times)
        ]
        terms = {}
        for index in compared[0]:
            suffix = '' if len(distiller.pairs) == 1 else f'_{index}'
            values, shares = zip(*(draw[index] for draw in compared))
            terms[f'loss_distill{suffix}'] = sum(values) / len(values)
            if None not in shares:
                terms[f'explained{suffix}'] = sum(shares) / len(shares)
        if branch.reward is not None:
            last = len(distiller.pairs) - 1
            contexts = [
                StudentContext(student[last], draw[last][0], task_loss) for draw in compared
            ]
            read = (teacher[last] for teacher in per_draw)  # never left out, see check_drop
            features = [feature for feature in read if feature is not None]
            terms |= _reward(branch, features, contexts, sample, data_samples, progress)
        terms['timestep'] = sample.t.float().mean()
        losses |= {f'{name}/{key}' if name else key: value for key, value in terms.items()}
    return losses


def _compare(
    pairs: nn.ModuleList,
    student: StudentFeatures,
    teacher: TeacherFeatures,
    t: Tensor,
    only: int | None,
) -> dict[int, tuple[Tensor, Tensor | None]]:
    """Return loss and explained share of pairs; they keep what the other pairs read in use.

    DDP and the optimizer expect a gradient, even a zero one, for everything that leads to a
    student layer.
    """
    chosen = range(len(pairs)) if only is None else [only]
    compared = {}
    for index in chosen:
        pair, target = pairs[index], teacher[index]
        assert isinstance(pair, FeaturePair)
        if target is not None:
            compared[index] = pair.compare(student[index], target, t)
    if len(compared) < len(pairs):
        others = [x for i, group in enumerate(student) if i not in compared for x in group]
        # One element of each: a sum over all could overflow in float16.
        unused = sum(feature[(0,) * feature.dim()] * 0 for feature in others)
        first = min(compared)
        loss, share = compared[first]
        compared[first] = loss + unused, share
    return compared


def _reward(
    branch: TimestepBranch,
    features: list[Tensor],
    contexts: list[StudentContext],
    sample: TimestepSample,
    data_samples: DataSamples,
    progress: float,
) -> dict[str, Tensor]:
    """Reward every draw of every image; return the losses of decoder and policy."""
    policy, rewarder = branch.policy, branch.reward
    assert rewarder is not None  # its branch was asked before
    results = [
        rewarder(feature, data_samples, context) for feature, context in zip(features, contexts)
    ]
    reward = torch.cat([result.reward for result in results])
    labeled = torch.cat(
        [
            torch.ones_like(r.reward, dtype=torch.bool) if r.counted is None else r.counted
            for r in results
        ]
    )
    counted = learned = labeled
    fallback = policy.mean_reward
    if branch.holdout:
        held = holdout_mask(data_samples, branch.holdout).to(reward.device, non_blocking=True)
        held = held.repeat(len(results))
        counted, learned = labeled & held, labeled & ~held
        fallback = _mean(reward, labeled, fallback)
    terms = {'reward': _mean(reward, counted, fallback)}
    if rewarder.learns:
        loss = torch.cat([result.loss for result in results])
        terms['loss_decoder'] = _mean(loss, learned, loss.new_zeros(()))
    return terms | policy.loss(sample, reward, progress=progress, counted=counted)


def _mean(values: Tensor, counted: Tensor, fallback: Tensor) -> Tensor:
    """Average the values that count, over all ranks: averaged over the ranks it is exact."""
    count = counted.sum().float()
    all_reduce(count)
    mean = torch.where(counted, values, 0).sum() * get_world_size() / count.clamp(min=1)
    return torch.where(count > 0, mean, fallback)


def _total(task: TaskLosses) -> Tensor | None:
    """Add up the host's losses, as its own ``parse_losses`` does; None without any."""
    terms = [
        term.mean()
        for key, value in task.items()
        if 'loss' in key
        for term in (value if isinstance(value, list) else [value])
    ]
    return sum(terms[1:], start=terms[0]) if terms else None

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
from functools import partial

import pytest
import torch

from mmdiffrep.analysis import reward_curves
from mmdiffrep.models.rewards import (
    ClassificationReward,
    InstanceDiscriminationReward,
    StudentGainReward,
)
from tools.benchmarks.known_timestep import KnownTimestepTask

TASK = KnownTimestepTask(best=60, num_timesteps=200, width=20.0)


def build():
    return ClassificationReward(10, num_classes=10)


@pytest.fixture(scope='module')
def known():
    """Features by timestep and samples of 400 images."""
    generator = torch.Generator().manual_seed(0)
    _, labels, samples = TASK.batch(400, generator)
    steps = (0, 30, 60, 120, 180)
    features = {t: TASK.features(labels, torch.full((400,), t), generator) for t in steps}
    return features, samples


def test_the_decoder_is_best_where_the_signal_is(known):
    features, samples = known
    curves = reward_curves(build, features, samples, 100, [5, 600], batch_size=64)
    assert list(curves) == [5, 600] and list(curves[5]) == list(features)
    late = curves[600]
    assert max(late, key=late.get) == 60
    assert late[60] > -0.7 and late[180] < -2
    assert curves[5][60] < late[60]


def test_images_held_out_are_not_learned_from(known):
    """With random labels there is nothing to learn for other images."""
    features, samples = known
    samples = [*samples]
    generator = torch.Generator().manual_seed(1)
    for i in torch.randperm(400, generator=generator).tolist():
        samples[i] = samples[i].clone()
        samples[i].gt_label = torch.randint(10, (1,), generator=generator)
    curve = reward_curves(build, {60: features[60]}, samples, 100, [300])[300]
    assert curve[60] < -2.3  # no better than chance, log 10


def test_the_seed_decides_and_the_run_around_it_stays_the_same(known):
    features, samples = known
    state = torch.get_rng_state()
    first, second, other = (
        reward_curves(build, features, samples, 100, [3], seed=seed) for seed in (0, 0, 1)
    )
    assert first == second != other
    assert torch.equal(torch.get_rng_state(), state)


def test_bad_input(known):
    features, samples = known
    for held_out in (0, 400):
        with pytest.raises(
            ValueError, match=rf'of 400 images held out must be in \[1, 399\], got {held_out}'
        ):
            reward_curves(build, features, samples, held_out, [3])
    for iterations in ([], [0], [5, 3]):
        with pytest.raises(ValueError, match='iterations must rise, from at least 1, got'):
            reward_curves(build, features, samples, 100, iterations)
    with pytest.raises(ValueError, match='StudentGainReward has no decoder that'):
        reward_curves(lambda: StudentGainReward(10), features, samples, 100, [3])
    with pytest.raises(ValueError, match='InstanceDiscriminationReward has no decoder that'):
        compares = partial(InstanceDiscriminationReward, 10, projection=4)
        reward_curves(compares, features, samples, 100, [3])

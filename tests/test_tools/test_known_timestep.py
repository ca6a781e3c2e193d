# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
import torch

from tools.benchmarks.known_timestep import KnownTimestepTask, train_on_known_timestep

SMALL = KnownTimestepTask(best=60, num_timesteps=200, width=12.0)


def test_features_tell_the_class_best_at_the_best_timestep():
    generator = torch.Generator().manual_seed(0)
    _, labels, samples = SMALL.batch(2000, generator)
    assert [int(sample.gt_label) for sample in samples[:5]] == labels[:5].tolist()
    right = [
        (SMALL.features(labels, torch.full((2000,), t), generator).flatten(1).argmax(1) == labels)
        for t in (60, 80, 199)
    ]
    near, further, chance = (hits.float().mean().item() for hits in right)
    assert near > 0.99 > further > chance and abs(chance - 0.1) < 0.03


def test_mass_counts_what_is_near():
    probs = torch.zeros(200)
    probs[[50, 70, 71]] = torch.tensor([0.2, 0.3, 0.5])
    assert SMALL.mass(probs) == pytest.approx(0.5)


@pytest.mark.parametrize(
    'policy', [dict(), dict(baseline='per_timestep'), dict(baseline='leave_one_out', num_samples=4)]
)
def test_policy_finds_the_best_timestep(policy):
    history = train_on_known_timestep(SMALL, policy, iterations=170, snapshots=2)
    assert history[-1].mass > 0.9
    assert history[0].entropy > history[-1].entropy


def test_same_seed_gives_the_same_policy():
    runs = [train_on_known_timestep(SMALL, iterations=5, batch_size=8, seed=s) for s in (1, 1, 2)]
    assert runs[0] == runs[1] != runs[2]

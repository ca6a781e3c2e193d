# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Several teachers in one hook."""

import pytest
import torch

from mmdiffrep.engine.hooks import RepFusionHook
from mmdiffrep.models.teachers import TeacherGroup, build_teacher
from mmdiffrep.testing import tiny_runner, tiny_teacher
from mmdiffrep.utils.random_streams import IterationStreams

CNN = 'random:torchvision:resnet18'
NAMED = dict(dm=tiny_teacher(), cnn=CNN)
TAPS = ['dm/mid', 'cnn/layer2', 'dm/dec.0']
LOSS = dict(type='mmdiffrep.DenseFeatureLoss', distance='l2')


def images():
    return torch.rand(2, 3, 32, 32) * 2 - 1


def build(teacher, taps, **kwargs):
    torch.manual_seed(5)
    return build_teacher(teacher, taps, mean=[127.5] * 3, std=[127.5] * 3, **kwargs)


def test_features_are_those_of_each_alone():
    group = build(NAMED, TAPS)
    assert isinstance(group, TeacherGroup)
    t, x = torch.tensor([3, 7]), images()
    mid, layer2, dec = group(group.to_input(x), t)
    dm, cnn = group.members['dm'], group.members['cnn']
    assert torch.equal(mid, dm(dm.to_input(x), t)[0])
    assert torch.equal(dec, dm(dm.to_input(x), t)[1])
    assert torch.equal(layer2, cnn(cnn.to_input(x), t)[0])
    assert group.channels == (16, 128, dec.shape[1]) and group.num_timesteps == 20
    assert group.record['source'].startswith('dm: ') and len(group.weights_hash) == 64


def test_the_hash_depends_on_every_member():
    first = build(NAMED, TAPS)
    assert build(NAMED, TAPS).weights_hash == first.weights_hash
    other = build(dict(dm=tiny_teacher(), cnn='random:torchvision:resnet34'), TAPS)
    assert other.weights_hash != first.weights_hash


def test_dropping_leaves_one_and_is_the_same_on_all_ranks():
    group = build(dict(type='mmdiffrep.TeacherGroup', teachers=NAMED, drop=0.5), TAPS)
    kept = []
    for iteration in range(400):
        group.begin_step(IterationStreams(0, iteration, rank=0, world_size=2))
        kept.append(tuple(group._kept))
        group.begin_step(IterationStreams(0, iteration, rank=1, world_size=2))
        assert tuple(group._kept) == kept[-1]
    shares = {names: kept.count(names) / 400 for names in set(kept)}
    assert set(shares) == {('dm',), ('cnn',), ('dm', 'cnn')}
    assert abs(shares[('dm', 'cnn')] - 0.25) < 0.08
    group._kept = ['cnn']
    features = group(group.to_input(images()), torch.zeros(2, dtype=torch.long))
    assert features[0] is None and features[2] is None and features[1] is not None


def test_random_weights_of_a_diffusion_model():
    random = build('random:mmdiffrep://toyfaces_ddpm_64', ['mid'])
    again = build('random:mmdiffrep://toyfaces_ddpm_64', ['mid'])
    trained = build('mmdiffrep://toyfaces_ddpm_64', ['mid'])
    assert random.weights_hash == again.weights_hash != trained.weights_hash
    assert random.channels == trained.channels
    assert random.source == 'mmdiffrep://toyfaces_ddpm_64 (random weights)'


@pytest.mark.parametrize(
    ('teachers', 'taps', 'message'),
    [
        ({}, ['dm/mid'], 'a dict of one or more teachers by name, got {}'),
        (NAMED, ['mid'], "'name/tap'"),
        (NAMED, ['dm'], "is 'name/tap', .*; got 'dm'"),
        (NAMED, ['dm/'], "got 'dm/'"),
        (NAMED, ['dmm/mid'], 'Did you mean dm'),
        (NAMED, ['dm/mid'], "no pair reads the teacher 'cnn'"),
        (dict(a=tiny_teacher(), b=tiny_teacher()), ['a/mid', 'b/mid'], 'all have timesteps'),
    ],
)
def test_what_does_not_go_together(teachers, taps, message):
    with pytest.raises(ValueError, match=message):
        build(teachers, taps)


def pairs():
    return [dict(student='backbone', teacher=tap, loss=LOSS, balance=True) for tap in TAPS]


def test_a_run_with_dropping_trains_every_connector(tmp_path):
    teacher = dict(type='mmdiffrep.TeacherGroup', teachers=NAMED, drop=0.5)
    runner = tiny_runner(str(tmp_path), 8)
    hook = RepFusionHook(teacher=teacher, pairs=pairs(), noise='fresh')
    runner.register_hook(hook)
    seen = []
    inner = runner.model.train_step

    def train_step(data, optim_wrapper):
        outputs = inner(data, optim_wrapper)
        seen.append({name for name in outputs if name.startswith('loss_distill')})
        return outputs

    runner.model.train_step = train_step
    runner.train()
    assert len({frozenset(names) for names in seen}) > 1 and all(seen)
    states = hook.optimizer.optimizer.state
    assert all(states[p]['exp_avg'].abs().sum() > 0 for p in hook.distiller.pairs.parameters())


def test_a_policy_with_a_reward_needs_every_teacher(tmp_path):
    teacher = dict(type='mmdiffrep.TeacherGroup', teachers=NAMED, drop=0.5)
    policy = dict(type='mmdiffrep.ReinforcedTimestep', num_timesteps=20, num_buckets=5)
    runner = tiny_runner(str(tmp_path), 1)
    runner.register_hook(RepFusionHook(teacher=teacher, pairs=pairs(), policy=policy))
    with pytest.raises(ValueError, match='set drop=0'):
        runner.train()

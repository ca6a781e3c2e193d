# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""RepFusion from stored features: equal to the online teacher on the same views."""

import copy
import random
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import DDPMScheduler
from mmengine.config import Config
from mmengine.runner import Runner

from mmdiffrep.apis.build_teacher_bank import build_teacher_bank
from mmdiffrep.diffusion import load_denoiser
from mmdiffrep.models.teachers import BankTeacher, DPMTeacher
from mmdiffrep.registry import DATASETS
from mmdiffrep.testing import (
    RandomSegmentation,
    greatest_difference,
    parameters_of,
    tiny_runner,
    tiny_segmentor,
    tiny_teacher,
)
from mmdiffrep.testing.tiny_distillation import PAIR, hook_cfg, hook_of

CONFIGS = Path(__file__).parents[2] / 'configs' / 'repfusion'
FIXED = dict(type='mmdiffrep.FixedTimestep', t=5)
BUCKETS = dict(type='mmdiffrep.ReinforcedTimestep', num_timesteps=20, timesteps=[2, 9, 16])


@DATASETS.register_module(force=True)
class JitteredSegmentation(RandomSegmentation):
    """Flipped and darkened at random, by every generator that pipelines use."""

    def __getitem__(self, index):
        sample = super().__getitem__(index)
        image = sample['inputs'].roll(random.randrange(8), 2).float()
        image = image * np.random.uniform(0.5, 1) + torch.randint(0, 20, (1,))
        return dict(sample, inputs=image.byte())


def views(bank=None):
    dataset = dict(type='mmdiffrep.JitteredSegmentation', length=8)
    return dict(type='mmdiffrep.FixedViews', num_views=3, bank=bank, dataset=dataset)


def loader(bank=None, **options):
    sampler = dict(type='InfiniteSampler', shuffle=True)
    return dict(dataset=views(bank), sampler=sampler, batch_size=4, num_workers=0, **options)


@pytest.fixture(scope='module')
def network(tmp_path_factory):
    """A random network in a folder, so that its weights are the same wherever it is loaded."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp('network')
    load_denoiser(tiny_teacher()).network.save_pretrained(folder / 'unet')
    DDPMScheduler(num_train_timesteps=20).save_pretrained(folder / 'scheduler')
    return str(folder)


def build(folder, network, policy=FIXED, noise='none', **teacher):
    settings = dict(type='mmdiffrep.BankTeacher', bank=str(folder), denoiser=network, **teacher)
    hook = hook_cfg(teacher=settings, policy=policy, noise=noise)
    cfg = Config(
        dict(
            default_scope='mmseg',
            model=tiny_segmentor(),
            train_dataloader=loader(str(folder)),
            default_hooks=dict(repfusion=hook),
        )
    )
    return build_teacher_bank(cfg, batch_size=4), hook


def train(folder, hook, bank=None, max_iters=4, **options):
    exact = dict(type='mmdiffrep.ExactResumeHook')
    runner = tiny_runner(folder, max_iters, [hook, exact], train_dataloader=loader(bank), **options)
    runner.train()
    return runner


@pytest.fixture
def read(monkeypatch):
    """What teachers return in a run, by the class of the teacher."""
    read = {BankTeacher: [], DPMTeacher: []}

    def record(kind):
        forward = kind.forward

        def recorded(self, inputs, t, generator=None):
            features = forward(self, inputs, t, generator)
            read[kind].append((t, *features))
            return features

        monkeypatch.setattr(kind, 'forward', recorded)

    # The check of a network's ranks reads the first batch once more.
    monkeypatch.setattr(DPMTeacher, 'warn_if_early', lambda *_: None)
    record(BankTeacher)
    record(DPMTeacher)
    return read


def assert_equal_features(mine, theirs, rounded=torch.float32):
    assert len(mine) == len(theirs) > 0
    for (t, *features), (same_t, *expected) in zip(mine, theirs):
        assert torch.equal(t, same_t)
        assert all(map(torch.equal, features, [x.to(rounded).float() for x in expected]))


@pytest.mark.parametrize('policy', [FIXED, BUCKETS], ids=['fixed', 'buckets'])
@pytest.mark.parametrize('noise', ['none', 'per_image'])
def test_a_run_from_the_bank_equals_the_online_run(tmp_path, network, read, policy, noise):
    built, hook = build(tmp_path / 'bank', network, policy, noise, dtype='float32')
    assert len(built.bank) == built.num_computed == 8 * 3
    stored = train(tmp_path / 'stored', hook, str(tmp_path / 'bank'))
    online = train(tmp_path / 'online', dict(hook, teacher=network))
    assert_equal_features(read[BankTeacher], read[DPMTeacher])
    assert greatest_difference(*[parameters_of(run.model) for run in (stored, online)]) < 1e-6
    distillers = [hook_of(run).distiller for run in (stored, online)]
    assert greatest_difference(*map(parameters_of, distillers)) < 1e-6
    assert parameters_of(stored.model).keys() == parameters_of(online.model).keys()


def test_features_are_those_of_the_teacher_rounded_to_what_is_stored(tmp_path, network, read):
    _, hook = build(tmp_path / 'bank', network)  # float16
    train(tmp_path / 'stored', hook, str(tmp_path / 'bank'), 2)
    train(tmp_path / 'online', dict(hook, teacher=network), None, 2)
    assert_equal_features(read[BankTeacher], read[DPMTeacher], torch.float16)


def test_workers_read_the_same_features(tmp_path, network, read):
    """In workers, and collated into lists instead of tensors."""
    _, hook = build(tmp_path / 'bank', network)
    exact = dict(type='mmdiffrep.ExactResumeHook', seed_batches=True)
    for workers, collate in ((0, 'default_collate'), (2, 'pseudo_collate')):
        batches = dict(num_workers=workers, collate_fn=dict(type=collate))
        data = loader(str(tmp_path / 'bank')) | batches
        tiny_runner(tmp_path / collate, 3, [hook, exact], train_dataloader=data).train()
    mine = read[BankTeacher]
    assert_equal_features(mine[3:], mine[:3])


def test_a_resumed_run_may_change_between_bank_and_network(tmp_path, network, read):
    bank = str(tmp_path / 'bank')
    _, hook = build(bank, network, BUCKETS, dtype='float32')
    online = dict(hook, teacher=network)
    train(tmp_path / 'whole', online)
    save = dict(checkpoint=dict(type='mmdiffrep.AtomicCheckpointHook', by_epoch=False, interval=2))
    train(tmp_path / 'half', online, None, 2, default_hooks=save)
    read[BankTeacher].clear()
    resumed = dict(load_from=str(tmp_path / 'half' / 'iter_2.pth'), resume=True)
    train(tmp_path / 'rest', hook, bank, **resumed)
    assert_equal_features(read[BankTeacher], read[DPMTeacher][2:4])


def test_a_finished_bank_is_only_read_and_a_partial_one_completed(tmp_path, network):
    build(tmp_path / 'bank', network)
    again, _ = build(tmp_path / 'bank', network)
    assert again.num_computed == 0
    next((tmp_path / 'bank').glob('*.safetensors')).unlink()
    repaired, _ = build(tmp_path / 'bank', network)
    assert repaired.num_computed == 8 * 3
    with pytest.raises(ValueError, match=r'other features: timesteps: \[5\] here, \[2, 9, 16\]'):
        build(tmp_path / 'bank', network, BUCKETS)


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (dict(policy=dict(type='mmdiffrep.FixedTimestep', t=6)), 't = 6, but .* only t = 5'),
        (dict(noise='shared'), "noise: .*'shared'.*, not .*'none'"),
        (dict(noise='fresh'), "noise='fresh' draws anew"),
        (dict(teacher_size=8), 'size: 8, not 16'),
        (dict(precision='bfloat16'), 'precision: bfloat16, not float32'),
        (dict(teacher_input='student'), "Set teacher_input='exact'"),
        (dict(pairs=[dict(PAIR, teacher='dec.0')]), r"taps: \['dec.0'\], not \['mid'\]"),
        (
            dict(normalization=dict(mean=[0.0] * 3, std=[255.0] * 3, channel_order='rgb')),
            'normalization: .*255.*, not .*123.675',
        ),
    ],
)
def test_settings_that_the_bank_does_not_have_are_named(tmp_path, network, change, message):
    _, hook = build(tmp_path / 'bank', network)
    with pytest.raises(ValueError, match=message):
        train(tmp_path / 'run', dict(hook, **change), str(tmp_path / 'bank'))


def test_a_policy_that_needs_the_noise_schedule_is_refused(tmp_path, network):
    matched = dict(type='mmdiffrep.MatchedTimestep', t=5, image_size=32)
    message = 'MatchedTimestep .*a BankTeacher does not load its network.*FixedTimestep'
    with pytest.raises(ValueError, match=message):
        build(tmp_path / 'bank', network, matched)
    _, hook = build(tmp_path / 'bank', network)
    with pytest.raises(ValueError, match=message):
        train(tmp_path / 'run', dict(hook, policy=matched), str(tmp_path / 'bank'))


def test_what_is_missing_is_named(tmp_path, network):
    built, hook = build(tmp_path / 'bank', network, pool=1)
    bank = str(built.bank.folder)
    with pytest.raises(ValueError, match=r'stores averages \(pool\), but DenseFeatureLoss'):
        train(tmp_path / 'pooled', hook, bank)
    pooled = dict(hook, pairs=[dict(PAIR, loss=dict(type='mmdiffrep.PooledFeatureLoss'))])
    with pytest.raises(ValueError, match=r'the batch carries no stored features: .*FixedViews'):
        train(tmp_path / 'online', pooled)
    with pytest.raises(FileNotFoundError, match=r'no feature bank .*python -m mmdiffrep bank'):
        train(tmp_path / 'other', dict(hook, teacher=dict(hook['teacher'], bank='none')), bank)
    data = loader(bank)
    data['dataset']['seed'] = 1
    with pytest.raises(ValueError, match=r'View \d of image \d .*is not in .*another pipeline'):
        tiny_runner(tmp_path / 'seed', 2, [pooled], train_dataloader=data).train()
    padded = tiny_segmentor()
    padded['data_preprocessor']['size'] = (40, 40)
    with pytest.raises(ValueError, match=r'turns images of \[\(32, 32\)\] into \(40, 40\)'):
        train(tmp_path / 'padded', pooled, bank, model=padded)


def test_the_last_phase_needs_no_features(tmp_path, network):
    _, hook = build(tmp_path / 'bank', network)
    phases = [('distill', 1), ('joint', 2)]
    runner = train(tmp_path / 'run', dict(hook, phases=phases), str(tmp_path / 'bank'))
    assert hook_of(runner).teacher is None


def test_configs_without_views_or_bank_are_named(network):
    cfg = Config(dict(default_scope='mmseg', train_dataloader=loader(), default_hooks={}))
    with pytest.raises(ValueError, match='needs one RepFusionHook with teacher=dict'):
        build_teacher_bank(cfg)
    teacher = dict(type='mmdiffrep.BankTeacher', bank='x', denoiser=network)
    cfg.default_hooks = dict(repfusion=hook_cfg(teacher=teacher))
    cfg.train_dataloader.dataset = cfg.train_dataloader.dataset.dataset
    with pytest.raises(ValueError, match="must be dict.type='mmdiffrep.FixedViews'"):
        build_teacher_bank(cfg)


@pytest.mark.parametrize('name', ['cls', 'pose'])
def test_pipelines_of_mmpretrain_and_mmpose(tmp_path, network, read, name):
    """Their random crops, flips and rotations; mmseg's are above."""
    cfg = Config.fromfile(CONFIGS / f'toyfaces_r18_{name}_scratch.py')
    bank = str(tmp_path / 'bank')
    dataset = dict(cfg.train_dataloader.dataset, num_images=4, indices=None)
    cfg.train_dataloader.update(batch_size=4, num_workers=0, persistent_workers=False)
    cfg.train_dataloader.dataset = dict(
        type='mmdiffrep.FixedViews', num_views=2, bank=bank, dataset=dataset
    )
    cfg.update(val_cfg=None, val_dataloader=None, val_evaluator=None)
    cfg.update(test_cfg=None, test_dataloader=None, test_evaluator=None)
    cfg.train_cfg.max_iters = 2
    loss = dict(type='mmdiffrep.PooledFeatureLoss')
    pair = dict(student='backbone', teacher='mid', loss=loss)
    teacher = dict(type='mmdiffrep.BankTeacher', bank=bank, denoiser=network)
    cfg.default_hooks.repfusion = hook_cfg(teacher=teacher, pairs=[pair], policy=FIXED)
    build_teacher_bank(cfg, batch_size=4)
    if name == 'cls':
        mixed = copy.deepcopy(cfg)
        mixed.model.train_cfg = dict(augments=dict(type='Mixup', alpha=0.2))
        mixed.work_dir, mixed.experiment_name = str(tmp_path / 'mixed'), f'{tmp_path.name}_mixed'
        with pytest.raises(ValueError, match='changes images whose features are stored'):
            Runner.from_cfg(mixed).train()
    for kind, source in (('stored', teacher), ('online', network)):
        cfg.default_hooks.repfusion.teacher = source
        cfg.work_dir, cfg.experiment_name = str(tmp_path / kind), f'{tmp_path.name}_{kind}'
        Runner.from_cfg(cfg).train()
    assert_equal_features(read[BankTeacher], read[DPMTeacher], torch.float16)

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The configs of CIFAR-10, Tiny-ImageNet, ImageNet and Fashion-MNIST: official values and runs."""

import inspect
import math
import pickle
import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.runner import Runner
from mmpretrain.datasets import CIFAR10

from mmdiffrep.datasets.preparation.cifar10 import CLASSES
from mmdiffrep.diffusion import load_denoiser
from mmdiffrep.diffusion.denoisers.adm_presets import ADM_PRESETS
from mmdiffrep.engine.hooks import RepFusionHook
from mmdiffrep.registry import MODELS
from mmdiffrep.testing import tiny_teacher
from mmdiffrep.utils.hook_configs import drop_hooks, find_hooks

ROOT = Path(__file__).parents[2] / 'configs'
CONFIGS = ROOT / 'repfusion'
OFFICIAL_SGD = dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=1e-4)
# A config with a CNN as the teacher, and the same one with a diffusion model.
WITH_CNN = {
    **{f'cifar10_r18_cnn_{loss}': 'cifar10_r18' for loss in ('soft_target', 'hint', 'at', 'rkd')},
    'cifar10_mbv2_cnn_soft_target': 'cifar10_mbv2',
    'tinyimagenet_r18_cnn_soft_target': 'tinyimagenet_r18',
    'tinyimagenet_mbv2_cnn_soft_target': 'tinyimagenet_mbv2',
    **{
        f'distill_{data}_{cnn}': f'distill_{data}_{dpm}'
        for data in ('cifar10', 'tinyimagenet')
        for cnn, dpm in {
            'r18_cnn_hint': 'r18',
            'r18_cnn_at': 'r18_at',
            'r18_cnn_rkd': 'r18_rkd',
            'mbv2_cnn_hint': 'mbv2',
        }.items()
    },
}


def load(name):
    (path,) = CONFIGS.rglob(f'{name}.py')
    return Config.fromfile(path)


def hook_of(cfg):
    return cfg.default_hooks.repfusion


def idx(array):
    return b'\0\0\x08' + struct.pack(f'>B{array.ndim}I', array.ndim, *array.shape) + array.tobytes()


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    """All data sets in one folder, two training images a class."""
    root = tmp_path_factory.mktemp('data')
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (20, 3072), dtype=np.uint8)
    labels = list(range(10)) * 2
    (root / 'cifar-10-batches-py').mkdir()
    for name in (*(f'data_batch_{i}' for i in range(1, 6)), 'test_batch'):
        (root / 'cifar-10-batches-py' / name).write_bytes(
            pickle.dumps(dict(data=pixels, labels=labels))
        )
    for split in ('train', 'val', 'test'):
        for number, label in enumerate(labels):
            folder = root / split / CLASSES[label]
            folder.mkdir(parents=True, exist_ok=True)
            image = pixels[number].reshape(3, 32, 32).transpose(1, 2, 0)[..., ::-1]
            cv2.imwrite(str(folder / f'{number:02d}.png'), np.ascontiguousarray(image))
    for prefix in ('train', 't10k'):
        images = rng.integers(0, 256, (20, 28, 28), dtype=np.uint8)
        (root / f'{prefix}-images-idx3-ubyte').write_bytes(idx(images))
        (root / f'{prefix}-labels-idx1-ubyte').write_bytes(idx(np.array(labels, np.uint8)))
    return root


@pytest.fixture(autouse=True)
def unchecked_cifar10(monkeypatch):
    """mmpretrain knows the published files by their md5."""
    for name in ('train_list', 'test_list'):
        monkeypatch.setattr(CIFAR10, name, [(file, None) for file, _ in getattr(CIFAR10, name)])


def shrink(cfg, data, work_dir):
    """Two iterations of four images with a narrow student and a tiny teacher."""
    for split in ('train', 'val', 'test'):
        loader = cfg.get(f'{split}_dataloader')
        if loader is not None:
            loader.update(batch_size=4, num_workers=0, persistent_workers=False)
            loader.dataset.get('dataset', loader.dataset).update(data_root=str(data))
    if cfg.train_cfg.get('by_epoch'):
        cfg.train_cfg.update(max_epochs=1, val_interval=1)
        cfg.train_dataloader.dataset.indices = 8
    else:
        cfg.train_cfg.update(max_iters=2, val_interval=2)
    for key in ('val', 'test'):
        if cfg.get(f'{key}_dataloader') is not None:
            cfg[f'{key}_dataloader'].dataset.indices = 4
    backbone = cfg.model.backbone
    if backbone.type == 'mmdiffrep.MobileNetV2CIFAR':
        channels, backbone.widen_factor = 1280, 0.1
    elif backbone.type == 'mmdiffrep.WideResNetCIFAR':
        channels = 64
        backbone.update(depth=10, widen_factor=1)
    else:
        channels = 32
        backbone.update(stem_channels=4, base_channels=4)
    if 'head' in cfg.model:
        cfg.model.head.in_channels = channels
    cfg.default_hooks.logger.interval = 1
    cfg.default_hooks.checkpoint.interval = 10
    cfg.work_dir = str(work_dir)
    cfg.experiment_name = f'run_{work_dir.name}'
    return cfg


def tiny_cnn(cfg, name, folder):
    """A HostTeacher of the same config, with random weights in a checkpoint."""
    teacher = load(name)
    teacher.model.backbone.update(stem_channels=4, base_channels=4)
    teacher.model.head.in_channels = 32
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        model = MODELS.build(dict(teacher.model, data_preprocessor=teacher.data_preprocessor))
    folder.mkdir(parents=True, exist_ok=True)
    torch.save(model.state_dict(), folder / 'cnn.pth')
    return dict(
        type='mmdiffrep.HostTeacher', config=teacher.to_dict(), checkpoint=str(folder / 'cnn.pth')
    )


@pytest.mark.parametrize(
    'name',
    [
        'cifar10_r18',
        'cifar10_r18_cnn_at',
        'cifar10_r18_cnn_hint',
        'cifar10_r18_cnn_rkd',
        'cifar10_r18_cnn_soft_target',
        'cifar10_small_r18_scratch',
        'distill_cifar10_mbv2_cnn_hint',
        'distill_cifar10_mbv2_rkd',
        'distill_cifar10_r18_cnn_at',
        'distill_cifar10_r18_cnn_rkd',
        'distill_cifar10_r18_official',
        'distill_cifar10_small_r18_uniform',
        'distill_cifar10_wrn28_2',
        'distill_fashionmnist_r18_cnn',
        'distill_fashionmnist_r18_fixed_official',
        'distill_fashionmnist_r18_reinforced',
        'distill_fashionmnist_r18_reinforced_free',
        'distill_fashionmnist_r18_reinforced_official',
        'distill_tinyimagenet_r18_at',
        'distill_tinyimagenet_r18_cnn_hint',
        'tinyimagenet_mbv2_cnn_soft_target',
        'tinyimagenet_r18',
    ],
)
def test_trains(name, data, tmp_path):
    cfg = shrink(load(name), data, tmp_path)
    hooks = list(find_hooks(cfg, 'RepFusionHook').values())
    for hook in hooks:
        if '_cnn' in name:
            scratch = Path(hook.teacher.config).stem
            hook.teacher = tiny_cnn(cfg, scratch, tmp_path)
        else:
            hook.teacher = tiny_teacher(1000)
            hook.teacher_size = 64 if 'tinyimagenet' in name else 32
            hook.pairs[0].teacher = 'mid'
    runner = Runner.from_cfg(cfg)
    runner.train()
    history = runner.message_hub.log_scalars
    expected = {'train/loss'}
    expected |= {'train/loss_distill'} if hooks else set()
    expected |= {'val/accuracy/top1'} if cfg.get('val_dataloader') else set()
    for key in expected:
        assert math.isfinite(history[key].current()), key


@pytest.mark.parametrize('name', ['ddpm_fashionmnist_32', 'ddpm_cifar10_32'])
def test_the_diffusion_model_fits_the_students_configs(name, data, tmp_path):
    cfg = Config.fromfile(ROOT / 'ddpm' / f'{name}.py')
    with torch.device('meta'):
        model = MODELS.build(cfg.model)
    assert 2e6 < sum(parameter.numel() for parameter in model.unet.parameters()) < 4e6
    taps = load_denoiser(dict(type='UNet2DDenoiser', unet=dict(cfg.model.unet))).taps
    for tap in ('mid', 'module:mid_block.resnets.1.conv2'):
        assert taps[tap].channels == 128 and taps[tap].stride == 4

    cfg.model.unet.block_out_channels = (16, 16, 32)
    cfg.train_dataloader.update(batch_size=2, num_workers=0, persistent_workers=False)
    cfg.train_dataloader.dataset.data_root = str(data)
    cfg.train_cfg.update(max_iters=1, val_interval=1)
    cfg.default_hooks.sample_grid.update(num=1, num_inference_steps=1)
    cfg.work_dir, cfg.experiment_name = str(tmp_path / 'run'), f'run_{name}'
    Runner.from_cfg(cfg).train()
    assert load_denoiser(str(tmp_path / 'run' / 'denoiser')).image_size == 32


@pytest.mark.parametrize(
    ('file', 'preset'), [('adm_64', 'adm-64'), ('adm_256_uncond', 'adm-256-uncond')]
)
def test_adm_teachers_have_the_published_flags_and_taps(file, preset):
    (cfg,) = (
        value
        for value in Config.fromfile(ROOT / '_base_' / 'teachers' / f'{file}.py').values()
        if isinstance(value, dict)
    )
    cfg = {key: value for key, value in cfg.items() if key not in ('checkpoint', 'null_label')}
    kind = cfg.pop('type')
    # What ADM's code has as its default may be left out.
    assert cfg.items() <= {'use_new_attention_order': False, **ADM_PRESETS[preset]}.items()
    assert set(ADM_PRESETS[preset]) - set(cfg) <= {'diffusion_steps'}
    with torch.device('meta'):
        taps = load_denoiser(dict(type=kind, **cfg)).taps
    channels = dict(adm_64=768, adm_256_uncond=1024)[file]
    for tap in ('mid', 'module:middle_block.2.out_layers.3'):
        assert (taps[tap].channels, taps[tap].stride) == (channels, cfg['image_size'] // 8)


@pytest.mark.parametrize('student', ['r18', 'mbv2'])
def test_official_values_of_cifar10(student):
    cfg = load(f'distill_cifar10_{student}_official')
    hook = hook_of(cfg)
    assert hook.teacher == 'google/ddpm-cifar10-32' and hook.teacher_input == 'student'
    (pair,) = hook.pairs
    assert (pair.student, pair.teacher) == ('backbone', 'module:mid_block.resnets.1.conv2')
    assert pair.loss == dict(type='mmdiffrep.PooledFeatureLoss', distance='l2')
    assert not pair.standardize and hook.noise == 'none' and hook.holdout == 0
    assert hook.policy == dict(
        type='mmdiffrep.ReinforcedTimestep', baseline='none', entropy=0.1, entropy_until=0.5
    )
    assert hook.optimizer == cfg.optim_wrapper.optimizer == OFFICIAL_SGD
    assert cfg.train_dataloader.batch_size == 128
    assert cfg.train_cfg.max_epochs == 200 and cfg.param_scheduler[0].milestones == [100, 150]
    assert cfg.data_preprocessor.mean == cfg.data_preprocessor.std == [128.0] * 3
    assert cfg.default_hooks.ema == dict(
        type='EMAHook', ema_type='mmdiffrep.ForeachEMA', momentum=0.001, gamma=0
    )

    task = load(f'cifar10_{student}_finetune')
    assert task.train_dataloader.batch_size == 64
    assert task.optim_wrapper.optimizer == dict(**OFFICIAL_SGD, nesterov=True)
    assert task.default_hooks.ema == dict(
        type='EMAHook', ema_type='mmdiffrep.ForeachEMA', momentum=0.001, gamma=0
    )
    at, rkd = (
        hook_of(load(f'distill_cifar10_{student}_{name}')).pairs[0] for name in ('at', 'rkd')
    )
    assert at.loss == dict(type='mmdiffrep.AttentionTransferLoss', loss_weight=1000.0)
    assert (rkd.loss.distance_weight, rkd.loss.angle_weight, rkd.loss.loss_weight) == (25, 50, 1)


def test_official_values_of_tinyimagenet():
    cfg = load('distill_tinyimagenet_r18_official')
    hook = hook_of(cfg)
    assert hook.pairs[0].teacher == 'module:middle_block.2.out_layers.3'
    assert hook.teacher_input == 'student' and not hook.teacher.use_new_attention_order
    assert (hook.policy.baseline, hook.policy.entropy) == ('none', 0.0)
    assert hook.policy.net == dict(convolutions=3) and hook.reward.hidden_channels == 768 / 2
    assert cfg.model.backbone == dict(type='ResNet', depth=18)
    assert cfg.train_dataloader.batch_size == 64 and cfg.optim_wrapper.optimizer.nesterov
    for name in ('mbv2_official', 'mbv2_rkd', 'r18_rkd'):
        uniform = hook_of(load(f'distill_tinyimagenet_{name}'))
        assert uniform.policy == dict(type='mmdiffrep.UniformTimestep', high=50)
    at = load('distill_tinyimagenet_r18_at')
    assert hook_of(at).pairs[0].loss.loss_weight == 1000
    assert at.model.backbone == load('tinyimagenet_r18_scratch').model.backbone
    task = load('tinyimagenet_r18_finetune')
    assert task.train_dataloader.batch_size == 128
    assert task.optim_wrapper.optimizer == OFFICIAL_SGD
    assert 'ema' not in task.default_hooks


def test_official_values_of_imagenet():
    cfg = load('distill_imagenet_r18_official')
    hook = hook_of(cfg)
    assert hook.policy == dict(type='mmdiffrep.UniformTimestep', high=1000)
    assert cfg.train_dataloader.batch_size == 32
    crop = cfg.train_dataloader.dataset.pipeline[1]
    assert crop == dict(type='RandomResizedCrop', scale=256)
    task = load('imagenet_r18_finetune')
    assert task.model.head.loss == dict(type='LabelSmoothLoss', label_smooth_val=0.1)
    assert task.default_hooks.ema == dict(
        type='EMAHook', ema_type='mmdiffrep.ForeachEMA', momentum=0.01, gamma=0
    )


def test_fixed_presets_differ_from_the_official_ones():
    for name in ('distill_cifar10_r18', 'distill_tinyimagenet_r18'):
        hook = hook_of(load(name))
        assert hook.pairs[0].teacher == 'mid' and hook.pairs[0].standardize
        assert hook.get('teacher_input', 'exact') == 'exact'
        assert hook.policy.baseline == 'batch_mean' and hook.holdout > 0
        assert hook.policy.warmup == 0.1
    assert hook.teacher.use_new_attention_order and hook.teacher.null_label == 'mean'
    student, task = load('distill_tinyimagenet_r18'), load('tinyimagenet_r18_finetune')
    assert student.model.backbone.type == task.model.backbone.type == 'ResNet_CIFAR'


@pytest.mark.parametrize('name', WITH_CNN)
def test_a_cnn_teacher_changes_the_teacher_side_alone(name):
    cnn, dpm = load(name), load(WITH_CNN[name])
    hook, other = hook_of(cnn), hook_of(dpm)
    scratch = f'{"cifar10" if "cifar10" in name else "tinyimagenet"}_r18_scratch'
    assert hook.teacher == dict(
        type='mmdiffrep.HostTeacher',
        config=f'repfusion/{scratch}.py',
        checkpoint=f'work_dirs/{scratch}/epoch_200.pth',
    )
    defaults = {
        key: each.default for key, each in inspect.signature(RepFusionHook).parameters.items()
    }
    timesteps = {'policy', 'reward', 'holdout', 'noise', 'teacher_input'}
    assert all(hook.get(key, defaults[key]) == defaults[key] for key in timesteps)
    changed = {key for key in hook if hook[key] != other.get(key, defaults.get(key))}
    assert changed <= {'teacher', 'pairs', *timesteps}
    if name.startswith('distill'):  # whose whole backbone has to learn
        (pair,), (same,) = hook.pairs, other.pairs
        assert pair == dict(same, teacher='backbone') and pair.student == 'backbone'
    for cfg in (cnn, dpm):
        cfg.pop('adm_64', None)
        drop_hooks(cfg, 'RepFusionHook', 'PolicyLogHook')
    assert cnn.to_dict() == dpm.to_dict()


def test_cifar10_reaches_the_teacher_in_its_true_colors(data, tmp_path):
    """Its images are RGB as they come, those of the folders BGR; the teacher sees the same."""
    seen = []
    for name in ('distill_cifar10_r18', 'distill_cifar10_small_r18_uniform'):
        cfg = shrink(load(name), data, tmp_path / name)
        hook_of(cfg).update(teacher=tiny_teacher(1000), teacher_size=32)
        dataset = cfg.train_dataloader.dataset
        dataset.pipeline = [
            step for step in dataset.pipeline if step.type in ('LoadImageFromFile', 'PackInputs')
        ]
        cfg.train_dataloader.sampler.shuffle = False
        runner = Runner.from_cfg(cfg)
        runner.call_hook('before_run')
        runner.optim_wrapper = runner.build_optim_wrapper(runner.optim_wrapper)
        runner.call_hook('before_run')
        (hook,) = (h for h in runner.hooks if isinstance(h, RepFusionHook))
        items = Runner.build_dataloader(cfg.train_dataloader).dataset
        item = next(items[i] for i in range(20) if items[i]['data_samples'].gt_label.item() == 3)
        batch = dict(inputs=[item['inputs']], data_samples=[item['data_samples']])
        inputs = runner.model.data_preprocessor(batch)['inputs']
        seen.append(hook.teacher.to_rgb(inputs))
    torch.testing.assert_close(seen[0], seen[1], atol=1e-5, rtol=0)

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Every RepFusion config builds whole, and the hook trains on every host from its own config."""

import math
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.registry import VISUALIZERS, DefaultScope
from mmengine.runner import Runner
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from mmdiffrep.engine.distillation.host_model import fill_rewards
from mmdiffrep.engine.hooks import RepFusionHook
from mmdiffrep.models.distillers import RepFusionDistiller
from mmdiffrep.registry import DATASETS, HOOKS, METRICS, TRANSFORMS
from mmdiffrep.testing import tiny_teacher

CONFIGS = Path(__file__).parents[2] / 'configs' / 'repfusion'
PATHS = sorted(CONFIGS.rglob('*.py'))


def test_there_are_configs():
    expected = {'toyfaces_r18', 'celebamask_r18', 'celebamask_r50', 'distill_toyfaces_r18'}
    assert expected <= {path.stem for path in PATHS}


@pytest.mark.parametrize('path', PATHS, ids=lambda path: path.stem)
def test_builds(path, build_without_memory):
    """All but data and teacher: the model, transforms, metrics, hooks and their distiller."""
    cfg = Config.fromfile(path)
    model = build_without_memory(cfg)
    with DefaultScope.overwrite_default_scope(cfg.default_scope):
        for split in ('train', 'val', 'test'):
            for transform in pipeline_of(cfg.get(f'{split}_dataloader')):
                TRANSFORMS.build(transform)
            metrics = cfg.get(f'{split}_evaluator') or []
            for metric in metrics if isinstance(metrics, list) else [metrics]:
                METRICS.build(metric)
        VISUALIZERS.build(dict(cfg.visualizer, vis_backends=None, name='any'))  # for a hook
        hooks = [HOOKS.build(hook) for hook in hooks_of(cfg)]
    # Of a frozen diffusion model, which is loaded later, the head alone is there.
    least = 2e4 if cfg.model.get('backbone', {}).get('type') == 'mmdiffrep.DPMBackbone' else 5e5
    assert sum(param.numel() for param in model.parameters()) > least
    for hook in hooks:
        if isinstance(hook, RepFusionHook):
            assert isinstance(build_distiller(hook, model), RepFusionDistiller)


@pytest.mark.parametrize('path', PATHS, ids=lambda path: path.stem)
def test_what_a_policy_learns_is_drawn(path):
    """And nothing where there is nothing to learn, such as with a CNN as the teacher."""
    hooks = Config.fromfile(path).default_hooks
    learns = "'mmdiffrep.ReinforcedTimestep'" in str(hooks)
    assert ('policy_log' in hooks) == learns


def test_tensorboard_by_an_option_of_the_command_line(tmp_path):
    """The one that docs/howto_repfusion.md gives."""
    cfg = Config.fromfile(CONFIGS / 'cifar10_r18.py')
    cfg.merge_from_dict({'visualizer.vis_backends.0.type': 'TensorboardVisBackend'})
    with DefaultScope.overwrite_default_scope(cfg.default_scope):
        visualizer = VISUALIZERS.build(dict(cfg.visualizer, save_dir=str(tmp_path), name='board'))
    visualizer.add_scalar('loss', 1.0)
    visualizer.add_image('timesteps', np.zeros((8, 8, 3), np.uint8))
    visualizer.close()
    (events,) = tmp_path.glob('**/events.out.tfevents.*')
    tags = EventAccumulator(str(events)).Reload().Tags()
    assert (tags['scalars'], tags['images']) == (['loss'], ['timesteps'])


def pipeline_of(loader):
    """The transforms of a data loader, also of a data set inside a wrapper."""
    dataset = {} if loader is None else loader.dataset
    return dataset.get('pipeline') or dataset.get('dataset', {}).get('pipeline', ())


def hooks_of(cfg):
    """All hooks; mmengine notes the scope of a host's config among its default hooks."""
    return [hook for name, hook in cfg.default_hooks.items() if name != '_scope_']


def build_distiller(hook, model):
    """The distiller of a hook, for a teacher with as many channels as the student's layers."""
    layers = hook.layers
    channels, inputs = layers.channels(model, [p.get('student_channels') for p in hook.pairs])
    parts = ('loss', 'standardize', 'connector')
    return RepFusionDistiller(
        pairs=[{key: pair[key] for key in parts if key in pair} for pair in hook.pairs],
        student_channels=channels,
        teacher_channels=[
            numbers[0] if numbers else layers.pyramid['channels'] for numbers in channels
        ],
        policy=hook.policy_cfg,
        reward=fill_rewards(model, hook.policy_cfg, hook.reward_cfg),
        holdout=hook.holdout,
        pyramid=layers.pyramid and dict(layers.pyramid, in_channels=inputs),
        levels=layers.levels,
    )


def test_official_values_of_the_paper():
    cfg = Config.fromfile(CONFIGS / 'celebamask_r50.py')
    hook = cfg.default_hooks.repfusion
    assert hook.teacher == 'google/ddpm-ema-celebahq-256'
    assert hook.policy.t == 0 and hook.noise == 'none'
    loss = hook.pairs[0].loss
    assert (loss.type, loss.distance, loss.loss_weight) == ('mmdiffrep.DenseFeatureLoss', 'l1', 10)
    assert cfg.optim_wrapper.optimizer.lr == 0.005 and cfg.train_cfg.max_iters == 160000
    assert cfg.model.backbone.context_channels == (512, 1024, 2048)


@pytest.mark.parametrize(
    ('name', 'depth', 'batch_size', 'distance', 'loss_weight'),
    [
        ('distill_celebahq_r18', 18, 16, 'l2', 1),
        ('distill_celebahq_r50', 50, 8, 'l1', 10),
        ('distill_celebahq_r18_official', 18, 16, 'l2', 1),
        ('distill_celebahq_r50_official', 50, 8, 'l1', 10),
    ],
)
def test_official_values_of_the_first_stage(name, depth, batch_size, distance, loss_weight):
    cfg = Config.fromfile(CONFIGS / f'{name}.py')
    loss = cfg.default_hooks.repfusion.pairs[0].loss
    assert (loss.distance, loss.loss_weight) == (distance, loss_weight)
    assert (cfg.model.backbone.depth, cfg.train_dataloader.batch_size) == (depth, batch_size)
    assert cfg.optim_wrapper.optimizer == cfg.default_hooks.repfusion.optimizer
    assert cfg.train_cfg.max_epochs == 200 and cfg.param_scheduler[0].milestones == [100, 150]


@pytest.mark.parametrize('student', ['r18', 'r50', 'hrnet_w18'])
def test_official_first_stage_has_another_teacher_side_and_all_images(student, celebamask):
    ours, theirs = (
        Config.fromfile(CONFIGS / f'distill_celebahq_{student}{suffix}.py')
        for suffix in ('', '_official')
    )
    images = []
    for cfg in (ours, theirs):
        with DefaultScope.overwrite_default_scope(cfg.default_scope):
            dataset = DATASETS.build(dict(cfg.train_dataloader.dataset, data_root=str(celebamask)))
        images.append({Path(dataset[i]['data_samples'].img_path).stem for i in range(len(dataset))})
    assert images[0] == {f'train{i}' for i in range(3)}
    assert images[1] == {f'{split}{i}' for split in ('train', 'val', 'test') for i in range(3)}

    assert theirs.train_dataloader.dataset.pop('ann_file') == ''
    assert ours.train_dataloader.dataset.pop('ann_file') == 'train.txt'
    hook = theirs.default_hooks.repfusion
    assert hook.pop('teacher_input') == 'student'
    assert hook.pairs[0].teacher == 'module:mid_block.resnets.1.conv2'
    hook.pairs[0].teacher = 'mid'
    assert theirs.to_dict() == ours.to_dict()


def test_official_first_stage_trains(celebamask, tmp_path):
    cfg = Config.fromfile(CONFIGS / 'distill_celebahq_r18_official.py')
    cfg.train_dataloader.update(batch_size=2, num_workers=0)
    cfg.train_dataloader.dataset.update(data_root=str(celebamask), indices=2)
    cfg.train_dataloader.dataset.pipeline[1].scale = 64
    cfg.model.backbone.norm_cfg.type = 'BN'
    cfg.default_hooks.repfusion.teacher = tiny_teacher()
    cfg.train_cfg.max_epochs = 1
    cfg.default_hooks.update(logger=dict(type='LoggerHook', interval=1), checkpoint=None)
    cfg.work_dir, cfg.experiment_name = str(tmp_path), 'official'
    runner = Runner.from_cfg(cfg)
    runner.train()
    assert math.isfinite(runner.message_hub.get_scalar('train/loss_distill').current())


@pytest.mark.parametrize(
    ('name', 'metric'),
    [
        ('toyfaces_r18_scratch', 'mIoU'),
        ('toyfaces_r18_pose_scratch', 'NME'),
        ('toyfaces_r18_cls_scratch', 'accuracy/top1'),
    ],
)
def test_hook_trains_and_validates_on_each_host(tmp_path, name, metric):
    """The policy is rewarded on every task, by the reward that fits the host's head."""
    cfg = Config.fromfile(CONFIGS / f'{name}.py')
    for split in ('train', 'val', 'test'):
        loader = cfg[f'{split}_dataloader']
        loader.update(batch_size=2, num_workers=0, persistent_workers=False)
        loader.dataset.update(num_images=4, indices=None)
    cfg.train_cfg.update(max_iters=2, val_interval=2)
    cfg.work_dir = str(tmp_path)
    cfg.default_hooks.logger.interval = 1
    cfg.experiment_name = name
    cfg.custom_hooks = [
        dict(
            type='mmdiffrep.RepFusionHook',
            teacher=tiny_teacher(),
            pairs=[
                dict(
                    student='backbone',
                    teacher='mid',
                    loss=dict(type='mmdiffrep.DenseFeatureLoss'),
                )
            ],
            policy=dict(type='mmdiffrep.ReinforcedTimestep', num_timesteps=20),
        )
    ]
    runner = Runner.from_cfg(cfg)
    runner.train()
    history = runner.message_hub.log_scalars
    for key in ('loss_distill', 'loss_policy', 'loss_decoder', 'reward', 'policy_entropy'):
        assert math.isfinite(history[f'train/{key}'].current()), key
    assert math.isfinite(history[f'val/{metric}'].current())

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Stage 2 of every pair of configs starts from what stage 1 writes, and from nothing else."""

import re
from copy import deepcopy
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope

from mmdiffrep.registry import MODELS

CONFIGS = Path(__file__).parents[2] / 'configs' / 'repfusion'
PATHS = sorted(path for path in CONFIGS.rglob('*.py') if 'distilled = ' in path.read_text())
# The official stage 1 has another first convolution than stage 2.
OTHER_STEM = 'distill_tinyimagenet_r18_official'
# Stage 1 without a stage 2 of its own.
OTHERS = re.compile(
    r'distill_((?:cifar10|tinyimagenet)_(?:r18|mbv2))_(at|rkd|official|cnn_hint|cnn_at|cnn_rkd)'
)


def load(name):
    (path,) = CONFIGS.rglob(f'{name}.py')
    return Config.fromfile(path)


def starts(node):
    """Every ``init_cfg`` that loads a checkpoint, with the config that has it."""
    if isinstance(node, dict):
        init_cfg = node.get('init_cfg')
        if isinstance(init_cfg, dict) and init_cfg.get('type') == 'Pretrained':
            yield node, init_cfg
        for child in node.values():
            yield from starts(child)


def stage_1_of(finetune):
    """The config that writes the checkpoint, whose name is that of its end."""
    _, name, file = Path(finetune.distilled).parts
    distill = load(name)
    unit, end = (
        ('epoch', distill.train_cfg.max_epochs)
        if distill.train_cfg.get('by_epoch')
        else ('iter', distill.train_cfg.max_iters)
    )
    assert file == f'{unit}_{end}.pth'
    return distill


def build(cfg):
    model = deepcopy(cfg.model)
    if 'data_preprocessor' in cfg:
        model.setdefault('data_preprocessor', deepcopy(cfg.data_preprocessor))
    with DefaultScope.overwrite_default_scope(cfg.default_scope):
        return MODELS.build(model)


def place_of_student(cfg):
    """BiSeNetV1 has its ResNet inside its backbone."""
    return 'context_path.backbone.' if cfg.model.backbone.type == 'BiSeNetV1' else ''


def shapes(model):
    return {name: value.shape for name, value in model.backbone.state_dict().items()}


@pytest.mark.parametrize('path', PATHS, ids=lambda path: path.stem)
def test_stage_2_is_the_baseline_from_the_weights_of_stage_1(path, build_without_memory):
    finetune = Config.fromfile(path)
    distill = stage_1_of(finetune)
    started = {
        init_cfg.get('prefix'): (part, init_cfg) for part, init_cfg in starts(finetune.model)
    }
    # Soft labels teach the head, too, which is the neck of stage 1.
    assert list(started) == ['backbone.', 'neck.'][: 1 + path.stem.endswith('_soft')]
    for prefix, (_, init_cfg) in started.items():
        expected = dict(type='Pretrained', checkpoint=finetune.distilled, prefix=prefix)
        assert init_cfg == expected
    taught, tuned = build_without_memory(distill), build_without_memory(finetune)
    if 'neck.' in started:
        head = {name: value.shape for name, value in tuned.decode_head.state_dict().items()}
        assert head.items() <= {k: v.shape for k, v in taught.neck.state_dict().items()}.items()
    first, second = shapes(taught), shapes(tuned)
    inside = place_of_student(finetune)
    second = {k.removeprefix(inside): v for k, v in second.items() if k.startswith(inside)}
    unlike = {name for name in first.keys() | second.keys() if first.get(name) != second.get(name)}
    assert not unlike

    name, long, _ = path.stem.partition('_finetune')[0].partition('_long')
    scratch = load(f'{name}_scratch{long}')
    for part, _ in started.values():
        part.pop('init_cfg')
    finetune.pop('distilled')
    if re.fullmatch(r'celebamask_r\d+_finetune_official', path.stem):
        for pipeline in (finetune.train_pipeline, finetune.train_dataloader.dataset.pipeline):
            assert pipeline[4] == dict(type='RandomFlip', prob=0.5)
            pipeline[4].type = 'mmdiffrep.LeftRightFlip'
    assert finetune.to_dict() == scratch.to_dict()


@pytest.mark.parametrize(
    'path',
    [path for path in sorted(CONFIGS.rglob('*.py')) if OTHERS.fullmatch(path.stem)],
    ids=lambda path: path.stem,
)
def test_stage_2_can_start_from_another_stage_1(path, build_without_memory):
    """As their headers and the README say, by an option of the command line."""
    student = OTHERS.fullmatch(path.stem)[1]
    checkpoint = f'work_dirs/{path.stem}/epoch_200.pth'
    if '_cnn_' in path.stem:
        assert f'configs/repfusion/{student}_finetune.py --cfg-options' in path.read_text()
        assert f'model.backbone.init_cfg.checkpoint={checkpoint}\n' in path.read_text()
    finetune = load(f'{student}_finetune')
    finetune.merge_from_dict({'model.backbone.init_cfg.checkpoint': checkpoint})
    ((_, init_cfg),) = starts(finetune.model)
    assert init_cfg == dict(type='Pretrained', checkpoint=checkpoint, prefix='backbone.')
    distill = Config.fromfile(path)
    assert distill.train_cfg.max_epochs == 200
    first, second = shapes(build_without_memory(distill)), shapes(build_without_memory(finetune))
    unlike = {name for name in first.keys() | second.keys() if first.get(name) != second.get(name)}
    assert unlike == ({'conv1.weight'} if path.stem == OTHER_STEM else set())


@pytest.mark.parametrize(
    ('wflw', 'faces'), [('r50', 'r50'), ('hrnetv2_w18', 'hrnet_w18')], ids=['r50', 'hrnetv2_w18']
)
def test_stage_2_on_wflw_can_start_from_the_official_stage_1(wflw, faces, build_without_memory):
    path = CONFIGS / f'wflw_{wflw}_finetune.py'
    checkpoint = f'work_dirs/distill_celebahq_{faces}_official/epoch_200.pth'
    assert f'model.backbone.init_cfg.checkpoint={checkpoint}\n' in path.read_text()
    first, second = (
        shapes(build_without_memory(load(name)))
        for name in (f'distill_celebahq_{faces}_official', f'wflw_{wflw}_finetune')
    )
    assert first == second


@pytest.mark.parametrize(
    'name',
    [
        'celebamask_r18_finetune',
        'celebamask_r18_finetune_official',
        'cifar10_mbv2_finetune',
        'cifar10_wrn28_2_finetune',
        'face68_r18',
        'wflw_hrnetv2_w18_finetune',
    ],
)
def test_every_weight_is_loaded(name, tmp_path):
    """Really: a checkpoint of stage 1 on disk, and stage 2 as a runner initializes it."""
    finetune = load(name)
    first = build(stage_1_of(finetune))
    for value in first.state_dict().values():
        if value.is_floating_point():
            value.fill_(0.25)
    checkpoint = tmp_path / 'distilled.pth'
    torch.save(dict(state_dict=first.state_dict(), meta={}), checkpoint)
    ((_, init_cfg),) = starts(finetune.model)
    init_cfg.checkpoint = str(checkpoint)
    second = build(finetune)
    second.init_weights()
    inside = place_of_student(finetune)
    weights = second.backbone.state_dict()
    unlike = {
        key
        for key, value in first.backbone.state_dict().items()
        if not torch.equal(weights[inside + key], value)
    }
    assert not unlike

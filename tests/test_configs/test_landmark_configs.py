# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The configs of WFLW and of the 68-point faces: values, data, weights, and a short run."""

import math
from pathlib import Path

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.runner import Runner
from PIL import Image

from mmdiffrep.datasets.preparation.wflw import ATTRIBUTES, WFLWSource, prepare_wflw
from mmdiffrep.registry import DATASETS
from mmdiffrep.testing import tiny_teacher

CONFIGS = Path(__file__).parents[2] / 'configs'
STUDENTS = ('r50', 'hrnetv2_w18')


def config(name):
    return Config.fromfile(CONFIGS / f'{name}.py')


@pytest.fixture(scope='module')
def wflw(tmp_path_factory):
    """A prepared WFLW of two faces in each split; the first test face has a large pose."""
    source = WFLWSource(tmp_path_factory.mktemp('wflw'))
    source.images.mkdir()
    rng = np.random.default_rng(0)
    for split in ('train', 'test'):
        lines = []
        for index in range(2):
            name = f'{split}{index}.jpg'
            Image.fromarray(rng.integers(0, 256, (90, 120, 3), np.uint8)).save(source.images / name)
            points = rng.uniform((30, 20), (90, 80), (98, 2)).flatten()
            flags = '1 0 0 0 0 0' if index == 0 else '0 0 0 0 1 0'
            lines.append(' '.join([*(f'{v:.6f}' for v in points), '30 20 90 80', flags, name]))
        source.list_file(split).parent.mkdir(parents=True, exist_ok=True)
        source.list_file(split).write_text('\n'.join(lines) + '\n')
    prepare_wflw(source)
    return source.root


def prepare(cfg, root, work_dir, batch_size=2, iterations=2):
    """A short run of a config on a small data set."""
    for split in ('train', 'val', 'test'):
        if loader := cfg.get(f'{split}_dataloader'):
            loader.update(batch_size=batch_size, num_workers=0, persistent_workers=False)
            loader.dataset.data_root = str(root)
    cfg.train_cfg = dict(by_epoch=False, max_iters=iterations, val_interval=iterations)
    cfg.param_scheduler, cfg.log_processor = None, dict(by_epoch=False)
    cfg.default_hooks.checkpoint = None
    cfg.default_hooks.logger.interval = 1
    cfg.work_dir, cfg.experiment_name = str(work_dir), 'landmarks'
    return cfg


# -- WFLW ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(('student', 'batch_size'), [('r50', 64), ('hrnetv2_w18', 128)])
def test_official_values_of_wflw(student, batch_size):
    cfg = config(f'repfusion/wflw_{student}')
    assert cfg.train_dataloader.batch_size == batch_size
    assert cfg.optim_wrapper.optimizer == dict(type='Adam', lr=2e-3)
    assert cfg.train_cfg.max_epochs == 60 and cfg.param_scheduler[1].milestones == [40, 55]
    assert (cfg.param_scheduler[0].end, cfg.param_scheduler[0].by_epoch) == (500, False)
    assert cfg.model.head.decoder == cfg.codec
    assert cfg.train_pipeline[5] == dict(type='GenerateTarget', encoder=cfg.codec)
    assert cfg.codec.input_size == (256, 256) and cfg.codec.heatmap_size == (64, 64)
    assert cfg.codec.sigma == 2 and cfg.model.head.out_channels == 98
    assert cfg.model.test_cfg == dict(flip_test=True, flip_mode='heatmap', shift_heatmap=True)
    loss = cfg.default_hooks.repfusion.pairs[0].loss
    assert (loss.distance, loss.loss_weight) == ('l1', 10)


@pytest.mark.parametrize('preset', ['', '_official'])
def test_hrnet_is_distilled_behind_its_fused_scales(preset, build_without_memory):
    cfg = config(f'repfusion/distill_celebahq_hrnet_w18{preset}')
    (pair,) = cfg.default_hooks.repfusion.pairs
    loss = pair.loss
    assert pair.student == 'neck' and cfg.train_dataloader.batch_size == 32
    assert (loss.distance, loss.loss_weight) == ('l1', 10)
    assert build_without_memory(cfg).neck.out_channels == 2048


@pytest.mark.parametrize('student', STUDENTS)
def test_official_preset_changes_the_teacher_side_alone(student):
    ours = config(f'repfusion/wflw_{student}')
    theirs = config(f'repfusion/wflw_{student}_official')
    hook = theirs.default_hooks.repfusion
    assert hook.pop('teacher_input') == 'student'
    assert hook.pairs[0].teacher == 'module:mid_block.resnets.1.conv2'
    hook.pairs[0].teacher = 'mid'
    assert theirs.to_dict() == ours.to_dict()


def test_a_flip_of_wflw_swaps_the_sides(wflw):
    dataset = config('repfusion/wflw_r50').train_dataloader.dataset
    load, _, flip, *_ = dataset.pipeline
    assert flip == dict(type='RandomFlip', direction='horizontal')
    dataset.update(data_root=str(wflw), pipeline=[load, dict(flip, prob=1.0)])
    with DefaultScope.overwrite_default_scope('mmpose'):
        built = DATASETS.build(dataset)
        points, flipped = (item['keypoints'][0] for item in (built.get_data_info(0), built[0]))
    mirrored = points * (-1, 1) + (120 - 1, 0)
    # Jaw 0 and 32, chin 16, outer corners of the eyes 60 and 72, pupils, corners of the mouth.
    for point, other in ((0, 32), (16, 16), (60, 72), (96, 97), (76, 82)):
        np.testing.assert_allclose(flipped[point], mirrored[other], atol=1e-3)


def test_one_run_on_wflw_reports_its_subsets(wflw, tmp_path):
    cfg = prepare(config('repfusion/wflw_r50'), wflw, tmp_path)
    cfg.model.backbone.depth, cfg.model.head.in_channels = 18, 512
    cfg.default_hooks.repfusion.teacher = tiny_teacher()
    runner = Runner.from_cfg(cfg)
    runner.train()
    logged = {name: buffer.current() for name, buffer in runner.message_hub.log_scalars.items()}
    assert logged['train/loss_distill'] > 0 and math.isfinite(logged['train/loss_kpt'])
    # Of the six attributes the two test faces have these.
    found = {name for name in ATTRIBUTES if f'val/NME/{name}' in logged}
    assert found == {'largepose', 'occlusion'}
    mean = (logged['val/NME/largepose'] + logged['val/NME/occlusion']) / 2
    assert logged['val/NME'] == pytest.approx(mean)


# -- 68 points -------------------------------------------------------------------------------------


def test_face68_trains_and_validates(face68, tmp_path):
    cfg = prepare(config('repfusion/face68_r18_scratch'), face68, tmp_path)
    assert cfg.train_dataloader.dataset.indices == cfg.num_labeled == 100
    cfg.val_dataloader.dataset.indices = -2
    runner = Runner.from_cfg(cfg)
    runner.train()
    paths = [sample['data_samples'].img_path for sample in runner.val_dataloader.dataset]
    assert [Path(path).name for path in paths] == ['train3.jpg', 'train4.jpg']
    assert math.isfinite(runner.message_hub.get_scalar('val/NME').current())


def test_face68_distils_without_landmarks(face68, tmp_path):
    cfg = prepare(config('repfusion/distill_face68_64_r18'), face68, tmp_path)
    cfg.default_hooks.repfusion.teacher = tiny_teacher(100)
    cfg.default_hooks.repfusion.pairs[0].teacher = 'mid'
    runner = Runner.from_cfg(cfg)
    runner.train()
    assert runner.message_hub.get_scalar('train/loss_distill').current() > 0
    assert runner.train_dataloader.dataset[0]['inputs'].shape == (3, 64, 64)


def test_a_diffusion_model_of_the_same_faces_sees_what_the_student_sees():
    stage_1 = config('repfusion/distill_face68_64_r18')
    assert config('ddpm/ddpm_face68_64').train_dataloader == stage_1.train_dataloader

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""A diffusion model as backbone of UPerNet, RetinaNet and Mask R-CNN: shrunk runs, shapes."""

import json
import math
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.runner import Runner

from mmdiffrep.cli import test, train
from mmdiffrep.registry import MODELS
from mmdiffrep.testing import tiny_teacher

CONFIGS = Path(__file__).parents[2] / 'configs' / 'difformer'
DETECTORS = ['coco_retinanet_adm_256', 'coco_mask_rcnn_adm_256']


def load(name):
    return Config.fromfile(CONFIGS / f'difformer_{name}.py')


@pytest.mark.parametrize('name', ['ade20k_upernet_adm_256', *DETECTORS])
def test_every_level_has_a_tap_of_its_stride(name):
    cfg = load(name)
    necks = cfg.model.neck if isinstance(cfg.model.neck, list) else [cfg.model.neck]
    backbone = cfg.model.backbone
    assert necks[0].get('num_timesteps', 1) == len(backbone.timesteps)
    number = len(backbone.taps)
    assert backbone.taps == ['mid', 'dec.4', 'dec.7', 'dec.10'][:number]
    assert necks[0].in_channels == [1024, 1024, 512, 512][:number]
    assert necks[0].in_strides == [32, 16, 8, 4][:number]
    assert backbone['input']['size'] is None, 'images of any multiple of 32'
    with torch.device('meta'):
        built = MODELS.build(necks[0])
    assert built.sources == [[tap] for tap in reversed(range(number))]
    # A level that nobody reads would be a parameter without gradient, which DDP refuses.
    for fpn in necks[1:]:
        assert fpn.in_channels == [built.out_channels] * number and not fpn.get('start_level')


def test_channels_and_strides_are_those_of_adm_256():
    backbone = load('coco_mask_rcnn_adm_256').model.backbone
    del backbone.denoiser['checkpoint']
    with torch.device('meta'):
        built = MODELS.build(backbone)
    assert (built.out_channels, built.out_strides) == ((1024, 1024, 512, 512), (32, 16, 8, 4))


def tiny(cfg):
    """A random diffusion model for 16 px images under a narrow pyramid."""
    cfg.model.backbone.denoiser = tiny_teacher(1000)
    cfg.model.backbone.update(taps=['mid', 'dec.3'], timesteps=[50, 150])
    neck = cfg.model.neck[0] if isinstance(cfg.model.neck, list) else cfg.model.neck
    neck.update(in_channels=[16, 8], in_strides=[2, 1], num_timesteps=2)
    return neck


def test_upernet_on_ade20k_takes_images_of_any_size():
    from mmseg.structures import SegDataSample

    cfg = load('ade20k_upernet_adm_256')
    tiny(cfg)
    for head in (cfg.model.decode_head, cfg.model.auxiliary_head):
        head.update(channels=8, norm_cfg=dict(type='BN'))
    cfg.model.data_preprocessor.size = (64, 64)
    cfg.model.test_cfg.update(crop_size=(64, 64), stride=(40, 40))
    with DefaultScope.overwrite_default_scope('mmseg'):
        model = MODELS.build(cfg.model)
    sample = SegDataSample(metainfo=dict(img_shape=(70, 90), ori_shape=(70, 90)))
    image = torch.randint(0, 256, (3, 70, 90), dtype=torch.uint8)
    (predicted,) = model.eval().test_step(dict(inputs=[image], data_samples=[sample]))
    assert predicted.pred_sem_seg.data.shape == (1, 70, 90)
    assert predicted.seg_logits.data.shape[0] == 150


def test_upernet_on_drawn_faces(tmp_path):
    cfg = load('toyfaces_64_upernet')
    for split in ('train', 'val', 'test'):
        loader = cfg[f'{split}_dataloader']
        loader.update(batch_size=2, num_workers=0, persistent_workers=False)
        loader.dataset.update(num_images=4, indices=None)
    cfg.train_cfg.update(max_iters=2, val_interval=2)
    cfg.default_hooks.logger.interval = 1
    cfg.work_dir = str(tmp_path)
    cfg.experiment_name = 'upernet'
    runner = Runner.from_cfg(cfg)
    runner.train()
    for key in ('train/decode.loss_ce', 'val/mIoU'):
        assert math.isfinite(runner.message_hub.log_scalars[key].current())
    frozen = runner.model.backbone.denoiser.parameters()
    assert all(each.grad is None for each in frozen)


@pytest.fixture(scope='module')
def coco(tmp_path_factory):
    """Four random images with a box each, in COCO's folders."""
    root = tmp_path_factory.mktemp('coco')
    rng = np.random.default_rng(0)
    images = [dict(id=i, file_name=f'{i}.png', width=64, height=48) for i in range(4)]
    annotations = [
        dict(
            id=i + 1,
            image_id=i,
            category_id=1,
            bbox=[8, 8, 40, 32],
            area=1280,
            iscrowd=0,
            segmentation=[[8, 8, 48, 8, 48, 40, 8, 40]],
        )
        for i in range(4)
    ]
    content = dict(images=images, annotations=annotations, categories=[dict(id=1, name='person')])
    (root / 'annotations').mkdir()
    for split in ('train2017', 'val2017'):
        (root / split).mkdir()
        (root / 'annotations' / f'instances_{split}.json').write_text(json.dumps(content))
        for image in images:
            pixels = rng.integers(0, 256, (48, 64, 3), dtype=np.uint8)
            cv2.imwrite(str(root / split / image['file_name']), pixels)
    return root


def tiny_detector(name, coco):
    cfg = load(name)
    tiny(cfg)
    cfg.model.data_preprocessor.pad_size_divisor = 32
    for split in ('train', 'val', 'test'):
        loader = cfg[f'{split}_dataloader']
        loader.update(batch_size=2, num_workers=0, persistent_workers=False)
        loader.dataset.update(data_root=f'{coco}/', metainfo=dict(classes=('person',)))
        for step in loader.dataset.pipeline:
            if step.type == 'Resize':
                step.scale = (64, 48)
        cfg.train_dataloader.dataset.filter_cfg.min_size = 8
    for split in ('val', 'test'):
        cfg[f'{split}_evaluator'].ann_file = str(coco / 'annotations' / 'instances_val2017.json')
    if 'bbox_head' in cfg.model:
        cfg.model.bbox_head.num_classes = 1
        cfg.model.test_cfg.score_thr = 0.0  # nothing is certain after two iterations
    else:
        for head in (cfg.model.roi_head.bbox_head, cfg.model.roi_head.mask_head):
            head.num_classes = 1
        cfg.model.roi_head.bbox_head.fc_out_channels = 32
        cfg.model.test_cfg.rpn.max_per_img = 20
        cfg.model.test_cfg.rcnn.score_thr = 0.0
    cfg.train_cfg.max_epochs = 1
    cfg.default_hooks.logger.interval = 1
    return cfg


@pytest.mark.parametrize(
    ('name', 'losses', 'metrics'),
    [
        ('coco_retinanet_adm_256', {'loss_cls', 'loss_bbox'}, {'bbox_mAP'}),
        (
            'coco_mask_rcnn_adm_256',
            {'loss_rpn_cls', 'loss_rpn_bbox', 'loss_cls', 'loss_bbox', 'loss_mask'},
            {'bbox_mAP', 'segm_mAP'},
        ),
    ],
)
def test_detectors_train_and_test_from_the_command_line(
    name, losses, metrics, coco, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    tiny_detector(name, coco).dump('tiny.py')
    train.main(['tiny.py', '--work-dir', 'run'])
    (scalars,) = Path('run').glob('*/vis_data/scalars.json')
    rows = [json.loads(line) for line in scalars.read_text().splitlines()]
    assert all(math.isfinite(rows[0][key]) for key in losses)
    assert {f'coco/{metric}' for metric in metrics} <= set(rows[-1])
    test.main(['tiny.py', 'run/epoch_1.pth', '--work-dir', 'tested', '--out', 'found.pkl'])
    assert Path('found.pkl').stat().st_size > 0

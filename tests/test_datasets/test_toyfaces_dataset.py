# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The hosts' own pipelines, models and metrics run on toy faces: a short training of each."""

import pickle

import numpy as np
import pytest
from mmengine.config import Config
from mmengine.runner import Runner

from mmdiffrep.datasets import ToyFacesDataset
from mmdiffrep.datasets.celebamask_classes import CELEBAMASK_CLASSES
from mmdiffrep.datasets.toyfaces import ATTRIBUTES, sample_face

LOAD = dict(type='mmdiffrep.LoadToyFace')


def _dataset(task, pipeline, split='train', **options):
    return dict(
        type='mmdiffrep.ToyFacesDataset',
        task=task,
        split=split,
        num_images=4,
        pipeline=pipeline,
        **options,
    )


def _loader(dataset):
    return dict(
        batch_size=2,
        num_workers=0,
        dataset=dataset,
        sampler=dict(type='DefaultSampler', shuffle=False),
    )


def _train_and_validate(scope, model, train, val, evaluator, work_dir):
    """Train two iterations and validate; returns the losses and the metrics."""
    config = dict(
        model=model,
        work_dir=str(work_dir),
        default_scope=scope,
        experiment_name=f'toyfaces_{scope}',
        train_dataloader=_loader(train),
        train_cfg=dict(by_epoch=False, max_iters=2, val_interval=2),
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.01)),
        val_dataloader=_loader(val),
        val_cfg=dict(),
        val_evaluator=evaluator,
        default_hooks=dict(logger=dict(type='LoggerHook', interval=1), checkpoint=None),
        log_level='WARNING',
    )
    runner = Runner.from_cfg(Config(config))
    runner.train()
    loss = runner.message_hub.get_scalar('train/loss').current()
    metrics = {
        name[4:]: buffer.current()
        for name, buffer in runner.message_hub.log_scalars.items()
        if name.startswith('val/') and 'time' not in name
    }
    return loss, metrics


def test_segmentation_in_mmseg(tmp_path):
    norm = dict(type='BN', requires_grad=True)
    model = dict(
        type='EncoderDecoder',
        data_preprocessor=dict(
            type='SegDataPreProcessor',
            mean=[123.675, 116.28, 103.53],
            std=[58.395, 57.12, 57.375],
            bgr_to_rgb=True,
            size=(64, 64),
            seg_pad_val=255,
        ),
        backbone=dict(type='ResNetV1c', depth=18, norm_cfg=norm, base_channels=16),
        decode_head=dict(
            type='FCNHead',
            in_channels=128,
            in_index=3,
            channels=8,
            num_convs=1,
            num_classes=19,
            norm_cfg=norm,
            loss_decode=dict(type='CrossEntropyLoss'),
        ),
        test_cfg=dict(mode='whole'),
    )
    pack = dict(type='PackSegInputs')
    train = _dataset('seg', [LOAD, dict(type='mmdiffrep.LeftRightFlip', prob=0.5), pack])
    val = _dataset('seg', [LOAD, pack], split='val')
    loss, metrics = _train_and_validate(
        'mmseg', model, train, val, dict(type='IoUMetric', iou_metrics=['mIoU']), tmp_path
    )
    assert 0 < loss < 10
    assert 0 <= metrics['mIoU'] <= 100


def test_landmarks_in_mmpose(tmp_path):
    codec = dict(type='MSRAHeatmap', input_size=(64, 64), heatmap_size=(16, 16), sigma=1)
    model = dict(
        type='TopdownPoseEstimator',
        data_preprocessor=dict(
            type='PoseDataPreprocessor',
            mean=[123.675, 116.28, 103.53],
            std=[58.395, 57.12, 57.375],
            bgr_to_rgb=True,
        ),
        backbone=dict(type='ResNet', depth=18, base_channels=16, out_indices=(2,)),
        head=dict(
            type='HeatmapHead',
            in_channels=64,
            out_channels=98,
            deconv_out_channels=(8, 8),
            deconv_kernel_sizes=(4, 4),
            conv_out_channels=None,
            loss=dict(type='KeypointMSELoss', use_target_weight=True),
            decoder=codec,
        ),
        test_cfg=dict(flip_test=True, flip_mode='heatmap'),
    )
    crop = dict(type='TopdownAffine', input_size=codec['input_size'])
    pack = dict(type='PackPoseInputs')
    train = _dataset(
        'pose',
        [
            LOAD,
            dict(type='GetBBoxCenterScale'),
            dict(type='RandomFlip', direction='horizontal'),
            dict(type='RandomBBoxTransform', rotate_factor=30),
            crop,
            dict(type='GenerateTarget', encoder=codec),
            pack,
        ],
    )
    val = _dataset('pose', [LOAD, dict(type='GetBBoxCenterScale'), crop, pack], split='val')
    loss, metrics = _train_and_validate(
        'mmpose', model, train, val, dict(type='NME', norm_mode='keypoint_distance'), tmp_path
    )
    assert 0 < loss < 10
    assert 0 < metrics['NME'] < 10


def test_landmarks_survive_mmposes_crop_and_codec():
    from mmpose.codecs import MSRAHeatmap
    from mmpose.registry import TRANSFORMS

    codec = MSRAHeatmap(input_size=(256, 256), heatmap_size=(64, 64), sigma=2, unbiased=True)
    dataset = ToyFacesDataset(
        split='val',
        num_images=3,
        task='pose',
        pipeline=[
            LOAD,
            TRANSFORMS.build(dict(type='GetBBoxCenterScale')),
            TRANSFORMS.build(dict(type='TopdownAffine', input_size=(256, 256))),
        ],
    )
    for sample in dataset:
        seen = sample['keypoints_visible'][0] > 0
        encoded = codec.encode(sample['transformed_keypoints'], sample['keypoints_visible'])
        found, _ = codec.decode(encoded['heatmaps'])
        corner = sample['bbox_center'] - sample['bbox_scale'] / 2
        found = found / 256 * sample['bbox_scale'] + corner
        error = np.linalg.norm(found - sample['keypoints'], axis=-1)[0]
        scale = sample['bbox_scale'].max() / 64
        assert error[seen].max() < scale  # one cell of the heat map


@pytest.mark.parametrize('attribute', ['smiling', 'hair_length'])
def test_attributes_in_mmpretrain(attribute, tmp_path):
    model = dict(
        type='ImageClassifier',
        data_preprocessor=dict(
            num_classes=len(ATTRIBUTES[attribute]),
            mean=[123.675, 116.28, 103.53],
            std=[58.395, 57.12, 57.375],
            to_rgb=True,
        ),
        backbone=dict(type='ResNet', depth=18, base_channels=16),
        neck=dict(type='GlobalAveragePooling'),
        head=dict(
            type='LinearClsHead',
            in_channels=128,
            num_classes=len(ATTRIBUTES[attribute]),
            loss=dict(type='CrossEntropyLoss'),
            topk=(1,),
        ),
    )
    pack = dict(type='PackInputs')
    train = _dataset('cls', [LOAD, dict(type='RandomFlip', prob=0.5), pack], attribute=attribute)
    val = _dataset('cls', [LOAD, pack], split='val', attribute=attribute)
    loss, metrics = _train_and_validate(
        'mmpretrain', model, train, val, dict(type='Accuracy', topk=(1,)), tmp_path
    )
    assert 0 < loss < 10
    assert 0 <= metrics['accuracy/top1'] <= 100


def test_metainfo_of_each_task():
    one = dict(split='train', num_images=1, lazy_init=True)
    assert ToyFacesDataset(**one).metainfo == {}
    seg = ToyFacesDataset(**one, task='seg').metainfo
    assert seg['classes'] == CELEBAMASK_CLASSES
    assert len(seg['palette']) == 19
    cls = ToyFacesDataset(**one, task='cls', attribute='hat').metainfo
    assert cls['classes'] == ATTRIBUTES['hat']
    pose = ToyFacesDataset(**one, task='pose').metainfo
    assert pose['num_keypoints'] == 98


def test_splits_and_seeds_are_different_faces():
    collections = [
        ToyFacesDataset(split=split, num_images=1, seed=seed, lazy_init=True).collection
        for seed in range(3)
        for split in ('train', 'val', 'test')
    ]
    assert len(set(collections)) == 9
    yaws = {sample_face(collection, 0).yaw for collection in collections}
    assert len(yaws) == 9


def test_few_labels_by_indices():
    few = ToyFacesDataset(split='train', num_images=10, indices=3, task='seg', pipeline=[LOAD])
    assert len(few) == 3
    assert [few.get_data_info(k)['img_path'] for k in range(3)] == [
        'toyfaces/train/000000',
        'toyfaces/train/000001',
        'toyfaces/train/000002',
    ]
    some = ToyFacesDataset(split='train', num_images=10, indices=[7, 2], task='seg')
    assert [some.get_data_info(k)['toyface'] for k in range(2)] == [(0, 7), (0, 2)]


def test_the_same_sample_in_another_process():
    dataset = ToyFacesDataset(split='test', num_images=3, task='seg', pipeline=[LOAD])
    first, second = dataset[1], pickle.loads(pickle.dumps(dataset))[1]
    assert np.array_equal(first['img'], second['img'])
    assert np.array_equal(first['gt_seg_map'], second['gt_seg_map'])


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(split='trian'), 'Did you mean train'),
        (dict(task='segm'), 'Did you mean seg'),
        (dict(task='cls', attribute='smile'), 'Did you mean smiling'),
        (dict(task='cls'), 'attribute must be one of'),
        (dict(task='seg', attribute='hat'), "needs task='cls'"),
        (dict(num_images=0), 'num_images must be at least 1'),
        (dict(image_size=16), 'image_size must be at least 32'),
        (dict(seed=-1), 'seed must be at least 0'),
        (dict(task='seg', metainfo=dict(classes=('skin', 'hair'))), 'metainfo cannot set'),
    ],
)
def test_wrong_arguments(options, message):
    with pytest.raises(ValueError, match=message):
        ToyFacesDataset(**{**dict(split='train', num_images=2), **options})

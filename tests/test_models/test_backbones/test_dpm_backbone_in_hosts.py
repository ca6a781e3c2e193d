# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""``mmdiffrep.DPMBackbone`` as the backbone of unmodified mmseg, mmpose and mmpretrain models."""

import numpy as np
import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.registry import DefaultScope
from mmengine.structures import InstanceData, PixelData

MEAN, STD = [123.675, 116.28, 103.53], [58.395, 57.12, 57.375]
SIDE = 32


def backbone(**overrides) -> dict:
    return dict(
        dict(
            type='mmdiffrep.DPMBackbone',
            denoiser=dict(
                type='UNet2DDenoiser',
                unet=dict(
                    sample_size=SIDE,
                    block_out_channels=(16, 32),
                    layers_per_block=1,
                    down_block_types=('DownBlock2D', 'AttnDownBlock2D'),
                    up_block_types=('AttnUpBlock2D', 'UpBlock2D'),
                    norm_num_groups=8,
                    attention_head_dim=8,
                ),
            ),
            taps=['mid', 'dec.1'],
            timesteps=[50, 150],
            input=dict(mean=MEAN, std=STD, channel_order='rgb'),
        ),
        **overrides,
    )


@pytest.fixture
def images():
    """Two BGR images as the hosts' pipelines hand them over: uint8, (3, H, W)."""
    draw = np.random.default_rng(0).integers(0, 256, (2, 3, SIDE, SIDE), dtype=np.uint8)
    return [torch.from_numpy(image) for image in draw]


def assert_trains(model, losses: dict) -> None:
    """The head learns, the frozen denoiser is out of reach."""
    total, _ = model.parse_losses(losses)
    assert torch.isfinite(total)
    total.backward()
    trained = [name for name, each in model.named_parameters() if each.grad is not None]
    assert trained and not any('backbone' in name for name in trained)
    assert all(each.grad is None for each in model.backbone.denoiser.parameters())


def test_mmseg_encoder_decoder(images):
    from mmseg.registry import MODELS
    from mmseg.structures import SegDataSample

    with DefaultScope.overwrite_default_scope('mmseg'):
        model = MODELS.build(
            dict(
                type='EncoderDecoder',
                data_preprocessor=dict(
                    type='SegDataPreProcessor',
                    mean=MEAN,
                    std=STD,
                    bgr_to_rgb=True,
                    pad_val=0,
                    seg_pad_val=255,
                    size=(SIDE, SIDE),
                ),
                backbone=backbone(),
                decode_head=dict(
                    type='FCNHead',
                    in_channels=[32, 32, 32, 32],
                    in_index=[0, 1, 2, 3],
                    input_transform='resize_concat',
                    channels=16,
                    num_convs=1,
                    num_classes=5,
                    loss_decode=dict(type='CrossEntropyLoss'),
                ),
                test_cfg=ConfigDict(mode='whole'),
            )
        )
    model.init_weights()
    samples = []
    for _ in images:
        sample = SegDataSample(metainfo=dict(img_shape=(SIDE, SIDE), ori_shape=(SIDE, SIDE)))
        sample.gt_sem_seg = PixelData(data=torch.randint(0, 5, (1, SIDE, SIDE)))
        samples.append(sample)
    batch = model.data_preprocessor(dict(inputs=images, data_samples=samples), training=True)
    assert_trains(model, model(**batch, mode='loss'))
    predicted = model.eval().test_step(dict(inputs=images, data_samples=samples))
    assert predicted[0].pred_sem_seg.data.shape == (1, SIDE, SIDE)


def test_mmpose_topdown_pose_estimator(images):
    from mmpose.registry import MODELS
    from mmpose.structures import PoseDataSample

    codec = dict(
        type='MSRAHeatmap', input_size=(SIDE, SIDE), heatmap_size=(SIDE // 2, SIDE // 2), sigma=1
    )
    with DefaultScope.overwrite_default_scope('mmpose'):
        model = MODELS.build(
            dict(
                type='TopdownPoseEstimator',
                data_preprocessor=dict(
                    type='PoseDataPreprocessor', mean=MEAN, std=STD, bgr_to_rgb=True
                ),
                backbone=backbone(),
                head=dict(
                    type='HeatmapHead',
                    in_channels=32,
                    out_channels=4,
                    deconv_out_channels=None,
                    loss=dict(type='KeypointMSELoss', use_target_weight=True),
                    decoder=codec,
                ),
            )
        )
    model.init_weights()
    samples = []
    for _ in images:
        sample = PoseDataSample(
            metainfo=dict(
                img_shape=(SIDE, SIDE),
                input_size=(SIDE, SIDE),
                input_center=np.float32([SIDE / 2, SIDE / 2]),
                input_scale=np.float32([SIDE, SIDE]),
                flip_indices=[1, 0, 3, 2],
            )
        )
        sample.gt_instances = InstanceData(
            bboxes=np.float32([[0, 0, SIDE, SIDE]]),
            bbox_scores=np.float32([1]),
            keypoints=np.full((1, 4, 2), 8, np.float32),
            keypoints_visible=np.ones((1, 4), np.float32),
        )
        sample.gt_instance_labels = InstanceData(keypoint_weights=torch.ones(1, 4))
        sample.gt_fields = PixelData(heatmaps=torch.rand(4, SIDE // 2, SIDE // 2))
        samples.append(sample)
    batch = model.data_preprocessor(dict(inputs=images, data_samples=samples), training=True)
    assert_trains(model, model(**batch, mode='loss'))
    predicted = model.eval().test_step(dict(inputs=images, data_samples=samples))
    assert predicted[0].pred_instances.keypoints.shape == (1, 4, 2)


def test_mmpretrain_image_classifier(images):
    from mmpretrain.registry import MODELS
    from mmpretrain.structures import DataSample

    with DefaultScope.overwrite_default_scope('mmpretrain'):
        model = MODELS.build(
            dict(
                type='ImageClassifier',
                data_preprocessor=dict(
                    type='ClsDataPreprocessor', mean=MEAN, std=STD, to_rgb=True, num_classes=3
                ),
                backbone=backbone(),
                neck=dict(type='GlobalAveragePooling'),
                head=dict(type='LinearClsHead', num_classes=3, in_channels=32),
            )
        )
    model.init_weights()
    samples = [DataSample().set_gt_label(label) for label in (0, 2)]
    batch = model.data_preprocessor(dict(inputs=images, data_samples=samples), training=True)
    assert_trains(model, model(**batch, mode='loss'))
    predicted = model.eval().test_step(dict(inputs=images, data_samples=samples))
    assert predicted[1].pred_score.shape == (3,)

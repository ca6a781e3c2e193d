# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The hook on models it was not made for, from the hosts' own configs, shrunk."""

import math

import pytest
from mmengine.config import Config
from mmengine.runner import Runner

from mmdiffrep.testing import tiny_teacher

DENSE = "dict(type='mmdiffrep.DenseFeatureLoss')"
POOLED = "dict(type='mmdiffrep.PooledFeatureLoss')"
# 20 timesteps: as many as the tiny teacher has.
REINFORCED = "dict(type='mmdiffrep.ReinforcedTimestep', num_timesteps=20)"


def config_of(folder, base, pair, policy='None', hooks='', model=''):
    """What a user writes: a host's config as the base, and the hook."""
    path = folder / 'with_repfusion.py'
    path.write_text(
        f"""
_base_ = '{base}'
{model}
custom_hooks = [{hooks}
    dict(
        type='mmdiffrep.RepFusionHook',
        teacher={tiny_teacher()!r},
        pairs=[dict({pair})],
        policy={policy},
    ),
]
"""
    )
    return Config.fromfile(path)


def train(cfg, folder, dataset, shrink):
    """Trains two iterations of two images and returns what was logged."""
    cfg.merge_from_dict(shrink)
    cfg.train_dataloader = dict(
        dataset=dataset,
        sampler=dict(type='DefaultSampler', shuffle=False),
        batch_size=2,
        num_workers=0,
    )
    if cfg.default_scope == 'mmpretrain':
        cfg.train_dataloader.collate_fn = dict(type='default_collate')
    cfg.train_cfg = dict(by_epoch=False, max_iters=2, val_interval=3)
    cfg.param_scheduler = cfg.val_dataloader = cfg.val_evaluator = cfg.val_cfg = None
    cfg.test_dataloader = cfg.test_evaluator = cfg.test_cfg = None
    cfg.work_dir, cfg.experiment_name, cfg.log_level = str(folder / 'run'), 'host', 'WARNING'
    cfg.default_hooks.update(logger=dict(type='LoggerHook', interval=1), checkpoint=None)
    runner = Runner.from_cfg(cfg)
    runner.train()
    return {
        name[6:]: buffer.current()
        for name, buffer in runner.message_hub.log_scalars.items()
        if name.startswith('train/')
    }


def assert_finite(logged, *names):
    for name in ('loss', *names):
        assert math.isfinite(logged[name]), (name, logged)
    assert logged['loss_distill'] > 0


# -- mmseg -----------------------------------------------------------------------------------------

SEGMENTATION = dict(type='mmdiffrep.RandomSegmentation', length=4)


def test_segformer(tmp_path):
    base = 'mmseg::segformer/segformer_mit-b0_8xb2-160k_ade20k-512x512.py'
    pair = f"student='backbone', teacher='mid', loss={DENSE}"
    shrink = {
        'model.data_preprocessor.size': (32, 32),
        'model.backbone.init_cfg': None,
        'model.decode_head.num_classes': 4,
        'model.decode_head.norm_cfg.type': 'BN',
    }
    logged = train(config_of(tmp_path, base, pair, REINFORCED), tmp_path, SEGMENTATION, shrink)
    assert_finite(logged, 'loss_distill', 'loss_policy', 'loss_decoder')


def test_pspnet(tmp_path):
    base = 'mmseg::pspnet/pspnet_r50-d8_4xb4-80k_ade20k-512x512.py'
    pair = f"student=['backbone[1]', 'backbone[3]'], teacher='mid', loss={DENSE}"
    shrink = {
        'model.data_preprocessor.size': (32, 32),
        'model.pretrained': None,
        'model.backbone.depth': 18,
        'model.backbone.norm_cfg.type': 'BN',
        'model.decode_head.in_channels': 512,
        'model.decode_head.channels': 8,
        'model.decode_head.num_classes': 4,
        'model.decode_head.norm_cfg.type': 'BN',
        'model.auxiliary_head.in_channels': 256,
        'model.auxiliary_head.channels': 8,
        'model.auxiliary_head.num_classes': 4,
        'model.auxiliary_head.norm_cfg.type': 'BN',
    }
    logged = train(config_of(tmp_path, base, pair), tmp_path, SEGMENTATION, shrink)
    assert_finite(logged, 'loss_distill', 'aux.loss_ce')


def test_swin_upernet(tmp_path):
    base = 'mmseg::swin/swin-tiny-patch4-window7-in1k-pre_upernet_8xb2-160k_ade20k-512x512.py'
    pair = f"student='backbone', teacher='mid', loss={DENSE}"
    shrink = {
        'model.data_preprocessor.size': (32, 32),
        'model.backbone.init_cfg': None,
        'model.backbone.embed_dims': 24,
        'model.backbone.depths': (1, 1, 1, 1),
        'model.backbone.num_heads': (1, 2, 4, 8),
        'model.decode_head.in_channels': (24, 48, 96, 192),
        'model.decode_head.channels': 8,
        'model.decode_head.num_classes': 4,
        'model.decode_head.norm_cfg.type': 'BN',
        'model.auxiliary_head.in_channels': 96,
        'model.auxiliary_head.channels': 8,
        'model.auxiliary_head.num_classes': 4,
        'model.auxiliary_head.norm_cfg.type': 'BN',
    }
    logged = train(config_of(tmp_path, base, pair), tmp_path, SEGMENTATION, shrink)
    assert_finite(logged, 'loss_distill')


# -- mmpose ----------------------------------------------------------------------------------------


def landmarks(codec):
    """Drawn faces with the 98 points of WFLW."""
    return dict(
        type='mmdiffrep.ToyFacesDataset',
        task='pose',
        split='train',
        num_images=4,
        pipeline=[
            dict(type='mmdiffrep.LoadToyFace'),
            dict(type='GetBBoxCenterScale'),
            dict(type='TopdownAffine', input_size=codec['input_size']),
            dict(type='GenerateTarget', encoder=codec),
            dict(type='PackPoseInputs'),
        ],
    )


def test_rtmpose(tmp_path):
    """Its head takes one image size, so the channels are given; its EMA is kept."""
    base = 'mmpose::face_2d_keypoint/rtmpose/wflw/rtmpose-m_8xb64-60e_wflw-256x256.py'
    pair = f"student='backbone', student_channels=128, teacher='mid', loss={DENSE}"
    cfg = config_of(tmp_path, base, pair, REINFORCED, hooks='\n    *_base_.custom_hooks[:1],')
    assert cfg.custom_hooks[0].type == 'EMAHook'
    codec = dict(cfg.codec, input_size=(64, 64))
    shrink = {
        'model.backbone.deepen_factor': 0.33,
        'model.backbone.widen_factor': 0.125,
        'model.backbone.norm_cfg.type': 'BN',
        'model.backbone.init_cfg': None,
        'model.head.in_channels': 128,
        'model.head.input_size': (64, 64),
        'model.head.in_featuremap_size': (2, 2),
        'model.head.decoder.input_size': (64, 64),
    }
    logged = train(cfg, tmp_path, landmarks(codec), shrink)
    assert_finite(logged, 'loss_distill', 'loss_kpt', 'loss_policy', 'loss_decoder')


def test_hrnet(tmp_path):
    base = (
        'mmpose::face_2d_keypoint/topdown_heatmap/wflw/td-hm_hrnetv2-w18_8xb64-60e_wflw-256x256.py'
    )
    pair = f"student=['backbone[0]', 'backbone[3]'], teacher='mid', loss={DENSE}"
    cfg = config_of(tmp_path, base, pair, REINFORCED)
    codec = dict(cfg.codec, input_size=(64, 64), heatmap_size=(16, 16))
    stages = {
        f'stage{i}': dict(
            num_modules=1, num_blocks=(1,) * i, num_channels=tuple(4 * 2**k for k in range(i))
        )
        for i in (2, 3, 4)
    }
    shrink = {
        'model.backbone.init_cfg': None,
        'model.backbone.extra.stage1.num_blocks': (1,),
        **{f'model.backbone.extra.{name}': stage for name, stage in stages.items()},
        'model.head.in_channels': 60,
        'model.head.conv_out_channels': (60,),
        'model.head.decoder.input_size': (64, 64),
        'model.head.decoder.heatmap_size': (16, 16),
    }
    logged = train(cfg, tmp_path, landmarks(codec), shrink)
    assert_finite(logged, 'loss_distill', 'loss_kpt', 'loss_policy', 'loss_decoder')


# -- mmpretrain ------------------------------------------------------------------------------------

CLASSES = dict(
    type='mmdiffrep.ToyFacesDataset',
    task='cls',
    attribute='glasses',
    split='train',
    num_images=4,
    pipeline=[dict(type='mmdiffrep.LoadToyFace'), dict(type='PackInputs')],
)


def test_convnext(tmp_path):
    """With its Mixup and CutMix: the reward reads soft labels."""
    base = 'mmpretrain::convnext/convnext-tiny_32xb128_in1k.py'
    pair = f"student='backbone.stages.3', teacher='mid', loss={DENSE}"
    shrink = {
        'data_preprocessor.num_classes': 3,
        'model.backbone.arch': dict(_delete_=True, depths=[1, 1, 1, 1], channels=[8, 16, 24, 32]),
        'model.head.in_channels': 32,
        'model.head.num_classes': 3,
    }
    logged = train(config_of(tmp_path, base, pair, REINFORCED), tmp_path, CLASSES, shrink)
    assert_finite(logged, 'loss_distill', 'loss_policy', 'loss_decoder')


VIT = 'mmpretrain::vision_transformer/vit-base-p16_64xb64_in1k.py'


def small_vit():
    return {
        'data_preprocessor.num_classes': 3,
        'model.backbone.arch': dict(
            _delete_=True, embed_dims=24, num_layers=2, num_heads=2, feedforward_channels=48
        ),
        'model.backbone.img_size': 64,
        'model.head.in_channels': 24,
        'model.head.num_classes': 3,
    }


def test_vit_by_its_class_token(tmp_path):
    """As the host's config has it, the backbone returns the class token: a pooled loss."""
    pair = f"student='backbone', teacher='mid', loss={POOLED}"
    logged = train(config_of(tmp_path, VIT, pair, REINFORCED), tmp_path, CLASSES, small_vit())
    assert_finite(logged, 'loss_distill', 'loss_policy', 'loss_decoder')


def test_vit_by_its_patches(tmp_path):
    """A map of patches for a dense loss, and a head that reads their average."""
    model = """
model = dict(
    backbone=dict(out_type='featmap', with_cls_token=False),
    neck=dict(_delete_=True, type='GlobalAveragePooling'),
    head=dict(
        _delete_=True,
        type='LinearClsHead',
        num_classes=1000,
        in_channels=768,
        loss=dict(type='LabelSmoothLoss', label_smooth_val=0.1, mode='classy_vision'),
    ),
)
"""
    pair = f"student='backbone', teacher='mid', loss={DENSE}"
    logged = train(config_of(tmp_path, VIT, pair, model=model), tmp_path, CLASSES, small_vit())
    assert_finite(logged, 'loss_distill')


def test_tokens_are_no_map(tmp_path):
    pair = f"student='backbone.layers.1', teacher='mid', loss={DENSE}"
    with pytest.raises(ValueError, match=r'returns \(1, 65, 24\), expected a feature'):
        train(config_of(tmp_path, VIT, pair), tmp_path, CLASSES, small_vit())

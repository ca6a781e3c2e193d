# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""A training step of a shipped config, at its sizes, on the fake card; prints counts as JSON."""

import json
import logging
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from distill_step import SHAPES
from mmengine.config import Config, ConfigDict
from mmengine.optim import build_optim_wrapper
from mmengine.registry import FUNCTIONS
from mmengine.structures import InstanceData, PixelData
from watch import fake_card

from mmdiffrep.models.rewards import decoder
from mmdiffrep.registry import HOOKS
from mmdiffrep.utils.hook_configs import find_hooks
from mmdiffrep.utils.host_models import build_host_model

CONFIGS = Path(__file__).parents[2] / 'configs' / 'repfusion'
PSEUDO = ConfigDict(type='pseudo_collate')  # mmengine's default
TEACHERS = {
    'google/ddpm-ema-celebahq-256': dict(type='UNet2DDenoiser', unet=SHAPES['celebahq-256']),
    'google/ddpm-cifar10-32': dict(type='UNet2DDenoiser', unet=SHAPES['cifar10-32']),
}


def samples(scope: str, count: int) -> list[dict[str, Any]]:
    """Return images and labels as the pipelines of a host pack them."""
    side = {'mmpretrain': 32, 'mmpose': 256, 'mmseg': 448}[scope]
    shapes = dict(img_shape=(side, side), ori_shape=(side, side), pad_shape=(side, side))
    packed = []
    for index in range(count):
        meta = dict(**shapes, img_path=f'{index}.png')
        if scope == 'mmpretrain':
            from mmpretrain.structures import DataSample

            sample = DataSample(metainfo=meta).set_gt_label(1)
        elif scope == 'mmpose':
            from mmpose.structures import PoseDataSample

            sample = PoseDataSample(metainfo=dict(**meta, flip_indices=list(range(98))))
            sample.gt_fields = PixelData(heatmaps=torch.zeros(98, side // 4, side // 4))
            sample.gt_instance_labels = InstanceData(keypoint_weights=torch.ones(1, 98))
        else:
            from mmseg.structures import SegDataSample

            labels = torch.zeros(1, side, side, dtype=torch.long)
            sample = SegDataSample(metainfo=meta, gt_sem_seg=PixelData(data=labels))
        image = torch.zeros(3, side, side, dtype=torch.uint8)
        packed.append(dict(inputs=image, data_samples=sample))
    return packed


def main(name: str, amp: str = '') -> None:
    """Run two steps; the second is counted."""
    cfg = Config.fromfile(CONFIGS / f'{name}.py')
    options = next(iter(find_hooks(cfg, 'RepFusionHook').values()))
    pixels = cfg.model.get('data_preprocessor') or cfg.data_preprocessor
    order = dict(mean=list(pixels.mean), std=list(pixels.std), channel_order='rgb')
    options.update(teacher=TEACHERS[options.teacher], normalization=order, check_teacher=False)
    if amp:
        cfg.optim_wrapper.update(type='AmpOptimWrapper', dtype='float16')
    cfg.param_scheduler = None
    decoder.NUM_CHECKED_BATCHES = 0
    with fake_card() as watch:
        model = build_host_model(cfg).to('cuda').train()
        optimizer = build_optim_wrapper(model, cfg.optim_wrapper)
        loader = SimpleNamespace(batch_size=cfg.train_dataloader.batch_size)
        runner: Any = SimpleNamespace(
            model=model,
            optim_wrapper=optimizer,
            cfg=cfg,
            hooks=[],
            train_dataloader=loader,
            param_schedulers=None,
            logger=logging.getLogger('quiet'),
            iter=0,
            max_iters=1000,
        )
        hook = HOOKS.build(options)
        hook.before_run(runner)
        hook.before_train(runner)
        hook.teacher.to_rgb.batches_to_check = 0  # as after the first batches
        collate = FUNCTIONS.get(cfg.train_dataloader.get('collate_fn', PSEUDO).type)
        for _ in range(2):
            batch = collate(samples(cfg.default_scope, loader.batch_size))
            watch.reset()
            hook.before_train_iter(runner, 0, batch)
            model.train_step(batch, optimizer)
            hook.after_train_iter(runner, 0, batch)
        print(json.dumps(watch.report()))


main(*sys.argv[1:])

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""A training step of a shipped config on empty images of its size, without its data set."""

import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from distill_step import SHAPES
from mmengine.config import Config, ConfigDict
from mmengine.optim import build_optim_wrapper
from mmengine.registry import FUNCTIONS
from mmengine.structures import InstanceData, PixelData

from mmdiffrep.models.rewards.decoder import DecoderReward
from mmdiffrep.registry import HOOKS
from mmdiffrep.utils.hook_configs import find_hooks
from mmdiffrep.utils.host_models import build_host_model

CONFIGS = Path(__file__).resolve().parents[2] / 'configs' / 'repfusion'
TEACHERS = {
    'google/ddpm-ema-celebahq-256': dict(type='UNet2DDenoiser', unet=SHAPES['celebahq-256']),
    'google/ddpm-cifar10-32': dict(type='UNet2DDenoiser', unet=SHAPES['cifar10-32']),
}
SIDES = dict(mmpretrain=32, mmpose=256, mmseg=448)
PSEUDO = ConfigDict(type='pseudo_collate')  # mmengine's default


def load_config(name: str, amp: str = '', teacher: dict[str, Any] | None = None) -> Config:
    """Load a config whose teacher has random weights.

    Args:
        name: File in ``configs/repfusion``, without its suffix.
        amp: Dtype of the student's autocast; '': none.
        teacher: Another teacher; None: the config's.
    """
    cfg = Config.fromfile(CONFIGS / f'{name}.py')
    options = next(iter(find_hooks(cfg, 'RepFusionHook').values()))
    pixels = cfg.model.get('data_preprocessor') or cfg.data_preprocessor
    order = dict(mean=list(pixels.mean), std=list(pixels.std), channel_order='rgb')
    teacher = TEACHERS[options.teacher] if teacher is None else teacher
    options.update(teacher=teacher, normalization=order, check_teacher=False)
    if amp:
        cfg.optim_wrapper.update(type='AmpOptimWrapper', dtype=amp)
    cfg.param_scheduler = None
    return cfg


class ConfigStep:
    """A step of student, hook and both optimizers; the checks of first batches are off.

    Args:
        cfg: Of :func:`load_config`.
        device: Where it runs.
        distill: With the hook, or the student alone.

    Attributes:
        batch_size: Of the config.
    """

    def __init__(self, cfg: Config, device: str, distill: bool = True) -> None:
        self.cfg = cfg
        self.batch_size: int = cfg.train_dataloader.batch_size
        self.model = build_host_model(cfg).to(device).train()
        self.optimizer = build_optim_wrapper(self.model, cfg.optim_wrapper)
        self.runner: Any = SimpleNamespace(
            model=self.model,
            optim_wrapper=self.optimizer,
            cfg=cfg,
            hooks=[],
            train_dataloader=SimpleNamespace(batch_size=self.batch_size),
            param_schedulers=None,
            logger=logging.getLogger('mmdiffrep.benchmark'),
            iter=0,
            max_iters=1000,
        )
        self.hook: Any = None
        if distill:
            self.hook = HOOKS.build(next(iter(find_hooks(cfg, 'RepFusionHook').values())))
            self.runner.hooks.append(self.hook)
            self.hook.before_run(self.runner)
            self.hook.before_train(self.runner)
            self.hook.teacher.to_rgb.batches_to_check = 0
            for module in self.hook.distiller.modules():
                if isinstance(module, DecoderReward):
                    module.batches_to_check = 0

    def batch(self, collate: str | None = None, pinned: bool = False) -> dict[str, Any]:
        """Return a batch as the data loader gives it.

        Args:
            collate: ``'default_collate'`` or ``'pseudo_collate'``; None: that of the config.
            pinned: Images in pinned memory.
        """
        collate = collate or self.cfg.train_dataloader.get('collate_fn', PSEUDO).type
        batch = FUNCTIONS.get(collate)(samples(self.cfg.default_scope, self.batch_size))
        if pinned and isinstance(batch['inputs'], torch.Tensor):
            batch['inputs'] = batch['inputs'].pin_memory()
        return batch

    def __call__(self, batch: dict[str, Any]) -> None:
        """Run a step."""
        if self.hook is not None:
            self.hook.before_train_iter(self.runner, 0, batch)
        self.model.train_step(batch, self.optimizer)
        if self.hook is not None:
            self.hook.after_train_iter(self.runner, 0, batch)


def samples(scope: str, count: int) -> list[dict[str, Any]]:
    """Return images and labels as the pipelines of a host pack them."""
    side = SIDES[scope]
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

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Tiny random networks and runs, for tests here and in downstream projects."""

import uuid
from typing import Any, ClassVar

import torch
from mmengine.runner import Runner
from mmengine.structures import PixelData
from torch import Tensor
from torch.utils.data import Dataset

from mmdiffrep.registry import DATASETS

TINY_TRANSFORMER = dict(patch_size=2, num_layers=3, num_attention_heads=2, attention_head_dim=8)


def tiny_teacher(num_timesteps: int = 20) -> dict[str, Any]:
    """Config of a random two-level denoiser for 16 px images, 8 and 16 channels wide."""
    return dict(
        type='UNet2DDenoiser',
        unet=dict(
            sample_size=16,
            in_channels=3,
            out_channels=3,
            layers_per_block=1,
            block_out_channels=(8, 16),
            norm_num_groups=4,
            down_block_types=('DownBlock2D', 'AttnDownBlock2D'),
            up_block_types=('AttnUpBlock2D', 'UpBlock2D'),
            attention_head_dim=8,
        ),
        schedule=dict(name='linear', num_timesteps=num_timesteps),
    )


def tiny_dit() -> dict[str, Any]:
    """Config of a random DiT of three blocks, 16 channels wide, for latents of 8 x 8 cells."""
    return dict(
        type='DiTDenoiser',
        transformer=dict(
            TINY_TRANSFORMER, in_channels=4, out_channels=8, sample_size=8, num_embeds_ada_norm=5
        ),
    )


def tiny_vae() -> dict[str, Any]:
    """Arguments of a random ``AutoencoderKL`` with 4 channels at half the image's side."""
    return dict(
        block_out_channels=(8, 8),
        down_block_types=('DownEncoderBlock2D', 'DownEncoderBlock2D'),
        up_block_types=('UpDecoderBlock2D', 'UpDecoderBlock2D'),
        norm_num_groups=4,
    )


def tiny_segmentor(num_classes: int = 4, norm: str = 'GN') -> dict[str, Any]:
    """Config of an mmseg EncoderDecoder of some 50,000 parameters, GroupNorm by default."""
    norm_cfg = dict(type=norm, requires_grad=True)
    if norm == 'GN':
        norm_cfg['num_groups'] = 2
    resnet = dict(type='mmseg.ResNet', depth=18, base_channels=4, stem_channels=4)
    return dict(
        type='mmseg.EncoderDecoder',
        data_preprocessor=dict(
            type='mmseg.SegDataPreProcessor',
            mean=[123.675, 116.28, 103.53],
            std=[58.395, 57.12, 57.375],
            bgr_to_rgb=True,
            size=(32, 32),
        ),
        backbone=dict(resnet, norm_cfg=norm_cfg, norm_eval=False),
        decode_head=dict(
            type='mmseg.FCNHead',
            in_channels=32,
            channels=8,
            num_convs=1,
            concat_input=False,
            dropout_ratio=0.0,
            num_classes=num_classes,
            norm_cfg=norm_cfg,
            align_corners=False,
        ),
        train_cfg=dict(),
        test_cfg=dict(mode='whole'),
    )


@DATASETS.register_module()
class RandomSegmentation(Dataset):
    """Random 32 px images with random label maps, the same in every process.

    Args:
        length (int): Number of images.
        num_classes (int): Labels are drawn from 0 to ``num_classes - 1``.
        order (list of int, optional): Order of the images. Defaults to None: as drawn.
    """

    channel_order: ClassVar[str] = 'bgr'
    metainfo: ClassVar[dict] = dict(
        classes=('a', 'b', 'c', 'd'), palette=[[i, i, i] for i in range(4)]
    )

    def __init__(
        self, length: int = 64, num_classes: int = 4, order: list[int] | None = None
    ) -> None:
        generator = torch.Generator().manual_seed(0)
        self.images = torch.randint(0, 256, (length, 3, 32, 32), generator=generator).byte()
        self.labels = torch.randint(0, num_classes, (length, 1, 32, 32), generator=generator)
        self.names = list(range(length)) if order is None else list(order)
        self.images, self.labels = self.images[self.names], self.labels[self.names]

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> dict[str, Any]:
        from mmseg.structures import SegDataSample

        shape = dict(img_shape=(32, 32), ori_shape=(32, 32), pad_shape=(32, 32))
        sample = SegDataSample(
            gt_sem_seg=PixelData(data=self.labels[index]),
            metainfo=dict(**shape, img_path=f'{self.names[index]}.png'),
        )
        return dict(inputs=self.images[index], data_samples=sample)


def tiny_runner(
    work_dir: str,
    max_iters: int = 4,
    custom_hooks: list[dict] | None = None,
    batch_size: int = 4,
    model: dict | None = None,
    **overrides: Any,
) -> Runner:
    """Build a CPU run of a tiny segmentor on random data.

    Args:
        work_dir (str): Where logs and checkpoints go.
        max_iters (int): Length of the run. Defaults to 4.
        custom_hooks (list of dict, optional): Defaults to None.
        batch_size (int): Per process. Defaults to 4.
        model (dict, optional): Defaults to None: :func:`tiny_segmentor`.
        **overrides: Any other top-level argument of ``Runner.from_cfg``'s config, or
            ``runner_type``.
    """
    import mmseg.datasets
    import mmseg.models  # noqa: F401
    from mmengine.config import Config
    from mmengine.registry import RUNNERS

    cfg = dict(
        model=model or tiny_segmentor(),
        work_dir=str(work_dir),
        train_dataloader=dict(
            dataset=dict(type='mmdiffrep.RandomSegmentation'),
            sampler=dict(type='InfiniteSampler', shuffle=False),
            batch_size=batch_size,
            num_workers=0,
        ),
        train_cfg=dict(type='IterBasedTrainLoop', max_iters=max_iters, val_interval=10**6),
        optim_wrapper=dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=0.01, momentum=0.9)),
        default_hooks=dict(
            checkpoint=dict(type='CheckpointHook', by_epoch=False, interval=10**6),
            logger=dict(type='LoggerHook', interval=10**6),
        ),
        custom_hooks=custom_hooks or [],
        randomness=dict(seed=0),
        default_scope='mmseg',
        log_level='WARNING',
        experiment_name=f'tiny_{uuid.uuid4().hex}',
    )
    kind = RUNNERS.get(overrides.pop('runner_type', 'Runner'))
    cfg.update(overrides)
    return kind.from_cfg(Config(cfg))


def parameters_of(module: torch.nn.Module) -> dict[str, Tensor]:
    """Copy the parameters of a module."""
    return {name: param.detach().clone() for name, param in module.named_parameters()}


def greatest_difference(first: dict[str, Tensor], second: dict[str, Tensor]) -> float:
    """Return the greatest absolute difference between two sets of parameters."""
    if first.keys() != second.keys():
        raise ValueError(f'different parameters: {sorted(first.keys() ^ second.keys())}')
    return max((first[name] - second[name]).abs().max().item() for name in first)

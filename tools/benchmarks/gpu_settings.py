# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The sizes of ``gpu.py``: as published, and tiny ones to try the script."""

from pathlib import Path
from typing import Any, NamedTuple

from distill_step import SHAPES
from mmengine.config import Config

from mmdiffrep.diffusion.denoisers.adm_presets import ADM_PRESETS
from mmdiffrep.testing import tiny_teacher

BASE_MODELS = Path(__file__).resolve().parents[2] / 'configs' / '_base_' / 'models'


class Settings(NamedTuple):
    """Sizes of the run.

    Attributes:
        device: Where it runs.
        networks: Configs of U-Nets and the batch sizes at which they are timed.
        steps: Configs of whole steps.
        batch: Images of a step; None: as the config says.
        ddpm_seg: Config of the backbone of DDPM-Seg.
        bank: Images of the bank.
        rounds: Rounds that are counted.
        teacher: Teacher of the steps; None: as the config says.
    """

    device: str
    networks: dict[str, tuple[dict[str, Any], tuple[int, ...]]]
    steps: tuple[str, ...]
    batch: int | None
    ddpm_seg: dict[str, Any]
    bank: int
    rounds: int
    teacher: dict[str, Any] | None = None

    @property
    def on_gpu(self) -> bool:
        """Whether it is a GPU."""
        return self.device.startswith('cuda')


def full_size(device: str) -> Settings:
    """Return the published sizes."""
    unets = {name: dict(type='UNet2DDenoiser', unet=unet) for name, unet in SHAPES.items()}
    return Settings(
        device=device,
        networks={
            'adm-256': (dict(type='ADMDenoiser', **ADM_PRESETS['adm-lsun']), (8,)),
            'celebahq-256': (unets['celebahq-256'], (8, 64)),
            'cifar10-32': (unets['cifar10-32'], (128,)),
        },
        steps=('celebamask_r50', 'wflw_r50', 'cifar10_r18'),
        batch=None,
        ddpm_seg=Config.fromfile(BASE_MODELS / 'ddpm_seg_adm_256.py').model.backbone,
        bank=10_000,
        rounds=10,
    )


def rehearsal(device: str) -> Settings:
    """Return sizes at which the whole script takes a minute or so."""
    backbone = dict(
        type='mmdiffrep.DPMBackbone', denoiser=tiny_teacher(), taps=['mid'], timesteps=[1, 2]
    )
    networks = {'tiny': (tiny_teacher(), (2,))}
    teacher = tiny_teacher(1000)
    return Settings(device, networks, ('cifar10_r18',), 4, backbone, 16, 2, teacher)

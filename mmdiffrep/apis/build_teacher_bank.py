# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Build the bank that the teacher of a training config reads its features from."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from torch import Tensor

from mmdiffrep.diffusion.features import MapKey, read_features
from mmdiffrep.engine.hooks.repfusion_hook import RepFusionHook
from mmdiffrep.feature_bank.build import BankBuild, build_feature_bank
from mmdiffrep.feature_bank.fixed_views import FixedViews
from mmdiffrep.feature_bank.reader import (
    on_cpu,
    settings_of,
    stored_bytes,
    stored_shapes,
    to_stored,
)
from mmdiffrep.feature_bank.recipe import FeatureRecipe, describe_noise
from mmdiffrep.models.distillers import by_branch
from mmdiffrep.models.teachers import DPMTeacher, normalization_of
from mmdiffrep.models.teachers.bank_teacher import is_bank, normalization_record
from mmdiffrep.models.timestep_policies.base import TimestepPolicy
from mmdiffrep.registry import DATASETS, HOOKS, MODELS
from mmdiffrep.utils.hook_configs import find_hooks
from mmdiffrep.utils.host_models import build_host_model
from mmdiffrep.utils.pixel_facts import SWAPS, preprocessor_of


class ViewReader:
    """Computes what a bank stores for a teacher: the very numbers of its pass in training.

    The images are normalized as the host does it, and the teacher undoes that, since the rounding
    on this way is part of its features.

    Args:
        teacher: The frozen teacher, on its device.
        timesteps: Where it is read.
        preprocessor: Settings of the host's data preprocessor: ``mean``, ``std`` and flags that
            swap channels.
        pool: 1 for averages, None for whole maps.
        dtype: What is stored, such as ``'float16'``.
        batch_size: Images per pass, each at all timesteps.
    """

    def __init__(
        self,
        teacher: DPMTeacher,
        timesteps: Sequence[int],
        preprocessor: Mapping[str, Any],
        pool: int | None = None,
        dtype: str = 'float16',
        batch_size: int = 8,
    ) -> None:
        self.teacher = teacher
        self.timesteps = tuple(timesteps)
        self.pool = pool
        self.dtype = getattr(torch, dtype)
        self.batch_size = batch_size
        self._swaps = any(preprocessor.get(flag) for flag in SWAPS)
        self._mean, self._std = (
            None
            if (values := preprocessor.get(key)) is None
            else torch.tensor(values).view(-1, 1, 1)
            for key in ('mean', 'std')
        )
        taps = {tap: teacher.denoiser.taps[tap] for tap in teacher.taps}
        self.shapes = stored_shapes(taps, self.timesteps, teacher.size, pool)

    @property
    def recipe(self) -> FeatureRecipe:
        """What the features depend on besides the image."""
        denoiser, to_rgb = self.teacher.denoiser, self.teacher.to_rgb
        levels = denoiser.schedule.noise_level(torch.tensor(self.timesteps)).tolist()
        normalized = (to_rgb.mean, to_rgb.std) if to_rgb.normalized else (None, None)
        order = to_rgb.channel_order
        return FeatureRecipe(
            weights=denoiser.weights_hash,
            settings={
                **settings_of(denoiser),
                'normalization': normalization_record(*normalized, order),
                'num_timesteps': denoiser.schedule.num_timesteps,
            },
            taps=list(self.teacher.taps),
            timesteps=list(self.timesteps),
            noise_levels=[round(level, 6) for level in levels],
            noise=describe_noise(self.teacher.noise_cfg),
            size=self.teacher.size,
            channel_order={'rgb': 'bgr', 'bgr': 'rgb'}[order] if self._swaps else order,
            precision=denoiser.precision,
            pool=self.pool,
            dtype=str(self.dtype).removeprefix('torch.'),
            model=denoiser.source,
        )

    @property
    def bytes_per_image(self) -> int:
        """Bytes per view in the bank."""
        return stored_bytes(self.shapes, self.dtype)

    @torch.no_grad()
    def __call__(self, images: Sequence[Tensor]) -> dict[MapKey, Tensor]:
        """Compute the features of views, (3, H, W) each as packed.

        Returns:
            ``{(timestep, tap): (B, h, w, C)}`` on the CPU, in the dtype to store.

        Raises:
            ValueError: Pixels that the normalization cannot give, or features that the dtype cannot
                hold.
        """
        device = next(self.teacher.parameters()).device
        inputs = [self.teacher.to_input(self._normalized(image)[None]) for image in images]
        maps = read_features(
            self.teacher.denoiser,
            torch.cat(inputs).to(device),
            self.timesteps,
            self.teacher.taps,
            self.teacher.noise,
            pass_size=self.teacher.pass_size,
            finish=partial(to_stored, pool=self.pool, dtype=self.dtype),
        )
        return on_cpu(maps)

    def _normalized(self, image: Tensor) -> Tensor:
        """Do to one image what the host's data preprocessor does."""
        image = (image.flip(0) if self._swaps else image).float()
        if self._mean is None or self._std is None:
            return image
        return (image - self._mean) / self._std


def build_teacher_bank(
    cfg: Config,
    device: str | torch.device = 'cpu',
    batch_size: int = 8,
    num_workers: int | None = None,
    max_bytes: int | None = None,
) -> BankBuild:
    """Build the bank of a config whose teacher is a ``BankTeacher``, over all its fixed views.

    Args:
        cfg: A training config: its data set is ``FixedViews``, and the teacher of its hook is
            ``dict(type='mmdiffrep.BankTeacher', bank=..., denoiser=...)``. Taps, timesteps, noise
            and sizes are those of the hook.
        device: Where the network runs.
        batch_size: Images per pass, each at all timesteps.
        num_workers: Processes that read images, see
            :func:`~mmdiffrep.feature_bank.images.read_images`.
        max_bytes: Greatest size of the bank; None: what the disk holds.

    Raises:
        ValueError: The config has no such hook or data set, or see
            :func:`~mmdiffrep.feature_bank.build.build_feature_bank`.
    """
    hook = _bank_hook(cfg)
    settings = hook.teacher_cfg
    init_default_scope(cfg.default_scope)
    views = _views(cfg)
    teacher = DPMTeacher(
        settings['denoiser'],
        list(dict.fromkeys(pair['teacher'] for pair in hook.pairs)),
        size=hook.teacher_size,
        noise=hook.noise,
        precision=hook.precision,
        pass_size=hook.teacher_batch,
        **(hook.normalization or normalization_of(build_host_model(cfg), cfg)),
    )
    reader = ViewReader(
        teacher.to(device),
        _timesteps(hook),
        preprocessor_of(cfg),
        settings.get('pool'),
        settings.get('dtype', 'float16'),
        batch_size,
    )
    return build_feature_bank(
        views.all_views(),
        reader,
        max_bytes=max_bytes,
        num_workers=num_workers,
        folder=settings['bank'],
    )


def _bank_hook(cfg: Config) -> RepFusionHook:
    """Return the hook of a config whose teacher is a bank."""
    found = [
        config
        for config in find_hooks(cfg, 'RepFusionHook').values()
        if is_bank(config.get('teacher'))
    ]
    if len(found) != 1 or 'denoiser' not in found[0].teacher:
        raise ValueError(
            'The config needs one RepFusionHook with '
            "teacher=dict(type='mmdiffrep.BankTeacher', bank=FOLDER, denoiser=MODEL); its hooks "
            f'have the teachers {[config.get("teacher") for config in found]}.'
        )
    hook = HOOKS.build(found[0])
    assert isinstance(hook, RepFusionHook)
    return hook


def _views(cfg: Config) -> FixedViews:
    """Build the training data set of a config, without its bank."""
    dataset = cfg.train_dataloader.dataset.to_dict()
    if str(dataset.get('type')).rpartition('.')[-1] != 'FixedViews':
        raise ValueError(
            "The training data set must be dict(type='mmdiffrep.FixedViews', num_views=..., "
            f'bank=..., dataset=...), got {dataset.get("type")!r}: its features are stored.'
        )
    return DATASETS.build({**dataset, 'bank': None})


def _timesteps(hook: RepFusionHook) -> list[int]:
    """Return all timesteps that the policies of a hook can draw."""
    policies = [MODELS.build(policy) for policy, _ in by_branch(hook.policy_cfg).values()]
    drawn = {
        t for policy in policies if isinstance(policy, TimestepPolicy) for t in policy.timesteps
    }
    return sorted(drawn)

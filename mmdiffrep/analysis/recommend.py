# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""From the best cell of a sweep to a config that trains its head in mmpretrain."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmengine.config import Config

from mmdiffrep.analysis.cells import Cell
from mmdiffrep.analysis.data import without_augmentation
from mmdiffrep.feature_bank import FeatureRecipe
from mmdiffrep.measures import ProbeTraining

_GRAY = [127.5, 127.5, 127.5]  # mean and std that bring 0 .. 255 to [-1, 1]


def recommended_config(
    cell: Cell,
    recipe: FeatureRecipe,
    num_classes: int,
    data: Config,
    data_name: str,
    folder: str | Path,
    training: ProbeTraining | None = None,
    data_options: Mapping[str, Any] | None = None,
    num_images: int | None = None,
    test_split: str = 'test',
    comment: str = '',
) -> str:
    """Write the config of a linear head on one cell, as text.

    It inherits the config that was swept, and trains as the sweep did, on all images of the
    training split, the held-out ones too, as they are: neither a choice of fewer images nor
    augmented views are repeated. It is validated on the split that the sweep tested on.
    Standardized features become a BatchNorm without scale and shift.

    Args:
        cell: Of a diffusion model.
        recipe: Of its features.
        num_classes: Number of classes.
        data: The config whose data was swept.
        data_name: How it was named: a file, a config of mmdiffrep, or ``host::name``.
        folder: Where the text will be stored, relative to which a file is named.
        training: How the heads were trained; None: the defaults.
        data_options: Entries of ``data`` that were overridden.
        num_images: Training images, which set the number of epochs; None: enough of them.
        test_split: Of ``data``, that the sweep tested on.
        comment: A line at the top.

    Returns:
        The text of a config file.

    Raises:
        ValueError: A cell of an encoder.
    """
    if cell.timestep is None:
        raise ValueError(f'{cell.model} is not a diffusion model, expected a cell of one.')
    training = training or ProbeTraining()
    epochs = training.epochs if num_images is None else training.num_epochs(num_images)
    channels = cell.width // cell.pool**2
    neck = [dict(type='mmdiffrep.PoolFlatten', in_channels=[channels], pool=cell.pool)]
    if training.standardize:
        neck.append(dict(type='ClsBatchNormNeck', input_features=cell.width))
    backbone = dict(
        type='mmdiffrep.DPMBackbone',
        denoiser=recipe.model,
        taps=[cell.tap],
        timesteps=[cell.timestep],
        noise={key: value for key, value in recipe.noise.items() if value is not None},
        input=dict(mean=_GRAY, std=_GRAY, size=recipe.size, channel_order='rgb'),
    )
    entries: dict[str, Any] = dict(
        model=dict(
            type='ImageClassifier',
            backbone=backbone,
            neck=neck,
            head=dict(
                type='LinearClsHead', num_classes=num_classes, in_channels=cell.width, topk=(1,)
            ),
        ),
        data_preprocessor=dict(
            type='ClsDataPreprocessor',
            num_classes=num_classes,
            mean=_GRAY,
            std=_GRAY,
            to_rgb=recipe.channel_order == 'bgr',
        ),
        optim_wrapper=dict(
            type='OptimWrapper',
            optimizer=dict(
                type=dict(adam='Adam', adamw='AdamW')[training.optimizer],
                lr=training.lr,
                weight_decay=training.weight_decay,
            ),
        ),
        train_cfg=dict(by_epoch=True, max_epochs=epochs, val_interval=epochs),
        default_hooks=dict(
            logger=dict(type='LoggerHook', interval=50),
            checkpoint=dict(type='mmdiffrep.AtomicCheckpointHook', interval=epochs),
            finite_loss=dict(type='mmdiffrep.FiniteLossHook'),
            exact_resume=dict(type='mmdiffrep.ExactResumeHook'),
            label_range=dict(type='mmdiffrep.LabelRangeHook'),
        ),
    )
    entries = {
        key: dict(_delete_=True, **value) if key in data else value
        for key, value in entries.items()
    }
    # merged with those of the data config, unlike the entries above
    merged = dict(
        train_dataloader=dict(
            batch_size=training.batch_size,
            persistent_workers=False,  # or ExactResumeHook could not resume bit for bit
            sampler=dict(_delete_=True, type='DefaultSampler', shuffle=True),
            dataset=dict(_delete_=True, **without_augmentation(data, 'train')),
        ),
        param_scheduler=[dict(type='CosineAnnealingLR', T_max=epochs, by_epoch=True)],
        **{f'{split}_cfg': {} for split in ('val', 'test') if f'{split}_dataloader' in data},
        log_processor=dict(by_epoch=True),
    )
    if 'val_dataloader' in data:
        tested = without_augmentation(data, test_split)
        merged['val_dataloader'] = dict(dataset=dict(_delete_=True, **tested))
    options = Config(merged)
    options.merge_from_dict(dict(data_options or {}))
    body = Config({**entries, **options.to_dict()}).pretty_text
    head = f'# {comment}\n' if comment else ''
    return f'{head}_base_ = {_base_of(data_name, folder)!r}\n{body}'


def _base_of(data_name: str, folder: str | Path) -> str:
    if os.path.isfile(data_name):
        return os.path.relpath(os.path.abspath(data_name), os.path.abspath(folder))
    return data_name if '::' in data_name else f'mmdiffrep::{data_name}'

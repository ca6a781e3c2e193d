# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Images and class labels from the data set of any OpenMMLab config, without augmentation."""

import os
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import torch
from mmengine.config import Config
from mmengine.registry import DATASETS, init_default_scope
from torch import Tensor

from mmdiffrep.feature_bank.images import check_packed
from mmdiffrep.utils.checks import integer, one_of, within
from mmdiffrep.utils.pixel_facts import channel_order_of
from mmdiffrep.utils.versions import require_host

SPLITS = ('train', 'val', 'test')


class ImageBatch(NamedTuple):
    """What a host's pipeline packs, before its data preprocessor.

    Attributes:
        inputs: Images (3, H, W), 0 to 255, of one size or several.
        data_samples: The host's data samples, one per image.
    """

    inputs: list[Tensor]
    data_samples: list[Any]


class ImageSource:
    """A fixed choice of images of one split of a config, in a fixed order.

    The training split is read through the pipeline of the validation or test split, so that no
    augmentation gets in; where there is neither, it keeps its own.

    Args:
        cfg: A config with data loaders and ``default_scope``, see
            :func:`~mmdiffrep.utils.host_models.find_config`.
        split: ``'train'``, ``'val'`` or ``'test'``.
        num_images: Number of images, drawn at random without repetition; None: all.
        seed: Of the draw.
        channel_order: ``'bgr'`` or ``'rgb'``, the order in which the pipeline loads images; None:
            see :func:`~mmdiffrep.utils.pixel_facts.channel_order_of`.

    Raises:
        ValueError: The config has no such split or no ``default_scope``, its channel order is
            unknown, or there are fewer images than asked for.
        ImportError: The config's host library is not installed.
        FileNotFoundError: The images are missing.
    """

    def __init__(
        self,
        cfg: Config,
        split: str = 'test',
        num_images: int | None = None,
        seed: int = 0,
        channel_order: str | None = None,
    ) -> None:
        one_of('channel_order', channel_order, (None, 'rgb', 'bgr'))
        scope = cfg.get('default_scope')
        if scope is None:
            raise ValueError(
                'The config names no default_scope, so the types of its pipeline are unknown. '
                'Take a whole config (such as repfusion/toyfaces_r18_cls_scratch.py), or add '
                "default_scope='mmpretrain' ('mmseg', 'mmpose')."
            )
        require_host(scope)
        self.name = f'{split} split of {os.path.basename(cfg.filename or "the config")}'
        self.channel_order = channel_order or channel_order_of(
            cfg, "give channel_order='bgr' or 'rgb'"
        )
        dataset_cfg = without_augmentation(cfg, split)
        init_default_scope(scope)
        self.dataset = DATASETS.build(dataset_cfg)
        if hasattr(self.dataset, 'full_init'):
            self.dataset.full_init()
        available = len(self.dataset)
        if num_images is not None:
            within(f'num_images of the {self.name}', num_images, 1, available)
        chosen = torch.randperm(available, generator=torch.Generator().manual_seed(seed))
        self.indices: list[int] = chosen[:num_images].sort().values.tolist()

    def __len__(self) -> int:
        return len(self.indices)

    @property
    def classes(self) -> tuple[str, ...] | None:
        """Names of the classes, if the data set has any."""
        names = self.dataset.metainfo.get('classes')
        return None if names is None else tuple(names)

    def batches(self, batch_size: int) -> Iterator[ImageBatch]:
        """Give all images in batches of nearly equal size.

        Args:
            batch_size: The greatest size.

        Raises:
            ValueError: A size below 1, or a pipeline that does not pack images.
        """
        integer('batch_size', batch_size, 1)
        parts = torch.tensor(self.indices).tensor_split(-(-len(self) // batch_size))
        for part in parts:
            items = [self.dataset[index] for index in part.tolist()]
            check_packed(items[0], self.name)
            yield ImageBatch(
                [item['inputs'] for item in items], [item['data_samples'] for item in items]
            )


def check_classes(labels: Tensor, classes: Sequence[str], where: str) -> None:
    """Check that every class has images.

    Args:
        labels: (N,) classes.
        classes: Their names.
        where: What the images are called in the message.

    Raises:
        ValueError: Names the classes without an image.
    """
    counts = labels.bincount(minlength=len(classes))
    empty = [f'{name!r}' for name, count in zip(classes, counts.tolist()) if count == 0]
    if empty:
        raise ValueError(
            f'No image of class {", ".join(empty)} among the {len(labels)} images of the {where}: '
            'take more images, or another data set.'
        )


def without_augmentation(cfg: Config, split: str) -> dict[str, Any]:
    """Return the config of a split's data set, with the pipeline of an evaluation split.

    Raises:
        ValueError: There is no such split.
    """
    loaders = {name: cfg.get(f'{name}_dataloader') for name in SPLITS}
    present = [name for name, loader in loaders.items() if loader]
    if split not in present:
        raise ValueError(f'The config has no {split!r} split; it has {present}.')
    dataset = loaders[split].dataset.to_dict()
    evaluation = loaders['val'] or loaders['test']
    if split == 'train' and evaluation:
        pipeline = _innermost(evaluation.dataset.to_dict()).get('pipeline')
        if pipeline is not None:
            _innermost(dataset)['pipeline'] = pipeline
    return dataset


def _innermost(dataset: dict[str, Any]) -> dict[str, Any]:
    """Return what wrappers such as ``RepeatDataset`` are around."""
    while isinstance(dataset.get('dataset'), dict):
        dataset = dataset['dataset']
    return dataset

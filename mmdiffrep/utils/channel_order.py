# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""In which order a host's config loads the colors of its images, and what its network gets."""

from collections.abc import Iterator
from typing import Any

from mmengine.config import Config

# mmpretrain's data sets of RGB images. What is read from files is BGR, as mmcv does it.
RGB_DATASETS = {'CIFAR10', 'CIFAR100'}
FILE_LOADERS = {'LoadImageFromFile', 'LoadImage'}  # mmcv's, and mmpose's name for it
# Flags of the hosts' data preprocessors. All of them swap the channels, whatever comes.
SWAPS = ('to_rgb', 'bgr_to_rgb', 'rgb_to_bgr')


def channel_order_of(cfg: Config, advice: str) -> str:
    """Return the channel order in which a config's pipeline loads images.

    Read from the data set, if it is mmpretrain's CIFAR, whose images are RGB; else from the data
    preprocessor: what it turns to RGB was BGR. Where it converts nothing, files that mmcv reads are
    BGR. Without preprocessor and data set it is BGR, too.

    Args:
        cfg (Config): A host's config; the first of its data loaders counts.
        advice (str): What to do where the order is unknown, for the message.

    Returns:
        str: ``'bgr'`` or ``'rgb'``.

    Raises:
        ValueError: It is unknown: the preprocessor converts nothing and the data set is another
            one; the data set mixes both orders; or the preprocessor turns files to BGR.
    """
    dataset, settings = _first_dataset(cfg), preprocessor_of(cfg)
    kinds = _kinds(dataset)
    rgb = kinds & RGB_DATASETS
    if rgb and kinds - RGB_DATASETS:
        raise ValueError(
            f'the channel order of the images is unknown: the data mixes {sorted(rgb)}, whose '
            f'images are RGB, with {sorted(kinds - RGB_DATASETS)}, whose images are BGR: {advice}'
        )
    if rgb:
        return 'rgb'
    if settings.get('to_rgb') or settings.get('bgr_to_rgb'):
        return 'bgr'
    from_files = any(name in FILE_LOADERS for name in _transforms(dataset))
    if settings.get('rgb_to_bgr') and from_files:
        raise ValueError(
            'the channel order of the images is unknown: rgb_to_bgr=True of the data_preprocessor '
            'says that they come as RGB, but mmcv reads files as BGR: say '
            f'bgr_to_rgb=True, or {advice}'
        )
    if settings.get('rgb_to_bgr'):
        return 'rgb'
    if not settings or from_files:
        return 'bgr'
    raise ValueError(
        'the channel order of the images is unknown: the data_preprocessor converts no colors, '
        f'and {sorted(kinds) or "the config"} reads no files by mmcv: {advice}'
    )


def network_order_of(cfg: Config, advice: str) -> str:
    """Return the channel order in which a config's network is given images.

    Args:
        cfg (Config): A host's config.
        advice (str): See :func:`channel_order_of`.

    Returns:
        str: ``'bgr'`` or ``'rgb'``: that of the images, swapped if the data preprocessor swaps it.

    Raises:
        ValueError: It is unknown, see :func:`channel_order_of`.
    """
    loaded, settings = channel_order_of(cfg, advice), preprocessor_of(cfg)
    swapped = any(settings.get(flag) for flag in SWAPS)
    return {'rgb': 'bgr', 'bgr': 'rgb'}[loaded] if swapped else loaded


def reads_cifar(cfg: Config) -> bool:
    """Whether the first of a config's data loaders reads CIFAR-10 or CIFAR-100, and no other."""
    kinds = _kinds(_first_dataset(cfg))
    return bool(kinds) and kinds <= RGB_DATASETS


def preprocessor_of(cfg: Config) -> dict[str, Any]:
    """Return the settings of a config's data preprocessor, empty if it has none."""
    return cfg.get('model', {}).get('data_preprocessor') or cfg.get('data_preprocessor') or {}


def _first_dataset(cfg: Config) -> dict[str, Any]:
    loaders = [cfg.get(f'{split}_dataloader') for split in ('train', 'val', 'test')]
    return next((loader.get('dataset') for loader in loaders if loader), None) or {}


def _inside(dataset: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Return what a wrapper such as RepeatDataset or ConcatDataset is around."""
    if isinstance(dataset.get('dataset'), dict):
        yield dataset['dataset']
    yield from dataset.get('datasets') or ()


def _kinds(dataset: dict[str, Any]) -> set[str]:
    """Class names of a data set, or of those inside its wrappers."""
    inside = list(_inside(dataset))
    if inside:
        return set().union(*(_kinds(part) for part in inside))
    return {_name(dataset['type'])} if 'type' in dataset else set()


def _transforms(dataset: dict[str, Any]) -> Iterator[str]:
    """Class names of the transforms of a data set, its wrappers and those inside."""
    for step in dataset.get('pipeline') or ():
        # Another color type, such as 'unchanged', comes as it is in the file.
        if step.get('color_type', 'color') == 'color':
            yield _name(step['type'])
    for part in _inside(dataset):
        yield from _transforms(part)


def _name(kind: Any) -> str:
    return kind.rpartition('.')[-1] if isinstance(kind, str) else kind.__name__

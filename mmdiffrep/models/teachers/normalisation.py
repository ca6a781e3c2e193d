# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Which normalisation a host's data preprocessor applies to its images."""

from typing import Dict, Set

from mmengine.config import Config
from torch import nn

# Their images are RGB as they come. What is read from files is BGR, as mmcv does it.
RGB_DATASETS = {'CIFAR10', 'CIFAR100'}
# Flags of the hosts' data preprocessors, which swap the channels for either.
SWAPS = ('to_rgb', 'bgr_to_rgb', 'rgb_to_bgr')
KEYS = {'mean', 'std', 'channel_order'}


def normalisation_of(model: nn.Module, cfg: Config) -> Dict[str, object]:
    """Returns the normalisation that the host's data preprocessor applies.

    Mean and std are read from the preprocessor, the channel order from the config: the hosts keep
    it under different names, and it depends on the data set as well.

    Args:
        model (nn.Module): The host's model with a ``data_preprocessor``.
        cfg (Config): The run's config.

    Returns:
        dict: ``mean`` and ``std`` (lists of 3 numbers on the 0..255 scale, or None) and
        ``channel_order`` (``'rgb'`` or ``'bgr'``) of the tensors that the model sees.

    Raises:
        TypeError: The model has no data preprocessor.
        ValueError: The config does not describe it, so the channel order is unknown.
    """
    preprocessor = getattr(model, 'data_preprocessor', None)
    if preprocessor is None:
        raise TypeError(
            f'{type(model).__name__} has no data_preprocessor, so its normalisation is unknown: '
            "give normalisation=dict(mean=..., std=..., channel_order='rgb' or 'bgr')"
        )
    settings = cfg.get('model', {}).get('data_preprocessor') or cfg.get('data_preprocessor')
    if not settings:
        raise ValueError(
            'the config has no data_preprocessor, so the channel order of the images is unknown: '
            "give normalisation=dict(mean=..., std=..., channel_order='rgb' or 'bgr')"
        )
    kinds = _dataset_types((cfg.get('train_dataloader') or {}).get('dataset') or {})
    loaded_as_rgb = bool(kinds & RGB_DATASETS)
    if loaded_as_rgb and kinds - RGB_DATASETS:
        raise ValueError(
            f'the training data mixes {sorted(kinds & RGB_DATASETS)}, whose images are RGB, with '
            f'{sorted(kinds - RGB_DATASETS)}, whose images are BGR, and the model has one data '
            "preprocessor: give normalisation=dict(mean=..., std=..., channel_order='rgb' or 'bgr')"
        )
    if settings.get('rgb_to_bgr') and not loaded_as_rgb:
        raise ValueError(
            f'rgb_to_bgr=True says that the images come as RGB, but those of {sorted(kinds)} are '
            'taken to be BGR, as mmcv reads files: say bgr_to_rgb=True, or give '
            "normalisation=dict(mean=..., std=..., channel_order='rgb' or 'bgr')"
        )
    swapped = any(settings.get(flag) for flag in SWAPS)
    mean, std = getattr(preprocessor, 'mean', None), getattr(preprocessor, 'std', None)
    return dict(
        mean=None if mean is None else mean.flatten().tolist(),
        std=None if std is None else std.flatten().tolist(),
        channel_order='rgb' if swapped != loaded_as_rgb else 'bgr',
    )


def check_normalisation(settings: dict) -> None:
    """Checks what a user gives in place of :func:`normalisation_of`.

    Args:
        settings (dict): ``channel_order``, and ``mean`` and ``std`` unless there are none.

    Raises:
        ValueError: A key that is missing or unknown, or an unknown channel order.
    """
    if not {'channel_order'} <= set(settings) <= KEYS:
        raise ValueError(
            "normalisation needs 'channel_order' and may have 'mean' and 'std', got the keys "
            f'{sorted(settings)}'
        )
    if settings['channel_order'] not in ('rgb', 'bgr'):
        raise ValueError(f"channel_order must be 'rgb' or 'bgr', got {settings['channel_order']!r}")


def _dataset_types(dataset: dict) -> Set[str]:
    """Class names of a data set, or of those inside its wrappers."""
    inside = dataset.get('datasets') or [dataset[key] for key in ('dataset',) if key in dataset]
    if inside:
        return set().union(*(_dataset_types(part) for part in inside))
    kind = dataset.get('type', '')
    return {kind.rpartition('.')[-1] if isinstance(kind, str) else kind.__name__}

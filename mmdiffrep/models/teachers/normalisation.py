# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Which normalisation a host's data preprocessor applies to its images."""

from typing import Dict

from mmengine.config import Config
from torch import nn

# Their images are RGB as they come. What is read from files is BGR, as mmcv does it.
RGB_DATASETS = ('CIFAR10', 'CIFAR100')


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
    swapped = bool(settings.get('to_rgb') or settings.get('bgr_to_rgb'))
    loaded_as_rgb = _dataset_type(cfg) in RGB_DATASETS
    mean, std = getattr(preprocessor, 'mean', None), getattr(preprocessor, 'std', None)
    return dict(
        mean=None if mean is None else mean.flatten().tolist(),
        std=None if std is None else std.flatten().tolist(),
        channel_order='rgb' if swapped != loaded_as_rgb else 'bgr',
    )


def _dataset_type(cfg: Config) -> str:
    """Class name of the training data set, inside its wrappers."""
    dataset = (cfg.get('train_dataloader') or {}).get('dataset') or {}
    while 'dataset' in dataset:
        dataset = dataset['dataset']
    kind = dataset.get('type', '')
    return kind.rpartition('.')[-1] if isinstance(kind, str) else kind.__name__

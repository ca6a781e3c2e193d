# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Networks of torchvision."""

from typing import Any
from urllib.error import URLError

from torch import nn

from mmdiffrep.models.encoders.base import IMAGENET_MEAN, IMAGENET_STD, LoadedEncoder
from mmdiffrep.utils.near_names import did_you_mean
from mmdiffrep.utils.versions import require_package

_CLASSIFIERS = ('fc', 'classifier', 'head', 'heads')  # names of the last part of its models


def load_torchvision(name: str, pretrained: bool, options: dict[str, Any]) -> LoadedEncoder:
    """Build a classification network of torchvision, without its classifier.

    Args:
        name: A model's name, such as ``'resnet50'``.
        pretrained: Whether to load torchvision's default weights, which it downloads once.
        options: Further arguments of the model.

    Raises:
        ImportError: torchvision is not installed.
        OSError: The weights cannot be downloaded.
        ValueError: torchvision has no such model.
    """
    models = require_package('torchvision', 'torchvision').models
    known = models.list_models(module=models)
    if name not in known:
        raise ValueError(f'torchvision has no model {name!r}.{did_you_mean(name, known)}')
    weights = models.get_model_weights(name).DEFAULT
    try:
        network = models.get_model(name, weights=weights if pretrained else None, **options)
    except (URLError, OSError) as error:
        raise OSError(
            f'The weights of torchvision:{name} could not be downloaded from {weights.url} '
            f'({error}). Without a network, fetch the file elsewhere and give its path as the '
            'checkpoint.'
        ) from error
    for part in _CLASSIFIERS:
        if hasattr(network, part):
            setattr(network, part, nn.Identity())
    preset = weights.transforms()
    patch = getattr(network, 'patch_size', None)
    is_vit = isinstance(patch, int)
    return LoadedEncoder(
        network=network,
        source=f'torchvision:{name}',
        mean=tuple(255 * value for value in getattr(preset, 'mean', [])) or IMAGENET_MEAN,
        std=tuple(255 * value for value in getattr(preset, 'std', [])) or IMAGENET_STD,
        patch=patch if is_vit else None,
        size=getattr(network, 'image_size', None) or preset.crop_size[0],
        fixed_size=is_vit,
        multiple=patch if is_vit else 1,
    )

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Networks of timm (optional: ``pip install timm``)."""

from typing import Any

from torch import nn

from mmdiffrep.models.encoders.base import LoadedEncoder
from mmdiffrep.utils.near_names import did_you_mean
from mmdiffrep.utils.versions import require_package


def load_timm(name: str, pretrained: bool, options: dict[str, Any]) -> LoadedEncoder:
    """Build a network of timm, without its classifier.

    Args:
        name: A model's name, with or without the tag of its weights, as in
            ``'vit_small_patch14_dinov2.lvd142m'``.
        pretrained: Whether to load timm's weights, which it fetches from the model hub once.
        options: Further arguments of ``timm.create_model``.

    Raises:
        ImportError: timm is not installed.
        OSError: The weights cannot be fetched.
        ValueError: timm has no such model or weights.
    """
    timm = require_package('timm', 'timm')
    from timm.data import resolve_model_data_config

    base, _, tag = name.partition('.')
    if not timm.is_model(base):
        raise ValueError(f'timm has no model {base!r}.{did_you_mean(base, timm.list_models())}')
    if tag and not timm.is_model_pretrained(name):
        known = timm.list_pretrained(f'{base}.*')
        raise ValueError(f'timm has no weights {name!r}; of {base} it has {", ".join(known)}.')
    try:
        network = _create(timm, name, pretrained, options)
    except OSError as error:
        raise OSError(
            f'The weights of timm:{name} could not be fetched from the model hub: '
            f'{str(error).splitlines()[0]} Without a network, fetch the file elsewhere and give '
            'its path as the checkpoint.'
        ) from error
    data = resolve_model_data_config(network)
    patch = getattr(getattr(network, 'patch_embed', None), 'patch_size', None)
    patch = patch if patch is None or isinstance(patch, int) else patch[0]
    return LoadedEncoder(
        network=network,
        source=f'timm:{name}',
        mean=tuple(255 * value for value in data['mean']),
        std=tuple(255 * value for value in data['std']),
        patch=patch,
        size=data['input_size'][-1],
        fixed_size=_is_fixed(network),
        multiple=patch or 1,
    )


def _create(timm: Any, name: str, pretrained: bool, options: dict[str, Any]) -> nn.Module:
    """Build a network that takes images of any size, where timm can make it so."""
    try:
        return timm.create_model(
            name, pretrained=pretrained, num_classes=0, **{'dynamic_img_size': True, **options}
        )
    except TypeError:  # a network that is not a vision transformer
        return timm.create_model(name, pretrained=pretrained, num_classes=0, **options)


def _is_fixed(network: nn.Module) -> bool:
    embed = getattr(network, 'patch_embed', None)
    return getattr(embed, 'strict_img_size', False) and not getattr(
        network, 'dynamic_img_size', False
    )

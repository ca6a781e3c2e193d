# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Weights that mmengine knows by name, such as ``torchvision://resnet50``: where they are."""

import os
from collections.abc import Callable, Mapping

from mmengine.runner import checkpoint

from mmdiffrep.utils.near_names import did_you_mean

_LISTS: dict[str, Callable[[], Mapping[str, str]]] = {
    'mmcls': checkpoint.get_mmcls_models,
    'modelzoo': checkpoint.get_torchvision_models,
    'open-mmlab': checkpoint.get_external_models,
    'openmmlab': checkpoint.get_external_models,
    'torchvision': checkpoint.get_torchvision_models,
}
PREFIXES = tuple(f'{scheme}://' for scheme in _LISTS)


def place_of(name: str) -> str:
    """Return the address or path of weights by their name with one of :data:`PREFIXES`.

    Raises:
        ValueError: mmengine does not know the name.
    """
    scheme, _, given = name.partition('://')
    known = _LISTS[scheme]()
    model = checkpoint.get_deprecated_model_names().get(given, given)
    if model not in known:
        raise ValueError(f'mmengine knows no weights {name!r}.{did_you_mean(given, known)}')
    place = known[model]
    if place.startswith(('http://', 'https://')):
        return place
    return os.path.join(checkpoint._get_mmengine_home(), place)

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Check what the diffusion models of a config are told of their images against the data."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from mmengine.config import Config

from mmdiffrep.utils.pixel_facts import (
    SPLITS,
    first_dataset,
    network_normalization,
    packed_pixels,
)
from mmdiffrep.utils.pixel_steps import Pixels, class_name

BACKBONES = ('DPMBackbone', 'FeedbackDPMBackbone')
DIFFUSION_MODELS = ('DDPM', 'EDM')  # trained on RGB, as they are exported


def check_inputs(cfg: Config) -> None:
    """Check the ``input`` of each ``DPMBackbone``, and that a diffusion model learns from RGB.

    Where the config leaves it unknown what its images are, what it tells is taken as it is.

    Args:
        cfg: A host's config.

    Raises:
        ValueError: Mean, std or channel order are not those of data set, pipeline and data
            preprocessor, or validation or test images are not what the training images are.
    """
    parts = list(_find(cfg.get('model'), 'model'))
    if not parts:
        return
    _check_splits(cfg)
    try:
        found = network_normalization(cfg, 'unknown')
    except ValueError:
        return
    gray = packed_pixels(first_dataset(cfg), cfg.get('default_scope')).order == 'gray'
    for where, part in parts:
        if class_name(part['type']) in BACKBONES:
            told = {'channel_order': 'rgb', **(part.get('input') or {})}
            where = f'{where}.input'
        else:
            told = dict(channel_order='rgb', mean=found['mean'], std=found['std'])
        wrong = [key for key in ('mean', 'std') if not same_numbers(told.get(key), found[key])]
        if told['channel_order'] != found['channel_order'] and not gray:
            wrong.append('channel_order')
        if wrong:
            raise ValueError(
                f'{where} takes images with '
                + ', '.join(f'{key}={told.get(key)!r}' for key in wrong)
                + '; data set, pipeline and data_preprocessor give '
                + ', '.join(f'{key}={found[key]!r}' for key in wrong)
            )


def _check_splits(cfg: Config) -> None:
    """Check that all splits pack the same: the model undoes one normalization."""
    found: dict[str, Pixels] = {}
    for split in SPLITS:
        loader = cfg.get(f'{split}_dataloader')
        dataset = loader.get('dataset') if isinstance(loader, Mapping) else None
        if isinstance(dataset, Mapping):
            pixels = packed_pixels(dataset, cfg.get('default_scope'))
            if pixels.order in ('rgb', 'bgr') and not pixels.values_unknown:
                found[split] = pixels
    for split, pixels in found.items():
        first, expected = next(iter(found.items()))
        same = same_numbers(pixels.mean, expected.mean) and same_numbers(pixels.std, expected.std)
        if pixels.order != expected.order or not same:
            raise ValueError(
                f'{split}_dataloader gives other images than {first}_dataloader: '
                f'{pixels.describe()}, not {expected.describe()}; make their pipelines alike'
            )


def same_numbers(first: Any, second: Any) -> bool:
    """Tell whether two means or standard deviations are equal up to rounding; None is itself."""
    first, second = _three(first), _three(second)
    if first is None or second is None:
        return first is second
    return bool(np.allclose(first, second, rtol=1e-6, atol=0))


def _three(values: Any) -> list[float] | None:
    if values is None:
        return None
    pixels = Pixels('rgb').normalized(values, [1.0])
    return list(pixels.mean or ())


def _find(node: Any, where: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Find the parts of a model's config that undo a normalization, with their keys."""
    if isinstance(node, Mapping):
        if 'type' in node and class_name(node['type']) in (*BACKBONES, *DIFFUSION_MODELS):
            yield where, node
        for key, child in node.items():
            yield from _find(child, f'{where}.{key}')
    elif isinstance(node, (list, tuple)):
        for index, child in enumerate(node):
            yield from _find(child, f'{where}.{index}')

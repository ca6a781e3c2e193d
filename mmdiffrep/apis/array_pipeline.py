# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The test pipeline of a config, for images that are in memory: all but what loads files."""

from collections.abc import Callable

import cv2
import numpy as np
from mmengine.config import Config

from mmdiffrep.utils.pixel_facts import channel_order_of, packed_pixels
from mmdiffrep.utils.pixel_steps import class_name

# From RGB to what a pipeline loads.
FROM_RGB: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    'rgb': np.ascontiguousarray,
    'bgr': lambda image: np.ascontiguousarray(image[..., ::-1]),
    'gray': lambda image: cv2.cvtColor(image, cv2.COLOR_RGB2GRAY),
}


def split_pipeline(cfg: Config) -> tuple[list[dict], list[dict]]:
    """Return what loads image and mask in the test pipeline, and what comes behind for images."""
    dataset = cfg.get('test_dataloader', {}).get('dataset', {})
    while 'dataset' in dataset:  # wrappers such as FewShotSubset
        dataset = dataset['dataset']
    if 'pipeline' not in dataset:
        raise ValueError(f'{cfg.filename} has no test_dataloader.dataset.pipeline')
    loading, following = [], []
    for step in dataset['pipeline']:
        name = class_name(step['type'])
        if name.startswith(('Load', 'Read')):
            loading.append(step)
        elif name != 'CheckSegMap':  # there is no mask
            following.append(step)
    return loading, following


def loaded_order(cfg: Config, loading: list[dict]) -> str:
    """Return the channel order of what a pipeline loads, ``'rgb'``, ``'bgr'`` or ``'gray'``.

    Raises:
        ValueError: It is unknown.
    """
    dataset = dict(pipeline=loading)
    if packed_pixels(dataset, cfg.get('default_scope')).order == 'gray':
        return 'gray'
    alone = {key: cfg[key] for key in ('default_scope', 'model', 'data_preprocessor') if key in cfg}
    alone['test_dataloader'] = dict(dataset=dataset)
    return channel_order_of(Config(alone), 'load images by LoadImageFromFile')

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Give an exported student the image that it was trained on: channel order, padding, size.

A data set may give arrays (CIFAR: RGB; drawn faces) or pad and resize before the pipeline. When a
config leaves its data set for image files, that goes into the exported pipeline and preprocessor.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import Compose, pseudo_collate
from mmengine.registry import DefaultScope
from torch import Tensor, nn

from mmdiffrep.utils.pixel_checks import same_numbers
from mmdiffrep.utils.pixel_facts import SWAPS, Source, network_normalization, source_of
from mmdiffrep.utils.pixel_steps import class_name

# What reads an image file in each host.
LOADERS = {'mmseg': 'LoadImageFromFile', 'mmpose': 'LoadImage', 'mmpretrain': 'LoadImageFromFile'}
ADVICE = (
    "say channel_order = 'rgb' or 'bgr' in the class of the data set or transform, or "
    'bgr_to_rgb=True (mmpretrain: to_rgb=True) in the data_preprocessor if images come as BGR'
)
_OURS = 'mmdiffrep.'
_DRAWN = 'mmdiffrep.Load'  # images of our loaders are drawn


def host_pipeline(cfg: Config, scope: str) -> list[dict[str, Any]]:
    """Return the test pipeline of a config, from an image file, with transforms of its host alone.

    Args:
        cfg: The training config.
        scope: The host.

    Raises:
        ValueError: There is no test pipeline, or the host cannot do what the data set does.
    """
    dataset, steps = _tested(cfg)
    pipeline: list[dict[str, Any]] = []
    for step in steps:
        ours = str(step['type']).startswith(_OURS)
        if not ours and class_name(step['type']) != 'LoadAnnotations':
            pipeline.append(dict(step))
        elif str(step['type']).startswith(_DRAWN):
            pipeline.append(dict(type=LOADERS[scope]))
    if not pipeline or class_name(pipeline[0]['type']) != LOADERS[scope]:
        pipeline.insert(0, dict(type=LOADERS[scope]))
    if scope == 'mmpose':  # which crops to its input size
        return pipeline
    return [pipeline[0], *_like_the_data_set(dataset, scope), *pipeline[1:]]


def adapt_channel_order(model: dict[str, Any], dataset: Mapping[str, Any], scope: str) -> None:
    """Swap channels in the preprocessor where the data set gives RGB, because files come as BGR.

    Args:
        model: Config of the model, which is changed.
        dataset: Config of the data set.
        scope: The host.
    """
    source = source_of(dataset)
    if source is None or source.order != 'rgb':
        return
    settings = model.setdefault('data_preprocessor', {})
    swapped = [flag for flag in SWAPS if settings.pop(flag, False)]
    if not swapped:
        settings['to_rgb' if scope == 'mmpretrain' else 'bgr_to_rgb'] = True


def check_normalization_is_kept(cfg: Config, exported: Config) -> None:
    """Check that the exported student is given the colors that it was trained on.

    Raises:
        ValueError: The channel order is unknown, or training and test differ in it.
    """
    trained, found = (network_normalization(part, ADVICE) for part in (cfg, exported))
    kept = all(same_numbers(trained[key], found[key]) for key in ('mean', 'std'))
    if not kept or trained['channel_order'] != found['channel_order']:
        raise ValueError(
            f'the student was trained on images with {trained}, but its test pipeline would give '
            f'it {found}: make train_dataloader and test_dataloader agree'
        )


def write_sample_image(cfg: Config, size: tuple[int, int], path: Path) -> np.ndarray:
    """Write an image file as the data set of a config could have it.

    Args:
        cfg: The training config.
        size: Height and width if the data set's images may have any.
        path: Of the file.

    Returns:
        The image, BGR uint8 (H, W, 3).
    """
    dataset, _ = _tested(cfg)
    source, side = source_of(dataset), _side_of(dataset)
    height, width = (side, side) if side else size
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    image = cv2.GaussianBlur(pixels, (5, 5), 0)
    if source and source.order == 'gray':
        image = image[..., :1].repeat(3, axis=2)
    cv2.imwrite(str(path), image)
    return image


@torch.no_grad()
def trained_pixels(
    cfg: Config, model: nn.Module, image: np.ndarray, meta: Mapping[str, Any]
) -> Tensor:
    """Return what the training config makes of an image for the network.

    Args:
        cfg: The training config.
        model: Its model, whose data preprocessor is used.
        image: BGR uint8 (H, W, 3); the data set's images are made of it.
        meta: Of the data set, from the checkpoint.

    Returns:
        (1, C, H, W), the tensor that the network gets.
    """
    dataset, steps = _tested(cfg)
    height, width = image.shape[:2]
    given = _as_the_data_set_gives(image, source_of(dataset))
    results = dict(
        img=given, img_path='', img_shape=given.shape[:2], ori_shape=given.shape[:2], **meta
    )
    scope = cfg.get('default_scope')
    if scope == 'mmpose':
        box = np.array([[0, 0, width, height]], np.float32)
        results.update(bbox=box, bbox_score=np.ones(1, np.float32))
    kept = [step for step in steps if not _needs_file_or_labels(step)]
    with DefaultScope.overwrite_default_scope(scope):
        packed = Compose(kept)(results)
    return model.data_preprocessor(pseudo_collate([packed]), False)['inputs'].cpu()


def _tested(cfg: Config) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the data set that is tested on, without wrappers, and its pipeline."""
    dataset = dict(cfg.get('test_dataloader', {}).get('dataset', {}))
    while isinstance(dataset.get('dataset'), Mapping):
        dataset = dataset['dataset']
    steps = dataset.get('pipeline') or cfg.get('test_pipeline')
    if not steps:
        raise ValueError(
            'The config has neither test_pipeline nor test_dataloader.dataset.pipeline.'
        )
    return {**dataset, 'pipeline': steps}, steps


def _like_the_data_set(dataset: Mapping[str, Any], scope: str) -> list[dict[str, Any]]:
    """Return the transforms that make of a file what the data set gives to its pipeline."""
    source, side = source_of(dataset), _side_of(dataset)
    steps = [dict(type='Resize', scale=(side, side))] if side else []
    if source is None or (source.padding == 0 and source.channels == 3):
        return steps
    if scope != 'mmpretrain':
        raise ValueError(
            f'{scope} has no transforms for what {class_name(dataset["type"])} does to its images '
            f'({source.padding} px of padding, {source.channels} channels)'
        )
    steps.append(dict(type='NumpyToPIL'))
    if source.padding:
        steps.append(dict(type='torchvision/Pad', padding=source.padding))
    if source.channels == 1:
        steps.append(dict(type='torchvision/Grayscale'))
    return [*steps, dict(type='PILToNumpy')]


def _side_of(dataset: Mapping[str, Any]) -> int | None:
    """Return the side of the images that a data set gives by itself, None if it reads files."""
    if source := source_of(dataset):
        return source.side
    drawn = any(str(step['type']).startswith(_DRAWN) for step in dataset.get('pipeline') or ())
    return dataset.get('image_size') if drawn else None


def _as_the_data_set_gives(image: np.ndarray, source: Source | None) -> np.ndarray:
    if source is None:
        return image
    if source.order == 'rgb':
        image = image[..., ::-1]
    if source.channels == 1:
        image = image[..., 0]
    pad = ((source.padding,) * 2,) * 2 + ((0, 0),) * (image.ndim - 2)
    return np.ascontiguousarray(np.pad(image, pad))


def _needs_file_or_labels(step: Mapping[str, Any]) -> bool:
    return class_name(step['type']).startswith('Load') or class_name(step['type']) == 'CheckSegMap'

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Refuse a segmentation map that does not fit its image or the classes."""

from collections.abc import Mapping

import cv2
import numpy as np
from mmengine.dataset import BaseDataset
from PIL import Image

from mmdiffrep.datasets.transforms.base import Transform
from mmdiffrep.registry import TRANSFORMS
from mmdiffrep.utils.checks import integer
from mmdiffrep.utils.image_files import is_sound, is_turned

# The last is mmcv's, of what OpenCV cannot decode.
LOADING_ERRORS = (OSError, SyntaxError, cv2.error, Image.DecompressionBombError, AssertionError)
"""Errors of a damaged image or mask, most of which do not name the file."""


@TRANSFORMS.register_module()
class CheckSegMap(Transform):
    """Check a loaded segmentation map; place it right after ``LoadAnnotations``.

    A wrong label is otherwise not counted by the metric, and stops a GPU kernel with an assertion
    that names neither the file nor the label; a mask of another size than its image passes
    ``Resize`` unseen; of labels with 16 bits the hosts keep the lower 8. The check takes 50
    microseconds for 512x512 pixels, and opens the file of each mask once per process.

    Reads ``gt_seg_map`` (H, W), ``ori_shape`` (H, W) and ``seg_map_path``; changes nothing.

    Args:
        num_classes: Number of classes: labels 0 to ``num_classes - 1`` are valid.
        ignore_index: The label that means "no class", valid as well. Default 255.

    Raises:
        ValueError: If the map has a label out of range, more than 8 bits per pixel, or not the size
            of the image file.
    """

    def __init__(self, num_classes: int, ignore_index: int = 255):
        self.num_classes = integer('num_classes', num_classes, 1)
        self.ignore_index = integer('ignore_index', ignore_index)
        self._depth_is_checked: set[str] = set()

    def transform(self, results: dict) -> dict:
        """Return ``results`` unchanged, or raise."""
        seg_map = results['gt_seg_map']
        shape = tuple(results['ori_shape'])
        if seg_map.shape != shape:
            raise ValueError(
                f'{results["seg_map_path"]}: the mask has shape {seg_map.shape}, its image '
                f'{results["img_path"]} has shape {shape}. Expected a mask of one label per image '
                f'pixel.{_reason(seg_map.shape, shape, results["img_path"])}'
            )
        self._check_depth(str(results['seg_map_path']))
        outside = (seg_map < 0) | (seg_map >= self.num_classes)
        wrong = outside & (seg_map != self.ignore_index)
        if wrong.any():
            found = [int(label) for label in np.unique(seg_map[wrong])]
            raise ValueError(
                f'{results["seg_map_path"]}: labels {found} are out of range '
                f'({int(wrong.sum())} pixels). Expected 0..{self.num_classes - 1}, or '
                f'{self.ignore_index} for pixels to ignore. Was the mask made for another set of '
                'classes, or saved as a color picture?'
            )
        return results

    def _check_depth(self, path: str) -> None:
        if path in self._depth_is_checked:
            return
        self._depth_is_checked.add(path)
        try:
            with Image.open(path) as mask:
                mode = mask.mode
        except OSError:  # not a local file
            return
        if mode[0] in 'IF':
            raise ValueError(
                f'{path} has pixels of more than 8 bits (mode {mode}), of which only the lower 8 '
                'would be read: save the labels with 8 bits'
            )

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(num_classes={self.num_classes}, '
            f'ignore_index={self.ignore_index})'
        )


def _reason(mask: tuple[int, ...], image: tuple[int, ...], img_path: str) -> str:
    """Return a hint why a mask does not have the size of its image."""
    if mask == image[::-1] and _is_turned(img_path):
        return (
            ' The image has an EXIF orientation, by which it is turned when it is loaded; its mask '
            'is not. Draw the mask on the turned image, or save the image upright without EXIF.'
        )
    if len(mask) == 3:
        return ' Was the mask saved as a color picture?'
    if image == tuple(2 * side for side in mask):
        return (
            ' CelebAMask-HQ comes with 1024x1024 images and 512x512 masks: '
            'tools/prepare_data/celebamask.py brings both to one size.'
        )
    return ''


def _is_turned(img_path: str) -> bool:
    try:
        with Image.open(img_path) as image:
            return is_turned(image)
    except OSError:  # not a local file
        return False


def check_masks_when_loaded(dataset: BaseDataset, num_classes: int) -> None:
    """Put a :class:`CheckSegMap` after every ``LoadAnnotations`` that has none.

    Args:
        dataset: A segmentation data set; its ``ignore_index`` is valid as well (default 255).
        num_classes: Number of classes.
    """
    from mmcv.transforms import LoadAnnotations  # the rest of this file needs no mmcv

    check = CheckSegMap(num_classes, getattr(dataset, 'ignore_index', 255))
    pipeline = getattr(getattr(dataset, 'pipeline', None), 'transforms', [])
    following = [*pipeline[1:], None]
    checked = []
    for transform, after in zip(pipeline, following):
        checked.append(transform)
        if isinstance(transform, LoadAnnotations) and not isinstance(after, CheckSegMap):
            checked.append(check)
    pipeline[:] = checked


def name_damaged_file(info: Mapping[str, object], error: Exception) -> ValueError:
    """Return the error of a sample that cannot be loaded, with the name of the damaged file."""
    paths = [str(info[key]) for key in ('img_path', 'seg_map_path') if info.get(key)]
    damaged = [path for path in paths if not is_sound(path)]
    named = ' and '.join(damaged or paths)
    return ValueError(f'{named} cannot be read: {error}. Is the file complete?')

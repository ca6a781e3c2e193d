# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""ToyFaces: any number of drawn faces for segmentation, landmarks, classification, or images."""

import os.path as osp
from collections.abc import Sequence
from typing import Any

from mmengine.config import Config
from mmengine.dataset import BaseDataset

from mmdiffrep.datasets.celebamask_classes import CELEBAMASK_CLASSES, CELEBAMASK_PALETTE
from mmdiffrep.datasets.toyfaces import ATTRIBUTES
from mmdiffrep.registry import DATASETS
from mmdiffrep.utils.checks import integer, one_of
from mmdiffrep.utils.versions import install_extra

SPLITS = ('train', 'val', 'test')
TASKS = ('image', 'seg', 'pose', 'cls')


def _pose_metainfo() -> dict[str, Any]:
    """Return WFLW's keypoint definition in the form of mmpose's heads, codecs and metrics."""
    try:
        import mmpose
        from mmpose.datasets.datasets.utils import parse_pose_metainfo
    except ImportError as error:
        raise ImportError(
            "ToyFacesDataset with task='pose' takes the landmark definition of WFLW from mmpose, "
            f'which cannot be imported. {install_extra("pose")}'
        ) from error
    folder = osp.join(osp.dirname(mmpose.__file__), '.mim', 'configs', '_base_', 'datasets')
    return parse_pose_metainfo(Config.fromfile(osp.join(folder, 'wflw.py')).dataset_info)


@DATASETS.register_module()
class ToyFacesDataset(BaseDataset):
    """Faces drawn on access, with exact labels and without files.

    A face is a function of (seed, split, index), the same on every machine and in every process.
    The first transform must be :class:`~mmdiffrep.datasets.transforms.LoadToyFace`; it replaces the
    host's ``LoadImageFromFile`` and ``LoadAnnotations``. The host's other transforms follow
    unchanged.

    ======== ============================ =========================================================
    task     host                         keys of the pipeline besides ``img``
    ======== ============================ =========================================================
    image    none (`mmdiffrep.DDPM`)      nothing
    seg      mmsegmentation               ``gt_seg_map`` with the 19 CelebAMask-HQ classes
    pose     mmpose, top-down             ``bbox``, ``keypoints`` (98, order of WFLW) and their
                                          visibility
    cls      mmpretrain                   ``gt_label``, the class of ``attribute``
    ======== ============================ =========================================================

    Args:
        split: ``'train'``, ``'val'`` or ``'test'``; no face is in two splits.
        num_images: Number of faces.
        image_size: Side of the images in pixels, at least 32. The drawing itself does not depend
            on it.
        task: Which labels to give: ``'image'``, ``'seg'``, ``'pose'`` or ``'cls'``.
        attribute: The attribute to classify, a key of
            :data:`~mmdiffrep.datasets.toyfaces.ATTRIBUTES`; for ``task='cls'`` only.
        seed: Another seed gives another collection of faces (all three splits).
        metainfo: Overrides entries of the dataset's meta information, but not the classes.
        indices: Use only these faces, or only the first N.
        pipeline: Transforms, see above.
        test_mode: As in mmengine's ``BaseDataset``.
        lazy_init: As in mmengine's ``BaseDataset``.
        serialize_data: As in mmengine's ``BaseDataset``.

    Raises:
        ValueError: If a split, task or attribute does not exist, a number is out of range, or
            ``metainfo`` sets classes.
        ImportError: If ``task='pose'`` and mmpose is not installed.
    """

    def __init__(
        self,
        split: str,
        num_images: int,
        image_size: int = 64,
        task: str = 'image',
        attribute: str | None = None,
        seed: int = 0,
        metainfo: dict | None = None,
        indices: int | Sequence[int] | None = None,
        pipeline: Sequence[dict | object] = (),
        test_mode: bool = False,
        lazy_init: bool = False,
        serialize_data: bool = True,
    ) -> None:
        one_of('split', split, SPLITS)
        one_of('task', task, TASKS)
        if task == 'cls':
            one_of('attribute', attribute, ATTRIBUTES)
        elif attribute is not None:
            raise ValueError(f"attribute={attribute!r} needs task='cls', got task={task!r}.")
        if 'classes' in (metainfo or {}):
            raise ValueError(
                'The labels of toy faces are fixed, so metainfo cannot set their classes: got '
                f'{metainfo["classes"]}.'
            )
        self.split = split
        self.num_images = integer('num_images', num_images, 1)
        self.image_size = integer('image_size', image_size, 32)
        self.task = task
        self.attribute = attribute
        self.collection = len(SPLITS) * integer('seed', seed, 0) + SPLITS.index(split)
        super().__init__(
            metainfo={**self._task_metainfo(), **(metainfo or {})},
            indices=indices,
            pipeline=list(pipeline),
            test_mode=test_mode,
            lazy_init=lazy_init,
            serialize_data=serialize_data,
        )

    def _task_metainfo(self) -> dict[str, Any]:
        if self.task == 'seg':
            return dict(
                classes=CELEBAMASK_CLASSES, palette=[list(rgb) for rgb in CELEBAMASK_PALETTE]
            )
        if self.task == 'pose':
            return _pose_metainfo()
        if self.task == 'cls':
            return dict(classes=ATTRIBUTES[self.attribute])
        return {}

    def _sample_fields(self) -> dict[str, Any]:
        """Return the fields that the host's transforms expect, equal for all faces."""
        if self.task == 'seg':
            return dict(
                classes=self.metainfo['classes'],
                label_map=None,
                reduce_zero_label=False,
                seg_fields=[],
            )
        if self.task == 'pose':
            names = (
                'dataset_name',
                'upper_body_ids',
                'lower_body_ids',
                'flip_pairs',
                'dataset_keypoint_weights',
                'flip_indices',
                'skeleton_links',
            )
            return {name: self.metainfo[name] for name in names}
        if self.task == 'cls':
            return dict(attribute=self.attribute)
        return {}

    def load_data_list(self) -> list[dict]:
        """List the faces: indices to draw, and an id of the form ``toyfaces/train/000012``."""
        return [
            dict(
                toyface=(self.collection, index),
                image_size=self.image_size,
                task=self.task,
                img_path=f'toyfaces/{self.split}/{index:06d}',
            )
            for index in range(self.num_images)
        ]

    def get_data_info(self, idx: int) -> dict:
        """Return the entry of face ``idx``, before it is drawn."""
        return {**super().get_data_info(idx), **self._sample_fields()}

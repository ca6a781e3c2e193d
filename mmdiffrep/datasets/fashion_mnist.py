# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Fashion-MNIST as 32 px color images, from the four files that it is published as."""

import gzip
import math
import os.path as osp
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from mmengine.dataset import BaseDataset

from mmdiffrep.registry import DATASETS
from mmdiffrep.utils.checks import of_shape, one_of

PADDING = 2  # 28 px become 32, which networks with several strides of 2 can halve


@DATASETS.register_module()
class FashionMNISTDataset(BaseDataset):
    """70,000 gray images of clothes in 10 classes, padded to 32 px and with three equal channels.

    mmpretrain's ``FashionMNIST`` gives the 28 px gray image, needs unpacked files and downloads
    what it does not find; this class reads the files as they are, packed or not, from any folder.

    Args:
        data_root (str): Folder of the four files. Defaults to the one of Debian's package
            ``dataset-fashion-mnist``.
        split (str): ``'train'`` (60,000 images, the default) or ``'test'`` (10,000).
        pipeline (sequence): Transforms; the first one gets ``img`` (32, 32, 3), uint8, and
            ``gt_label``.
        test_mode (bool): As in ``mmengine.BaseDataset``.
        indices (int or sequence of int, optional): As in ``mmengine.BaseDataset``: use only these
            images, or only the first ones.

    Raises:
        FileNotFoundError: A file is missing; says where to get it.
        ValueError: Unknown split, or a file that is damaged.
    """

    METAINFO: ClassVar[dict] = dict(
        classes=(
            'T-shirt/top',
            'Trouser',
            'Pullover',
            'Dress',
            'Coat',
            'Sandal',
            'Shirt',
            'Sneaker',
            'Bag',
            'Ankle boot',
        )
    )
    PREFIXES: ClassVar[dict] = dict(train='train', test='t10k')

    def __init__(
        self,
        data_root: str = '/usr/share/datasets/fashion-mnist',
        split: str = 'train',
        pipeline: Sequence[dict | object] = (),
        test_mode: bool = False,
        indices: int | Sequence[int] | None = None,
    ) -> None:
        self.split = one_of('split', split, self.PREFIXES)
        super().__init__(
            data_root=data_root, pipeline=list(pipeline), test_mode=test_mode, indices=indices
        )

    def load_data_list(self) -> list[dict]:
        """Return one ``dict(img, gt_label)`` for each image, as stored."""
        prefix = self.PREFIXES[self.split]
        images = _read_idx(osp.join(self.data_root, f'{prefix}-images-idx3-ubyte'))
        labels = _read_idx(osp.join(self.data_root, f'{prefix}-labels-idx1-ubyte'))
        of_shape(f'images in {self.data_root}', images, 'N', 'H', 'W')
        of_shape(f'labels in {self.data_root}, one per image,', labels, len(images))
        return [dict(img=image, gt_label=int(label)) for image, label in zip(images, labels)]

    def get_data_info(self, idx: int) -> dict:
        """Return one image, padded and with three channels, and its label."""
        info = super().get_data_info(idx)
        image = np.pad(info['img'], PADDING)
        info['img'] = np.repeat(image[..., None], 3, axis=2)
        info['img_shape'] = info['ori_shape'] = image.shape
        return info


def _read_idx(path: str) -> np.ndarray:
    """Read an array of bytes in the idx format, packed by gzip (with ``.gz``) or not."""
    found = next((file for file in (path, f'{path}.gz') if osp.isfile(file)), None)
    if found is None:
        raise FileNotFoundError(
            f'there is no file {path!r} (or {path}.gz): install the Debian package '
            'dataset-fashion-mnist, or fetch the four files from '
            'https://github.com/zalandoresearch/fashion-mnist and set data_root to their folder'
        )
    try:
        with (gzip.open if found.endswith('.gz') else open)(found, 'rb') as file:
            content = file.read()
    except (OSError, EOFError) as error:
        raise ValueError(f'{found!r} is damaged: {error}') from error
    # Two zero bytes, the type (8: bytes), the number of axes, the lengths, the values.
    start = 4 + 4 * content[3] if content[:3] == b'\0\0\x08' and len(content) > 3 else 0
    shape = np.frombuffer(content[4:start], '>u4').tolist() if start <= len(content) else []
    values = content[start:]
    if not shape or len(values) != math.prod(shape):
        raise ValueError(f'{found!r} is not a complete file of bytes in the idx format')
    return np.frombuffer(values, np.uint8).reshape(shape)

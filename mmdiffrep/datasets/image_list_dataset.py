# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Images without labels, from a folder and an optional list of names."""

import os.path as osp
from collections.abc import Sequence

from mmengine.fileio import list_dir_or_file

from mmdiffrep.datasets.names_damaged_files import NamesDamagedFiles
from mmdiffrep.registry import DATASETS
from mmdiffrep.utils.existing_files import require_file, require_files
from mmdiffrep.utils.text_file import read_names


@DATASETS.register_module()
class ImageListDataset(NamesDamagedFiles):
    """Images of one folder, in the order of a list file or of their names.

    Args:
        data_root: Folder that ``ann_file`` and ``img_dir`` are relative to.
        ann_file: Text file with one image name per line, with or without a suffix. Defaults to
            ``''``: all images below ``img_dir``, sorted.
        img_dir: Folder of the images inside ``data_root``. Defaults to ``''``.
        img_suffixes: Suffixes of images in lower case; the first is appended to names that have
            none of them. Defaults to ``('.jpg', '.jpeg', '.png')``.
        pipeline: Transforms; the first one gets ``img_path``.
        test_mode: As in ``mmengine.BaseDataset``.
        indices: As in ``mmengine.BaseDataset``: use only these images, or only the first ones.

    Raises:
        FileNotFoundError: If the folder, the list or a listed image is missing.
        ValueError: If there is no image.
    """

    def __init__(
        self,
        data_root: str = '',
        ann_file: str = '',
        img_dir: str = '',
        img_suffixes: Sequence[str] = ('.jpg', '.jpeg', '.png'),
        pipeline: Sequence[dict | object] = (),
        test_mode: bool = False,
        indices: int | Sequence[int] | None = None,
    ) -> None:
        self.img_suffixes = tuple(img_suffixes)
        super().__init__(
            data_root=data_root,
            ann_file=ann_file,
            data_prefix=dict(img_path=img_dir),
            pipeline=list(pipeline),
            test_mode=test_mode,
            indices=indices,
        )

    def load_data_list(self) -> list[dict]:
        """Return one ``dict(img_path=...)`` for each image."""
        folder = self.data_prefix['img_path'] or self.data_root or '.'
        if not osp.isdir(folder):
            raise FileNotFoundError(
                f'there is no image folder {folder!r}: set data_root (and img_dir) of the dataset, '
                'for instance with --cfg-options train_dataloader.dataset.data_root=...'
            )
        names = self._names(folder)
        if not names:
            raise ValueError(
                f'no image with a suffix of {self.img_suffixes} in {folder!r}: check data_root and '
                'img_dir'
            )
        paths = [osp.join(folder, name) for name in names]
        require_files(paths, self.ann_file or folder)
        return [dict(img_path=path) for path in paths]

    def _names(self, folder: str) -> list[str]:
        if not self.ann_file:
            found = list_dir_or_file(folder, list_dir=False, recursive=True)
            return sorted(name for name in found if name.lower().endswith(self.img_suffixes))
        return [
            name if name.lower().endswith(self.img_suffixes) else name + self.img_suffixes[0]
            for name in read_names(require_file(self.ann_file))
        ]

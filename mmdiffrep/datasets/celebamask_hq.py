# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""CelebAMask-HQ: 30,000 faces with 19 classes, as an mmseg dataset."""

import os
from pathlib import Path
from typing import Any, ClassVar

from mmengine.fileio import LocalBackend, get_file_backend

from mmdiffrep.datasets.celebamask_classes import CELEBAMASK_CLASSES, CELEBAMASK_PALETTE
from mmdiffrep.datasets.checked_seg_dataset import CheckedSegDataset
from mmdiffrep.registry import DATASETS
from mmdiffrep.utils.existing_files import require_file, require_files
from mmdiffrep.utils.text_file import read_names

HOW_TO_PREPARE = (
    'Get the data set from https://github.com/switchablenorms/CelebAMask-HQ (non-commercial '
    'research only), then run\n'
    '    python tools/prepare_data/celebamask.py DOWNLOADED_FOLDER --out {data_root}\n'
    'or set data_root to where you have it; docs/data_preparation.md shows the layout.'
)


@DATASETS.register_module()
class CelebAMaskHQDataset(CheckedSegDataset):
    """Face parsing with the 19 CelebAMask-HQ classes in their official order.

    The layout is what ``tools/prepare_data/celebamask.py`` writes::

        data_root
        ├── images/NAME.jpg      RGB
        ├── masks/NAME.png       the image's size, label 0..18 per pixel (255: ignored)
        ├── train.txt            one NAME per line, blanks allowed inside
        ├── val.txt
        └── test.txt

    The official RepFusion code has 18 class names for masks with labels 0..18: its names are
    shifted by one and label 18 is out of range. Here the classes are either all 19 (the usual
    face-parsing setting), or 18 with the background ignored.

    Args:
        data_root: Folder of the layout above.
        ann_file: The split's list, relative to ``data_root``. Default ``'train.txt'``; ``''``
            takes all images.
        data_prefix: Folders of the images and masks, relative to ``data_root``. Default
            ``dict(img_path='images', seg_map_path='masks')``; ``seg_map_path=None`` is for images
            without masks.
        ignore_background: Drop the class ``background``: its pixels become 255, and the labels of
            the 18 parts become 0..17. Default False. Give the model ``num_classes=18`` then.
        metainfo: As in mmseg; ``metainfo=dict(classes=[...])`` keeps a subset of the classes and
            ignores the pixels of the others.
        **kwargs: Further arguments of ``mmseg.BaseSegDataset``, such as ``pipeline`` and
            ``indices``; unknown ones are refused there.

    Raises:
        FileNotFoundError: If ``data_root``, the list, or a listed file is missing.
        ValueError: For ``reduce_zero_label=True``, which would shift the labels against the names.
    """

    METAINFO: ClassVar[dict[str, Any]] = {
        'classes': CELEBAMASK_CLASSES,
        'palette': [list(color) for color in CELEBAMASK_PALETTE],
    }

    def __init__(
        self,
        data_root: str,
        ann_file: str = 'train.txt',
        data_prefix: dict[str, str | None] | None = None,
        ignore_background: bool = False,
        metainfo: dict[str, Any] | None = None,
        reduce_zero_label: bool = False,
        **kwargs: Any,
    ) -> None:
        if reduce_zero_label:
            raise ValueError(
                'CelebAMaskHQDataset has the background as class 0, so reduce_zero_label=True '
                'would shift all labels against their names. Use ignore_background=True for the '
                '18 parts without the background.'
            )
        if ignore_background:
            metainfo = dict(metainfo or {})
            classes = metainfo.get('classes', CELEBAMASK_CLASSES)
            metainfo['classes'] = tuple(name for name in classes if name != 'background')
        super().__init__(
            data_root=data_root,
            ann_file=ann_file,
            data_prefix=data_prefix or dict(img_path='images', seg_map_path='masks'),
            metainfo=metainfo,
            **kwargs,
        )

    def load_data_list(self) -> list[dict[str, Any]]:
        """List the split's files, after checking that they are there (local folders only)."""
        backend = get_file_backend(self.data_root, backend_args=self.backend_args)
        if not isinstance(backend, LocalBackend):
            return super().load_data_list()
        self._check_root_and_list()
        data_list = self._listed() if self.ann_file else super().load_data_list()
        paths = [info.get(key) for info in data_list for key in ('img_path', 'seg_map_path')]
        require_files(
            [path for path in paths if path is not None],
            self.ann_file or 'the images',
            HOW_TO_PREPARE.format(data_root=self.data_root),
        )
        return data_list

    def _listed(self) -> list[dict[str, Any]]:
        names = self.first_names(read_names(self.ann_file), self.ann_file)
        folder, masks = self.data_prefix['img_path'], self.data_prefix.get('seg_map_path')
        return [
            self.sample(
                os.path.join(folder, name + self.img_suffix),
                masks and os.path.join(masks, name + self.seg_map_suffix),
            )
            for name in names
        ]

    def _check_root_and_list(self) -> None:
        root = Path(self.data_root)
        advice = HOW_TO_PREPARE.format(data_root=root)
        if not root.is_dir():
            raise FileNotFoundError(
                f'CelebAMask-HQ: the data root {root} does not exist (looked for '
                f'{root.absolute()}). {advice}'
            )
        folders = [Path(folder) for folder in self.data_prefix.values()]
        missing = [str(folder) for folder in folders if not folder.is_dir()]
        if missing:
            raise FileNotFoundError(
                f'CelebAMask-HQ: {" and ".join(missing)} missing in the data root {root}. {advice}'
            )
        if self.ann_file:
            lists = sorted(path.name for path in root.glob('*.txt')) or 'none'
            require_file(self.ann_file, f'Lists in {root}: {lists}. {advice}')

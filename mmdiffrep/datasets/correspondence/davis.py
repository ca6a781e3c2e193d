# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""DAVIS 2016 and 2017: videos with the mask of every frame."""

from pathlib import Path
from typing import Any, ClassVar

from mmengine.dataset import BaseDataset
from mmengine.structures import BaseDataElement

from mmdiffrep.registry import DATASETS
from mmdiffrep.utils.existing_files import require_file, require_files
from mmdiffrep.utils.text_file import read_names


@DATASETS.register_module()
class DAVIS(BaseDataset):
    """Videos whose first mask is given and whose other masks are to be found.

    The layout of the published archives::

        data_root
        ├── JPEGImages/480p/<sequence>/00000.jpg
        ├── Annotations/480p/<sequence>/00000.png     palette of objects, or 0 and 255 (2016)
        └── ImageSets/2017/val.txt                    one sequence per line

    An item is a sequence: the data sample holds ``sequence``, ``frames`` and ``masks``, the paths
    of its images and annotations. Images are read by the model, one at a time.

    Args:
        data_root: The folder.
        ann_file: The list of sequences. Default ``'ImageSets/2017/val.txt'``.
        resolution: Folder of the images. Default ``'480p'``.
        max_frames: Read only the first frames of each sequence, this many. Default None: all.

    Raises:
        FileNotFoundError: The list, a sequence or an annotation is not there.
    """

    METAINFO: ClassVar[dict[str, Any]] = dict(dataset_type='davis')

    def __init__(
        self,
        data_root: str,
        ann_file: str = 'ImageSets/2017/val.txt',
        resolution: str = '480p',
        max_frames: int | None = None,
    ) -> None:
        self.resolution = resolution
        self.max_frames = max_frames
        super().__init__(data_root=data_root, ann_file=ann_file, serialize_data=False)

    def load_data_list(self) -> list[dict[str, Any]]:
        """List the sequences with their files."""
        return [self._sequence(name) for name in read_names(require_file(self.ann_file))]

    def _sequence(self, name: str) -> dict[str, Any]:
        root = Path(self.data_root)
        frames = sorted((root / 'JPEGImages' / self.resolution / name).glob('*.jpg'))
        frames = frames[: self.max_frames]
        if len(frames) < 2:
            raise FileNotFoundError(
                f'DAVIS: the sequence {name} has {len(frames)} images in '
                f'{root / "JPEGImages" / self.resolution / name}.'
            )
        folder = root / 'Annotations' / self.resolution / name
        masks = [folder / f'{frame.stem}.png' for frame in frames]
        require_files(masks, f'the sequence {name}')
        return dict(sequence=name, frames=[str(f) for f in frames], masks=[str(m) for m in masks])

    def prepare_data(self, idx: int) -> dict[str, Any]:
        """Return the paths of a sequence."""
        info = self.get_data_info(idx)
        keys = ('sequence', 'frames', 'masks')
        sample = BaseDataElement(metainfo={key: info[key] for key in keys})
        return dict(inputs=dict(sequence=info['sequence']), data_samples=sample)

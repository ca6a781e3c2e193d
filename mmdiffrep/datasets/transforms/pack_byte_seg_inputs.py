# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Segmentation labels that stay bytes until they are on the device."""

import torch
from mmengine.structures import PixelData
from mmseg.datasets.transforms import PackSegInputs

from mmdiffrep.registry import TRANSFORMS


class ByteLabels(PixelData):
    """Labels of type uint8. Moved with ``to``, they become int64, the type that losses take.

    Every ``data_preprocessor`` moves its data so, on a CPU as well.
    """

    def to(self, *args, **kwargs) -> PixelData:
        """Move the labels and return them as int64, unless ``to`` was given another type."""
        moved = PixelData(metainfo=dict(self.metainfo_items()))
        for name, value in super().to(*args, **kwargs).items():
            is_bytes = isinstance(value, torch.Tensor) and value.dtype == torch.uint8
            setattr(moved, name, value.long() if is_bytes else value)
        return moved


@TRANSFORMS.register_module()
class PackByteSegInputs(PackSegInputs):
    """mmseg's ``PackSegInputs`` with an eighth of the label bytes between a worker and the device.

    ``gt_sem_seg`` (1, H, W) is uint8 until the ``data_preprocessor`` of the model moves it, and
    int64, as mmseg has it from the beginning, afterwards. Labels outside 0..255 are int64
    throughout. The arguments are those of ``PackSegInputs``.
    """

    def transform(self, results: dict) -> dict:
        """Pack one sample."""
        packed = super().transform(results)
        sample = packed['data_samples']
        if 'gt_sem_seg' in sample:
            labels = sample.gt_sem_seg.data
            if labels.numel() and int(labels.min()) >= 0 and int(labels.max()) <= 255:
                sample.gt_sem_seg = ByteLabels(data=labels.to(torch.uint8))
        return packed

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Mean IoU in two variants: mmseg's, and the one of DDPM-Seg's code."""

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.logging import MMLogger, print_log
from mmseg.evaluation import IoUMetric
from prettytable import PrettyTable

from mmdiffrep.registry import METRICS


@METRICS.register_module()
class DDPMSegIoU(IoUMetric):
    """mmseg's ``IoUMetric``, and the mean IoU as DDPM-Seg counts it.

    Both sum intersections and unions over all images. DDPM-Seg's variant (``compute_iou`` in
    ``src/pixel_classifier.py``) differs in two points:

    - ignored pixels count: a prediction there is a false positive of the predicted class. That
      lowers the result most where many pixels are ignored, as in bedroom_28;
    - a class that neither occurs nor is predicted counts as 0; mmseg leaves it out.

    The results are ``mIoU`` (mmseg) and ``mIoU_count_ignored`` (DDPM-Seg), both in percent; for
    each a table of all classes is printed.

    Args:
        ignore_index (int): The label of ignored pixels. Defaults to 255.
        collect_device (str): As in ``IoUMetric``.
        output_dir (str, optional): As in ``IoUMetric``.
        prefix (str, optional): As in ``IoUMetric``.
    """

    def __init__(
        self,
        ignore_index: int = 255,
        collect_device: str = 'cpu',
        output_dir: str | None = None,
        prefix: str | None = None,
    ) -> None:
        super().__init__(
            ignore_index=ignore_index,
            collect_device=collect_device,
            output_dir=output_dir,
            prefix=prefix,
        )

    def process(self, data_batch: dict[str, Any], data_samples: Sequence[dict[str, Any]]) -> None:
        """Add to mmseg's four areas per image the areas predicted on ignored pixels.

        Raises:
            ValueError: Mask and prediction differ in size.
        """
        num_classes = len(self.dataset_meta['classes'])
        for sample in data_samples:
            _check_size(sample)
        before = len(self.results)
        super().process(data_batch, data_samples)
        for offset, sample in enumerate(data_samples):
            predicted = sample['pred_sem_seg']['data'].squeeze()
            ignored = sample['gt_sem_seg']['data'].squeeze().to(predicted) == self.ignore_index
            extra = predicted[ignored].flatten().bincount(minlength=num_classes).cpu()
            self.results[before + offset] = (*self.results[before + offset], extra)

    def compute_metrics(self, results: list[tuple]) -> dict[str, float]:
        """Compute both variants from the areas of all images."""
        metrics = super().compute_metrics([areas[:4] for areas in results])
        intersection, union, _, _, extra = (sum(areas) for areas in zip(*results))
        ious = 100 * intersection.double() / (union + extra).clamp(min=1)
        table = PrettyTable(['Class', 'IoU, ignored pixels counted'])
        for name, iou in zip(self.dataset_meta['classes'], ious.tolist()):
            table.add_row([name, f'{iou:.2f}'])
        print_log(f'\n{table.get_string()}', logger=MMLogger.get_current_instance())
        return {**metrics, 'mIoU_count_ignored': round(torch.mean(ious).item(), 2)}


def _check_size(sample: dict[str, Any]) -> None:
    predicted, truth = (
        tuple(sample[key]['data'].squeeze().shape) for key in ('pred_sem_seg', 'gt_sem_seg')
    )
    if predicted != truth:
        raise ValueError(
            f'{sample.get("img_path") or "an image"}: its prediction has shape {predicted}, its '
            f'mask {truth}. Predictions have the size of the image file, unless '
            "dict(type='mmdiffrep.ForgetOriginalSize') follows Resize in the test pipeline: add "
            'it, or move LoadAnnotations behind Resize'
        )

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The normalized mean error of landmarks on a whole test set and on its subsets, in one run."""

import json
from collections.abc import Sequence
from typing import Any

from mmengine.logging import MessageHub

from mmdiffrep.evaluation.visible_nme import VisibleNME
from mmdiffrep.registry import METRICS
from mmdiffrep.utils.existing_files import require_file
from mmdiffrep.utils.text_file import read_text


@METRICS.register_module()
class SubsetNME(VisibleNME):
    """``NME`` of all faces and of the faces with an attribute, such as a large pose.

    The attributes are read from the annotations of the test set: ``"attributes": {"largepose": 1,
    "blur": 0, ...}`` in each of them (``tools/prepare_data/wflw.py`` writes them). The results are
    ``NME`` and, for every attribute that a tested face has, ``NME/<attribute>``. WFLW has six:
    ``largepose``, ``expression``, ``illumination``, ``makeup``, ``occlusion`` and ``blur``.

    Args:
        norm_mode (str): As in ``NME``. Defaults to ``'keypoint_distance'``: relative to the
            distance of two keypoints, which on WFLW are the outer eye corners.
        ann_file (str, optional): json with the attributes. Defaults to None: the file of
            the data set under test (``test_mode=True``).
        **kwargs: Further arguments of ``NME``, such as ``norm_item`` and ``keypoint_indices``;
            unknown ones are refused there.

    Raises:
        FileNotFoundError: ``ann_file`` does not exist.
        ValueError: Its annotations have no attributes, or a tested face is not among them.
    """

    def __init__(
        self, norm_mode: str = 'keypoint_distance', ann_file: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(norm_mode=norm_mode, **kwargs)
        self.ann_file = ann_file
        self._attributes = None if ann_file is None else read_attributes(ann_file)

    def process(self, data_batch: Sequence[dict], data_samples: Sequence[dict]) -> None:
        """Collect the errors of a batch, each with the attributes of its face."""
        if self._attributes is None:
            self.ann_file = self._file_of_the_dataset()
            self._attributes = read_attributes(self.ann_file)
        start = len(self.results)
        super().process(data_batch, data_samples)
        for result, sample in zip(self.results[start:], data_samples):
            if sample['id'] not in self._attributes:
                raise ValueError(
                    f'SubsetNME: {self.ann_file} has no annotation with the id {sample["id"]}; is '
                    'it the file of the data set under test?'
                )
            result['attributes'] = self._attributes[sample['id']]

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        """Return ``NME`` and ``NME/<attribute>`` from what all processes collected."""
        metrics = super().compute_metrics(results)
        for name in dict.fromkeys(name for result in results for name in result['attributes']):
            subset = [result for result in results if name in result['attributes']]
            metrics[f'NME/{name}'] = super().compute_metrics(subset)['NME']
        return metrics

    def _file_of_the_dataset(self) -> str:
        # mmpose's data sets leave it there in test mode, for its own CocoMetric.
        name = self.dataset_meta['dataset_name']
        ann_file = MessageHub.get_current_instance().get_info(f'{name}_ann_file')
        if ann_file is None:
            raise ValueError(
                f'SubsetNME: the annotations of the data set {name!r} are unknown; give the '
                'evaluator ann_file=..., or the data set test_mode=True'
            )
        return ann_file


def read_attributes(ann_file: str) -> dict[int, list[str]]:
    """Return the names of the attributes that are set, in the file's order, by annotation id."""
    try:
        content = json.loads(read_text(require_file(ann_file)))
    except json.JSONDecodeError as error:
        raise ValueError(f'SubsetNME: {ann_file} is not a complete json: {error}') from error
    annotations = content.get('annotations') if isinstance(content, dict) else None
    if not annotations or any('attributes' not in annotation for annotation in annotations):
        raise ValueError(
            f"SubsetNME: the annotations in {ann_file} have no 'attributes'. For WFLW, write the "
            'file with tools/prepare_data/wflw.py; for data without attributes use VisibleNME'
        )
    return {
        annotation['id']: [name for name, given in annotation['attributes'].items() if given]
        for annotation in annotations
    }

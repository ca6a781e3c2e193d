# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Estimate homographies between image pairs, so that ``tools/test.py`` evaluates them."""

from typing import Any

import numpy as np
from mmengine.model import BaseModel
from mmengine.structures import BaseDataElement
from torch import Tensor

from mmdiffrep.matching.homography import METHODS, estimate_homography
from mmdiffrep.matching.images import image_size
from mmdiffrep.matching.keypoints import keypoint_vectors
from mmdiffrep.matching.mutual import METRICS, mutual_nearest
from mmdiffrep.models.matchers.image_maps import ImageMaps
from mmdiffrep.models.matchers.point_matcher import build_matcher
from mmdiffrep.registry import MODELS
from mmdiffrep.utils.checks import one_of, positive


@MODELS.register_module()
class HomographyMatcher(BaseModel):
    """Matches keypoints by mutual nearest neighbors and fits a homography, without training.

    It adds to every data sample ``pred_homography``, (3, 3) or None, for
    :class:`~mmdiffrep.evaluation.HomographyAccuracy`, and the matched ``pred_source_points`` and
    ``pred_target_points``.

    Args:
        matcher: As in :class:`~mmdiffrep.models.matchers.PointMatcher`. With
            ``kind='same_position'`` the homography scales the source to the size of the target:
            the baseline without features.
        metric: ``'cosine'`` (official with Stable Diffusion) or ``'l2'`` (with ADM).
        method: ``'lmeds'`` (official with Stable Diffusion) or ``'ransac'`` (with ADM).
        threshold: Largest error of an inlier of RANSAC in pixels. Default 3 (official).
        cache_size: See :class:`~mmdiffrep.models.matchers.ImageMaps`.
        bank: See :class:`~mmdiffrep.models.matchers.ImageMaps`.

    Raises:
        ValueError: An unknown kind, argument, metric or method.
    """

    def __init__(
        self,
        matcher: dict[str, Any],
        metric: str = 'cosine',
        method: str = 'lmeds',
        threshold: float = 3.0,
        cache_size: int = 8,
        bank: str | None = None,
    ) -> None:
        super().__init__()
        built = build_matcher(matcher)
        self.maps = None if built is None else ImageMaps(built, cache_size, bank)
        self.metric = one_of('metric', metric, METRICS)
        self.method = one_of('method', method, tuple(METHODS))
        self.threshold = positive('threshold', threshold)

    def forward(
        self,
        inputs: dict[str, list[Tensor]],
        data_samples: list[BaseDataElement],
        mode: str = 'predict',
    ) -> list[BaseDataElement]:
        """Estimate the homographies of a batch of pairs.

        Args:
            inputs: Lists ``source`` and ``target`` of RGB uint8 images (3, H, W).
            data_samples: Keypoints of the pairs.
            mode: ``'predict'``, the only mode: there is nothing to train.
        """
        if mode != 'predict':
            raise NotImplementedError(
                f"HomographyMatcher has the mode 'predict' only, got {mode!r}."
            )
        for source, target, sample in zip(inputs['source'], inputs['target'], data_samples):
            self._match(source, target, sample)
        return data_samples

    def _match(self, source: Tensor, target: Tensor, sample: BaseDataElement) -> None:
        sizes = image_size(source), image_size(target)
        if self.maps is None:
            scale_y, scale_x = (sizes[1][i] / sizes[0][i] for i in (0, 1))
            sample.set_metainfo(dict(pred_homography=np.diag([scale_x, scale_y, 1.0])))
            return
        points = sample.source_keypoints, sample.target_keypoints
        vectors = [
            keypoint_vectors(value, chosen, size)
            for value, chosen, size in zip(self.maps(source, target), points, sizes)
        ]
        pairs, _ = mutual_nearest(*vectors, metric=self.metric)
        matched = [chosen[pairs[:, side].to(chosen.device)] for side, chosen in enumerate(points)]
        matrix = estimate_homography(
            matched[0].cpu().numpy(), matched[1].cpu().numpy(), self.method, self.threshold
        )
        sample.set_metainfo(dict(pred_homography=matrix))
        sample.pred_source_points, sample.pred_target_points = matched

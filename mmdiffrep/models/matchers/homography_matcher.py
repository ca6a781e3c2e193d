# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Estimate homographies between image pairs, so that ``tools/test.py`` evaluates them."""

from typing import Any

import numpy as np
from mmengine.structures import BaseDataElement
from torch import Tensor

from mmdiffrep.matching.homography import METHODS, estimate_homography
from mmdiffrep.matching.images import image_size
from mmdiffrep.matching.keypoints import keypoint_vectors
from mmdiffrep.matching.mutual import METRICS, mutual_nearest
from mmdiffrep.models.matchers.pair_matcher import PairMatcher
from mmdiffrep.registry import MODELS
from mmdiffrep.utils.checks import one_of, positive


@MODELS.register_module()
class HomographyMatcher(PairMatcher):
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
        super().__init__(matcher, cache_size, bank)
        self.metric = one_of('metric', metric, METRICS)
        self.method = one_of('method', method, tuple(METHODS))
        self.threshold = positive('threshold', threshold)

    def match(self, source: Tensor, target: Tensor, sample: BaseDataElement) -> None:
        """Add the homography of a pair, and the keypoints that it was fitted to."""
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

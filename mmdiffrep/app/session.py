# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""What the page works on: two images, a model, and the maps that were read of them."""

import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from mmdiffrep.app.strokes import Stroke, segment_strokes
from mmdiffrep.diffusion.denoisers import load_denoiser
from mmdiffrep.diffusion.denoisers.feature_model import FeatureModel
from mmdiffrep.matching.images import load_image
from mmdiffrep.matching.matcher import JOINED_TAPS, CorrespondenceMatcher
from mmdiffrep.matching.nearest import Size, nearest, sample_vectors, similarity_maps
from mmdiffrep.matching.points import check_points
from mmdiffrep.models.heads.ensemble_vote import EnsemblePrediction
from mmdiffrep.utils.checks import integer, one_of, within
from mmdiffrep.visualization.feature_colors import feature_colors

JOINED = 'joined'
SIDES = ('source', 'target')
MAX_DRAWS = 16
_KEPT = 16  # maps in memory


class Reading(NamedTuple):
    """What is read of the model.

    Attributes:
        tap: Name of a tap, or ``'joined'``: several taps, as `CorrespondenceMatcher` joins them.
        timestep: Of the model's schedule.
        draws: Noise draws that are averaged.
    """

    tap: str
    timestep: int
    draws: int = 1


class PageSession:
    """Answers what the page asks; one request at a time uses the model.

    Args:
        model: See :class:`~mmdiffrep.matching.CorrespondenceMatcher`; it is loaded whole, so that
            every tap can be chosen.
        source: RGB uint8 (H, W, 3).
        target: RGB uint8 (H, W, 3).
        size: Side that images are resized to; None: what the model was trained at.
        device: Where the model runs; None: the CPU.
    """

    def __init__(
        self,
        model: str | dict[str, Any] | FeatureModel,
        source: np.ndarray,
        target: np.ndarray,
        size: int | None = None,
        device: str | None = None,
    ) -> None:
        self.denoiser = model if isinstance(model, FeatureModel) else load_denoiser(model)
        self.images = dict(source=source, target=target)
        self.size = size
        self.device = device
        self.taps = [name for name in self.denoiser.taps if not name.startswith('module:')]
        if set(JOINED_TAPS) <= set(self.taps):
            self.taps.insert(0, JOINED)
        self._lock = threading.Lock()
        self._maps: OrderedDict[tuple[str, Reading], Tensor] = OrderedDict()

    @property
    def num_timesteps(self) -> int:
        """Number of timesteps of the schedule."""
        return self.denoiser.schedule.num_timesteps

    def set_image(self, side: str, image: np.ndarray) -> None:
        """Put another image in the place of the source or the target."""
        one_of('side', side, SIDES)
        with self._lock:
            self.images[side] = image
            for key in [key for key in self._maps if key[0] == side]:
                del self._maps[key]

    def match(
        self, points: Sequence[Sequence[float]], reading: Reading
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Match points of the source.

        Args:
            points: (x, y) each, in pixels of the source.
            reading: What to compare.

        Returns:
            Points (K, 2) of the target, similarities (K,), and the similarity (H, W) of the last
            point with the target.

        Raises:
            ValueError: No points, or points outside the source.
        """
        with self._lock:
            sizes = self._image_size('source'), self._image_size('target')
            checked = check_points(points, sizes[0])
            if not len(checked):
                raise ValueError('Click into the left picture first.')
            maps = self._map('source', reading), self._map('target', reading)
            found, similarity = nearest(*maps, checked, *sizes)
            vectors = sample_vectors(maps[0], checked[-1:], sizes[0])
            return found, similarity, similarity_maps(vectors, maps[1], sizes[1])[0]

    def colors(self, reading: Reading) -> list[np.ndarray]:
        """Return the features of both images as colors, RGB uint8 (h, w, 3)."""
        with self._lock:
            return feature_colors([self._map(side, reading) for side in SIDES])

    def segment(self, strokes: Sequence[Stroke], reading: Reading) -> list[EnsemblePrediction]:
        """Segment both images by strokes on the source.

        Raises:
            ValueError: Strokes of fewer than two labels, or outside the source.
        """
        with self._lock:
            size = self._image_size('source')
            for stroke in strokes:
                check_points(stroke.points, size)
            maps = [self._map(side, reading) for side in SIDES]
            return segment_strokes(strokes, maps[0], size, maps)

    def _image_size(self, side: str) -> Size:
        height, width = self.images[side].shape[:2]
        return height, width

    def _map(self, side: str, reading: Reading) -> Tensor:
        key = side, reading
        if key not in self._maps:
            one_of('tap', reading.tap, self.taps)
            integer('timestep', reading.timestep)
            within('timestep', reading.timestep, 0, self.num_timesteps - 1)
            within('draws', integer('draws', reading.draws), 1, MAX_DRAWS)
            matcher = CorrespondenceMatcher(
                self.denoiser,
                JOINED_TAPS if reading.tap == JOINED else [reading.tap],
                [reading.timestep],
                size=self.size,
                draws=reading.draws,
                device=self.device,
            )
            with torch.no_grad():
                self._maps[key] = matcher.features(load_image(self.images[side]))
        self._maps.move_to_end(key)
        while len(self._maps) > _KEPT:
            self._maps.popitem(last=False)
        return self._maps[key]

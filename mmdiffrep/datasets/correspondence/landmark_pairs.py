# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Pairs from any data set with landmarks: equal landmarks correspond."""

from typing import Any, ClassVar

import cv2
import numpy as np
from mmengine.config import Config

from mmdiffrep.datasets.correspondence.pair import ImagePair, PairDataset
from mmdiffrep.registry import DATASETS, build_part
from mmdiffrep.utils.checks import integer, of_type
from mmdiffrep.utils.pixel_facts import channel_order_of


@DATASETS.register_module()
class LandmarkPairs(PairDataset):
    """Random pairs of different images; the landmarks visible in both are the points.

    On aligned images the same position in both images is a good guess, so there is an option to
    warp the target: then only what is at a place tells where it belongs.

    Args:
        dataset: Config of a data set of mmpose's kind, whose pipeline only loads the image:
            ``img``, ``keypoints`` and ``keypoints_visible`` are read.
        num_pairs: Number of pairs. Default 60.
        seed: Seed of pairs and warps. Default 0.
        warp: Warp the target about its center by a random rotation of up to 45 degrees, a scale of
            0.7 to 1.05, and a shift of up to a tenth of the side. Default False.
        category: Name of the category in results. Default ``'face'``.

    Raises:
        ValueError: A number out of range, fewer than two images, or a data set without landmarks.
    """

    METAINFO: ClassVar[dict[str, Any]] = dict(dataset_type='landmark_pairs')

    def __init__(
        self,
        dataset: dict[str, Any],
        num_pairs: int = 60,
        seed: int = 0,
        warp: bool = False,
        category: str = 'face',
    ) -> None:
        self.inner = build_part(DATASETS, dataset, 'dataset')
        self.num_pairs = integer('num_pairs', num_pairs, 1)
        self.seed = integer('seed', seed, 0)
        self.warp = of_type('warp', warp, bool)
        self.category = category
        order = channel_order_of(
            Config(dict(test_dataloader=dict(dataset=dataset))),
            'give LandmarkPairs a data set whose pipeline loads files through mmcv',
        )
        self._to_rgb = order == 'bgr'
        integer('The number of images of the data set', len(self.inner), 2)
        super().__init__(serialize_data=False)

    def load_data_list(self) -> list[dict[str, Any]]:
        """Draw the pairs."""
        rng = np.random.default_rng(self.seed)
        pairs = []
        for _ in range(self.num_pairs):
            first, second = rng.choice(len(self.inner), size=2, replace=False)
            rotation, scale = rng.uniform(-45, 45), rng.uniform(0.7, 1.05)
            shift = rng.uniform(-0.1, 0.1, size=2)
            pairs.append(dict(first=int(first), second=int(second), warp=(rotation, scale, *shift)))
        return pairs

    def pair(self, info: dict[str, Any]) -> ImagePair:
        """Read two images, and warp the second if asked for."""
        source, source_points, source_seen = self._read(info['first'])
        target, target_points, target_seen = self._read(info['second'])
        target_id = f'{info["second"]}'
        if self.warp:
            target, target_points = warp_image(target, target_points, *info['warp'])
            target_id += f'/{info["warp"]}'
        seen = source_seen & target_seen
        seen &= _inside(source_points, source) & _inside(target_points, target)
        low, high = target_points.min(0), target_points.max(0)
        return ImagePair(
            source=source,
            target=target,
            source_points=source_points[seen],
            target_points=target_points[seen],
            target_box=np.concatenate([low, high]),
            category=self.category,
            source_id=f'{info["first"]}',
            target_id=target_id,
        )

    def _read(self, index: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        results = self.inner[index]
        missing = {'img', 'keypoints', 'keypoints_visible'} - set(results)
        if missing:
            raise ValueError(
                f'LandmarkPairs: the samples of the data set have no {sorted(missing)}. Give it a '
                'data set with landmarks whose pipeline only loads the image.'
            )
        image = results['img'][..., ::-1] if self._to_rgb else results['img']
        visible = np.asarray(results['keypoints_visible'])[0]
        visible = visible[..., 0] if visible.ndim == 2 else visible
        points = np.asarray(results['keypoints'])[0, :, :2].astype(np.float32)
        return np.ascontiguousarray(image), points, visible > 0


def warp_image(
    image: np.ndarray, points: np.ndarray, rotation: float, scale: float, dx: float, dy: float
) -> tuple[np.ndarray, np.ndarray]:
    """Rotate and scale an image about its center, and shift it; points move along.

    Args:
        image: (H, W, 3) uint8.
        points: (K, 2), x and y.
        rotation: Degrees, counterclockwise.
        scale: Factor.
        dx: Shift in image widths.
        dy: Shift in image heights.

    Returns:
        The image, with its border repeated, and the points.
    """
    height, width = image.shape[:2]
    matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), rotation, scale)
    matrix[:, 2] += dx * width, dy * height
    warped = cv2.warpAffine(
        image, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return warped, (points @ matrix[:, :2].T + matrix[:, 2]).astype(np.float32)


def _inside(points: np.ndarray, image: np.ndarray) -> np.ndarray:
    limit = np.array([image.shape[1] - 1, image.shape[0] - 1])
    return ((points >= 0) & (points <= limit)).all(axis=1)

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""A csv of landmarks, checked row by row."""

import csv
import io
import logging
import os.path as osp
from dataclasses import dataclass

import numpy as np
from mmengine.logging import print_log
from PIL import Image

from mmdiffrep.utils.image_files import open_stored, upright_size
from mmdiffrep.utils.text_file import read_text

EXAMPLE = 'file,x0,y0,x1,y1,...'
_FAR = 0.5  # image sides that a landmark may lie outside


@dataclass(frozen=True)
class LandmarkTable:
    """Landmarks of N faces with K points each.

    Attributes:
        path: The csv.
        lines: Line of each face in the csv, N.
        names: File name of each image, N.
        points: (N, K, 2) float32 x and y in pixels; NaN where missing.
    """

    path: str
    lines: list[int]
    names: list[str]
    points: np.ndarray

    @property
    def visible(self) -> np.ndarray:
        """(N, K) bool, False for missing landmarks."""
        return np.isfinite(self.points).all(axis=2)

    @classmethod
    def read(cls, path: str) -> 'LandmarkTable':
        """Read and check a csv.

        Args:
            path: A file with the header ``file,x0,y0,x1,y1,...`` and one row per image; blank lines
                do not count.

        Raises:
            ValueError: No row, another header, or a row that has a wrong number of cells, a cell
                that is not a number, half a point, a sentinel for "missing", relative coordinates
                or all points at one place. Names file and line.
        """
        reader = csv.reader(io.StringIO(read_text(path)))
        rows = [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
        header = [cell.strip() for cell in rows[0][1]] if rows else []
        num_points = (len(header) - 1) // 2
        expected = ['file', *(f'{axis}{i}' for i in range(num_points) for axis in 'xy')]
        if not num_points or header != expected:
            raise ValueError(
                f'{path}: expected the header {EXAMPLE!r}, got {",".join(header)[:60]!r}'
            )
        if len(rows) == 1:
            raise ValueError(f'{path} has no row below its header: one per image is needed')
        points = []
        for line, row in rows[1:]:
            try:
                points.append(_parse(row[1:], num_points))
            except ValueError as error:
                raise ValueError(f'{path}, line {line}: {error}') from None
        lines, names = zip(*((line, row[0]) for line, row in rows[1:]))
        return cls(path, list(lines), list(names), np.stack(points))

    def check_against_images(self, folder: str) -> None:
        """Check that the landmarks lie in or near their images, whose headers are read.

        Raises:
            ValueError: An image cannot be opened, or a landmark lies far outside. Names file and
                line.
        """
        negative = []
        for line, name, points in zip(self.lines, self.names, self.points):
            size = np.array(_upright_size(osp.join(folder, name)))
            margin = _FAR * size
            far = (points < -margin) | (points > size + margin)
            if far.any():
                point = int(far.any(axis=1).argmax())
                raise ValueError(
                    f'{self.path}, line {line}: point {point} {_shown(points[point])} lies far '
                    f'outside {name} of {size[0]} x {size[1]} pixels. Leave both cells blank if it '
                    'is missing'
                )
            if (points < 0).all(axis=1).any():
                negative.append(line)
        if negative:
            print_log(
                f'{self.path}: {len(negative)} rows have points with two negative coordinates, the '
                f'first in line {negative[0]}. They are trained as points outside the image; leave '
                'both cells blank if they are missing.',
                logger='current',
                level=logging.WARNING,
            )


def _parse(cells: list[str], num_points: int) -> np.ndarray:
    """Return the points (K, 2) of a row."""
    if len(cells) != 2 * num_points:
        raise ValueError(
            f'expected a file name and {2 * num_points} numbers, got {len(cells) + 1} cells'
        )
    values = []
    for cell in cells:
        try:
            # float() takes 1_000 for 1000.
            values.append(float(cell.replace('_', '?')) if cell.strip() else np.nan)
        except ValueError:
            raise ValueError(
                f'expected a file name and {2 * num_points} numbers, got {cell!r}'
            ) from None
    points = np.array(values, np.float32).reshape(num_points, 2)
    if np.isinf(points).any():
        raise ValueError('a coordinate is not finite; leave both cells of a missing point blank')
    missing = np.isnan(points)
    half = missing.any(axis=1) & ~missing.all(axis=1)
    if half.any():
        raise ValueError(f'point {int(half.argmax())} has one coordinate; give both, or none')
    seen = points[~missing.any(axis=1)]
    if not len(seen):
        raise ValueError('no point is given; leave the row out')
    refuse_sentinels(points, 'leave both cells blank')
    if len(seen) > 1 and seen.min() >= 0 and seen.max() <= 1:
        raise ValueError('all coordinates lie in 0..1: give pixels, not shares of the image')
    if (seen == seen[0]).all():
        raise ValueError(f'all points are {_shown(seen[0])}: a face needs two places or more')
    return points


def refuse_sentinels(points: np.ndarray, way_out: str) -> None:
    """Check points (K, 2) for what other tools write for "missing": (0, 0), (-1, -1).

    Args:
        points: x and y.
        way_out: What to do, for the error.

    Raises:
        ValueError: There is one.
    """
    sentinel = (points[:, 0] == points[:, 1]) & (points[:, 0] <= 0)
    if sentinel.any():
        point = int(sentinel.argmax())
        raise ValueError(
            f'point {point} is {_shown(points[point])}, which looks like "missing": {way_out}'
        )


def _shown(point: np.ndarray) -> str:
    return f'({point[0]:g}, {point[1]:g})'


def _upright_size(path: str) -> tuple[int, int]:
    """Return width and height of an image as mmcv loads it, by its EXIF orientation."""
    try:
        if not osp.isfile(path):  # a pipe would wait for ever
            raise OSError('it is not a file')
        with open_stored(path) as image:
            return upright_size(image)
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(f'{path} cannot be opened: {error}') from error

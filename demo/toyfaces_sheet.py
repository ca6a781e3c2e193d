# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Draw a contact sheet of toy faces: images, and images with masks and landmarks."""

import argparse
from collections.abc import Sequence

import cv2
import numpy as np

from mmdiffrep.datasets.celebamask_classes import CELEBAMASK_PALETTE
from mmdiffrep.datasets.toyfaces import ToyFace, render_face

SEEN, COVERED = (255, 255, 255), (255, 60, 60)


def overlay(face: ToyFace) -> np.ndarray:
    """Return the face under its mask's colors and landmarks, (size, size, 3) uint8 RGB."""
    palette = np.array(CELEBAMASK_PALETTE, np.uint8)
    picture = cv2.addWeighted(face.image, 0.45, palette[face.mask], 0.55, 0)
    for (x, y), visible in zip(face.landmarks, face.visible):
        color = SEEN if visible else COVERED
        center = round(16 * float(x)), round(16 * float(y))
        cv2.circle(picture, center, 11, color, -1, cv2.LINE_AA, shift=4)
    return picture


def sheet(seed: int, first: int, rows: int, columns: int, size: int, tile: int) -> np.ndarray:
    """Return rows of faces, each followed by a row of overlays.

    Args:
        seed: Collection of the faces.
        first: Index of the first face.
        rows: Number of rows of faces.
        columns: Faces per row.
        size: Size at which the images are drawn, in pixels.
        tile: Size at which they are shown, in pixels.

    Returns:
        (2 * rows * tile, columns * tile, 3) uint8 RGB.
    """
    lines = []
    for row in range(rows):
        indices = range(first + row * columns, first + (row + 1) * columns)
        images = [render_face(seed, index, size).image for index in indices]
        lines.append([cv2.resize(i, (tile, tile), interpolation=cv2.INTER_CUBIC) for i in images])
        lines.append([overlay(render_face(seed, index, tile)) for index in indices])
    return np.vstack([np.hstack(line) for line in lines])


def main(argv: Sequence[str] | None = None) -> None:
    """Write the sheet as an image file."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument('out', help='image file to write')
    parser.add_argument('--seed', type=int, default=0, help='collection of faces')
    parser.add_argument('--first', type=int, default=0, help='index of the first face')
    parser.add_argument('--rows', type=int, default=4, help='rows of faces')
    parser.add_argument('--columns', type=int, default=8, help='faces in a row')
    parser.add_argument('--size', type=int, default=96, help='pixels at which faces are drawn')
    parser.add_argument('--tile', type=int, default=96, help='pixels at which they are shown')
    args = parser.parse_args(argv)
    picture = sheet(args.seed, args.first, args.rows, args.columns, args.size, args.tile)
    if not cv2.imwrite(args.out, picture[..., ::-1]):
        parser.error(f'cannot write {args.out!r}: does its folder exist?')


if __name__ == '__main__':
    main()

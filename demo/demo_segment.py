#!/usr/bin/env python
# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
r"""Segment images with a trained model: masks, overlays, and the uncertainty of the ensemble.

For every image NAME it writes to the folder --out

    NAME_mask.png         pixel values are labels, shown in the classes' colors
    NAME_overlay.png      the mask over the image
    NAME_uncertainty.png  the members' divergence, black to yellow: 0 to ln 2 (ensembles only)

and scores.csv, the uncertainty of each image.

    python demo/demo_segment.py CONFIG CHECKPOINT photo.jpg folder_of_photos --out work_dirs/out
    python demo/demo_segment.py ddpm_seg/toyfaces_64_fewshot.py work_dirs/.../iter_5262.pth \
        faces --fit crop
"""

import argparse
import csv
import io
import pickle
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich.progress import track

from mmdiffrep.apis import Segmentation, SegmentationInferencer
from mmdiffrep.apis.segmentation_inferencer import FITS, Failure
from mmdiffrep.utils.atomic_file import write_atomically
from mmdiffrep.visualization import draw_overlay, draw_uncertainty, image_png, mask_png

SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp', '.webp', '.tif', '.tiff')


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    options = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = options.add_argument
    add('config', help='config file, or the name of one that comes with mmdiffrep')
    add('checkpoint', help='checkpoint file')
    add('images', nargs='+', type=Path, metavar='IMAGE', help='files, or folders of files')
    add('--out', type=Path, default=Path('work_dirs/segmented'), metavar='DIR')
    add('--opacity', type=float, default=0.5, help='of the overlay, 0 to 1 (%(default)s)')
    add('--fit', choices=FITS, default='as_is', help='what happens to images that are not square')
    add('--batch-size', type=int, default=1, metavar='B', help='images in a pass (%(default)s)')
    add('--device', help='default: an accelerator if there is one')
    add('--trust-checkpoint', action='store_true', help='also load one that runs code')
    return options


def list_images(given: Sequence[Path]) -> list[Path]:
    """Return the named files and the files in the named folders, sorted.

    Raises:
        FileNotFoundError: No such file, or a folder without images.
        ValueError: Two images with the same name, whose results would overwrite each other.
    """
    files: list[Path] = []
    for path in given:
        if not path.exists():
            raise FileNotFoundError(f'there is no image or folder {path}')
        found = [path] if path.is_file() else _images_in(path)
        if not found:
            raise FileNotFoundError(f'the folder {path} has no images ({", ".join(SUFFIXES)})')
        files += found
    twice = [name for name, count in Counter(file.stem for file in files).items() if count > 1]
    if twice:
        raise ValueError(
            f'several images have the same name, as {twice[:3]}: their results would overwrite '
            'each other; segment them in several calls with a folder --out each'
        )
    return files


def _images_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)


def write(
    result: Segmentation, palette: Sequence[Sequence[int]], opacity: float, out: Path
) -> None:
    """Write the pictures of one image."""
    stem = Path(result.name).stem
    overlay = draw_overlay(result.image, result.labels, palette, opacity)
    write_atomically(mask_png(result.labels, palette), out / f'{stem}_mask.png')
    write_atomically(image_png(overlay), out / f'{stem}_overlay.png')
    if result.uncertainty is not None:
        picture = draw_uncertainty(result.uncertainty)
        write_atomically(image_png(picture), out / f'{stem}_uncertainty.png')


def segment(args: argparse.Namespace) -> None:
    """Segment all images and list those that cannot be segmented at the end.

    Raises:
        ValueError: An opacity out of range, or images that could not be segmented.
        OSError: Files that are missing or cannot be written.
    """
    if not 0 <= args.opacity <= 1:
        raise ValueError(f'--opacity must be 0 to 1, got {args.opacity}')
    files = list_images(args.images)
    inferencer = SegmentationInferencer(
        args.config,
        args.checkpoint,
        device=args.device,
        fit=args.fit,
        batch_size=args.batch_size,
        trust=args.trust_checkpoint,
    )
    rows = [('image', 'uncertainty')]
    failures: list[Failure] = []
    try:
        for result in track(inferencer.stream(files, failures), 'segmenting', total=len(files)):
            write(result, inferencer.palette, args.opacity, args.out)
            rows.append((result.name, '' if result.score is None else f'{result.score:.6f}'))
    finally:  # keep the scores of earlier images after an error
        table = io.StringIO()
        csv.writer(table).writerows(rows)
        write_atomically(table.getvalue().encode(), args.out / 'scores.csv')
    print(f'{len(rows) - 1} images segmented, results in {args.out}')
    if failures:
        listed = ''.join(f'\n  {failure.name}: {failure.reason}' for failure in failures)
        raise ValueError(f'{len(failures)} images were skipped:{listed}')


def main(argv: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    args = parser().parse_args(argv)
    try:
        segment(args)
    except (OSError, ValueError, RuntimeError, pickle.UnpicklingError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())

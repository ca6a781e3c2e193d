# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The official train/val/test split of CelebAMask-HQ.

CelebAMask-HQ has no lists: an image belongs to the split of its CelebA image.
Two official files are joined: ``CelebA-HQ-to-CelebA-mapping.txt`` (in the CelebAMask-HQ
archive) and ``list_eval_partition.txt`` (from CelebA).
"""

from pathlib import Path

from mmdiffrep.utils.text_file import read_text

NUM_IMAGES = 30_000
OFFICIAL_COUNTS: dict[str, int] = {'train': 24_183, 'val': 2_993, 'test': 2_824}
"""Images in each split of the whole data set."""

_SPLIT_OF_CODE = {'0': 'train', '1': 'val', '2': 'test'}


def official_split(mapping_file: Path, partition_file: Path) -> dict[str, list[int]]:
    """Join the two official files to the split lists.

    Args:
        mapping_file: ``CelebA-HQ-to-CelebA-mapping.txt``: a header, then rows
            ``idx orig_idx orig_file`` (``0  119613  119614.jpg``).
        partition_file: ``list_eval_partition.txt``: rows ``orig_file code``
            (``000001.jpg 0``) with 0 for training, 1 for validation and 2 for test.

    Returns:
        Sorted CelebA-HQ image ids of ``'train'``, ``'val'`` and ``'test'``.

    Raises:
        ValueError: For a line of another form, an image without a partition, or a whole data set
            whose counts are not the official 24,183 / 2,993 / 2,824.
    """
    split_of_file = _read_partition(partition_file)
    split: dict[str, list[int]] = {name: [] for name in OFFICIAL_COUNTS}
    for image_id, celeba_file in _read_mapping(mapping_file).items():
        if celeba_file not in split_of_file:
            raise ValueError(
                f'{partition_file} has no line for {celeba_file}, the source of image {image_id} '
                f'in {mapping_file}. Is it the complete list_eval_partition.txt of CelebA?'
            )
        split[split_of_file[celeba_file]].append(image_id)
    split = {name: sorted(ids) for name, ids in split.items()}
    counts = {name: len(ids) for name, ids in split.items()}
    if sum(counts.values()) == NUM_IMAGES and counts != OFFICIAL_COUNTS:
        raise ValueError(
            f'{mapping_file} and {partition_file} give the counts {counts}, expected the official '
            f'{OFFICIAL_COUNTS}: at least one of the two files is not the original.'
        )
    return split


def _read_mapping(path: Path) -> dict[int, str]:
    header, *rows = _lines(path)
    if header[:1] != ['idx']:
        raise ValueError(f'{path}: the first line should be the header, got {" ".join(header)!r}.')
    form = "'idx orig_idx orig_file' such as '0 119613 119614.jpg'"
    fits = [len(row) == 3 and row[0].isdigit() for row in rows]
    _check_lines(path, rows, fits, form, start=2)
    return {int(row[0]): row[2] for row in rows}


def _read_partition(path: Path) -> dict[str, str]:
    rows = _lines(path)
    form = "'file code' such as '000001.jpg 0' with code 0, 1 or 2"
    fits = [len(row) == 2 and row[1] in _SPLIT_OF_CODE for row in rows]
    _check_lines(path, rows, fits, form, start=1)
    return {row[0]: _SPLIT_OF_CODE[row[1]] for row in rows}


def _check_lines(
    path: Path, rows: list[list[str]], fits: list[bool], form: str, start: int
) -> None:
    """Name the first line of another form; ``start`` is the number of the first row's line."""
    if not all(fits):
        wrong = fits.index(False)
        given = ' '.join(rows[wrong])
        raise ValueError(f'{path}, line {wrong + start}: expected {form}, got {given!r}.')


def _lines(path: Path) -> list[list[str]]:
    rows = [line.split() for line in read_text(path).split('\n') if line.strip()]
    if not rows:
        raise ValueError(f'{path} is empty.')
    return rows

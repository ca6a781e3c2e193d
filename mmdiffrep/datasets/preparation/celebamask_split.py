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
    mapping = {}
    header, *rows = _lines(path)
    if header[:1] != ['idx']:
        raise ValueError(
            f"{path}: the first line should be the header 'idx orig_idx orig_file', "
            f'got {" ".join(header)!r}.'
        )
    for number, row in enumerate(rows, start=2):
        if len(row) != 3 or not row[0].isdigit():
            raise ValueError(
                f"{path}, line {number}: expected 'idx orig_idx orig_file' such as "
                f"'0 119613 119614.jpg', got {' '.join(row)!r}."
            )
        mapping[int(row[0])] = row[2]
    return mapping


def _read_partition(path: Path) -> dict[str, str]:
    partition = {}
    for number, row in enumerate(_lines(path), start=1):
        if len(row) != 2 or row[1] not in _SPLIT_OF_CODE:
            raise ValueError(
                f"{path}, line {number}: expected 'file code' such as '000001.jpg 0' with code "
                f'0, 1 or 2, got {" ".join(row)!r}.'
            )
        partition[row[0]] = _SPLIT_OF_CODE[row[1]]
    return partition


def _lines(path: Path) -> list[list[str]]:
    rows = [line.split() for line in read_text(path).split('\n') if line.strip()]
    if not rows:
        raise ValueError(f'{path} is empty.')
    return rows

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest

from mmdiffrep.datasets.preparation.celebamask_split import OFFICIAL_COUNTS, official_split

HEADER = 'idx         orig_idx    orig_file  \n'


def write(tmp_path, mapping_rows, partition_rows):
    mapping = tmp_path / 'CelebA-HQ-to-CelebA-mapping.txt'
    partition = tmp_path / 'list_eval_partition.txt'
    mapping.write_text(HEADER + '\n'.join(mapping_rows) + '\n')
    partition.write_text('\n'.join(partition_rows) + '\n')
    return mapping, partition


def test_join_by_hand(tmp_path):
    # Rows as in the official files: padded columns, and orig_idx one less than the file's number.
    files = write(
        tmp_path,
        ['10         119613     119614.jpg', '2   99094  099095.jpg', '1 200121     200122.jpg'],
        ['099095.jpg 0', '119614.jpg 0', '000001.jpg 1', '200122.jpg 2'],
    )
    assert official_split(*files) == {'train': [2, 10], 'val': [], 'test': [1]}


def whole_data_set(counts):
    codes = [code for code, count in enumerate(counts) for _ in range(count)]
    mapping = [f'{i} {i} {i + 1:06d}.jpg' for i in range(len(codes))]
    partition = [f'{i + 1:06d}.jpg {code}' for i, code in enumerate(codes)]
    return mapping, partition


def test_official_counts_of_a_whole_data_set(tmp_path):
    split = official_split(*write(tmp_path, *whole_data_set((24_183, 2_993, 2_824))))
    assert {name: len(ids) for name, ids in split.items()} == OFFICIAL_COUNTS


def test_other_counts_of_a_whole_data_set(tmp_path):
    files = write(tmp_path, *whole_data_set((24_184, 2_992, 2_824)))
    with pytest.raises(ValueError, match=r"'train': 24184.*expected the official.*24183"):
        official_split(*files)


def test_image_without_partition(tmp_path):
    files = write(tmp_path, ['0 8 000009.jpg'], ['000001.jpg 0'])
    with pytest.raises(ValueError, match=r'no line for 000009\.jpg, the source of image 0'):
        official_split(*files)


def test_wrong_lines_are_named(tmp_path):
    with pytest.raises(ValueError, match=r"mapping\.txt, line 3: .*got '1;99094;099095\.jpg'"):
        official_split(*write(tmp_path, ['0 0 000001.jpg', '1;99094;099095.jpg'], ['x.jpg 0']))
    with pytest.raises(ValueError, match=r"partition\.txt, line 2: .*got '000002\.jpg train'"):
        official_split(*write(tmp_path, ['0 0 000001.jpg'], ['000001.jpg 0', '000002.jpg train']))


def test_missing_header_and_empty_file(tmp_path):
    mapping, partition = write(tmp_path, [], ['000001.jpg 0'])
    mapping.write_text('0 0 000001.jpg\n')
    with pytest.raises(ValueError, match='first line should be the header'):
        official_split(mapping, partition)
    mapping.write_text(HEADER + '0 0 000001.jpg\n')
    partition.write_text('')
    with pytest.raises(ValueError, match='is empty'):
        official_split(mapping, partition)

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Two gloo processes against one."""

import pytest
import torch

from mmdiffrep.feature_bank import FeatureReader, build_feature_bank
from mmdiffrep.testing import run_in_two_processes


def work(rank, folder, denoiser, dataset):
    torch.manual_seed(rank)
    reader = FeatureReader(denoiser, ['mid', 'dec.1'], [3, 15], noise='per_image', batch_size=2)
    try:
        built = build_feature_bank(dataset, reader, folder / 'two', shard_images=3)
        result = str((built.num_images, built.num_computed, len(built.bank)))
    except (ValueError, RuntimeError) as error:
        result = f'{type(error).__name__}: {error}'
    (folder / f'rank{rank}.txt').write_text(result)


@pytest.fixture
def results_of_two(tmp_path, denoiser):
    def start(dataset):
        run_in_two_processes(work, tmp_path, denoiser, dataset)
        return [(tmp_path / f'rank{rank}.txt').read_text() for rank in (0, 1)]

    return start


def files_of(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_two_processes_write_the_files_of_one(results_of_two, denoiser, pictures, tmp_path):
    dataset = pictures([*range(10), 4])
    assert results_of_two(dataset) == ['(10, 10, 10)'] * 2
    reader = FeatureReader(denoiser, ['mid', 'dec.1'], [3, 15], noise='per_image', batch_size=2)
    one = build_feature_bank(dataset, reader, tmp_path / 'one', shard_images=3).bank
    files = files_of(one.folder)
    assert len(files) == 6  # ten images in threes, recipe and lock
    assert files_of(tmp_path / 'two' / one.folder.name) == files
    assert results_of_two(dataset) == ['(10, 0, 10)'] * 2


def test_what_fails_in_one_process_ends_both(results_of_two, pictures):
    class Broken(pictures):
        def __getitem__(self, index):
            if index == 7:
                raise OSError('cannot identify image file')
            return super().__getitem__(index)

    first, second = results_of_two(Broken(range(10)))
    assert first.startswith('RuntimeError: Process 1 failed: image 7 (picture_7.png) cannot be')
    assert second.startswith('ValueError: image 7 (picture_7.png) cannot be read')

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Two gloo processes against one."""

import os
import socket

import pytest
import torch
from torch import distributed, multiprocessing

from mmdiffrep.feature_bank import FeatureReader, build_feature_bank


def free_port():
    with socket.socket() as sock:
        sock.bind(('127.0.0.1', 0))
        return sock.getsockname()[1]


def work(rank, port, folder, denoiser, dataset):
    torch.set_num_threads(1)
    os.environ.update(
        MASTER_ADDR='127.0.0.1',
        MASTER_PORT=str(port),
        RANK=str(rank),
        LOCAL_RANK=str(rank),
        WORLD_SIZE='2',
    )
    distributed.init_process_group('gloo')
    torch.manual_seed(rank)
    reader = FeatureReader(denoiser, ['mid', 'dec.1'], [3, 15], noise='per_image', batch_size=2)
    try:
        built = build_feature_bank(dataset, reader, folder / 'two', shard_images=3)
        result = str((built.num_images, built.num_computed, len(built.bank)))
    except (ValueError, RuntimeError) as error:
        result = f'{type(error).__name__}: {error}'
    (folder / f'rank{rank}.txt').write_text(result)
    distributed.barrier()
    distributed.destroy_process_group()


@pytest.fixture
def results_of_two(tmp_path, denoiser):
    def start(dataset):
        args = (free_port(), tmp_path, denoiser, dataset)
        multiprocessing.start_processes(work, args, nprocs=2, start_method='fork')
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

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import errno
import logging
import os
import shutil
import time
from collections import namedtuple
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import multiprocessing

from mmdiffrep.feature_bank import FeatureBank, build_feature_bank, content_hash
from mmdiffrep.feature_bank import build as bank_build
from mmdiffrep.feature_bank import images as bank_images
from mmdiffrep.testing.file_faults import FileFault

# Opening, writing, syncing, renaming and syncing the folder, of the recipe and of three shards.
OPERATIONS = 5 * (1 + 3)
IN_SECOND_SHARD = range(11, 15)


def files_of(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != '.lock'}


def shards_of(folder):
    return sorted(folder.glob('*.safetensors'))


@pytest.fixture
def build(reader_of, pictures, tmp_path):
    """Builds with a new reader, whose passes are in ``result.reader.passes``."""
    Result = namedtuple('Result', 'bank num_images num_computed seconds reader')

    def start(numbers=range(5), root=tmp_path / 'banks', shard_images=2, reader=None, **options):
        reader = reader or reader_of()
        dataset = pictures(numbers)
        built = build_feature_bank(dataset, reader, root, shard_images=shard_images, **options)
        return Result(*built, reader)

    return start


def test_second_time_nothing_is_computed(build):
    first, second = build(), build()
    assert (first.num_images, first.num_computed) == (5, 5)
    assert (second.num_images, second.num_computed) == (5, 0)
    assert not second.reader.passes and len(second.bank) == 5
    assert second.bank.folder.name == second.reader.recipe.key
    assert len(shards_of(second.bank.folder)) == 3
    assert not list(second.bank.folder.glob('*.incomplete'))


def test_data_sets_share_a_bank_and_images(build):
    build(range(4))
    second = build([3, 4, 4, 2, 5])
    assert (second.num_images, second.num_computed, len(second.bank)) == (4, 2, 6)


def test_images_whose_hashes_are_known_are_read_once(reader_of, pictures, tmp_path, monkeypatch):
    dataset, read = pictures([0, 1, 1]), []
    hashes = [content_hash(dataset[index]['inputs']) for index in range(3)]
    monkeypatch.setattr(
        bank_images, 'read_sample', lambda data, index: read.append(index) or data[index]
    )
    known = build_feature_bank(dataset, reader_of(), tmp_path / 'a', hashes=hashes)
    assert read == [0, 1] and known.num_images == 2
    unknown = build_feature_bank(dataset, reader_of(), tmp_path / 'b')
    assert files_of(known.bank.folder) == files_of(unknown.bank.folder)


def test_another_recipe_is_another_bank(build, reader_of):
    assert build().bank.folder != build(reader=reader_of(pool=1)).bank.folder


def test_batch_and_shard_sizes_do_not_mix_images_up(build, reader, pictures, tmp_path):
    odd = build(range(7), tmp_path / 'odd', 3, reader=reader)
    for index in range(7):
        image = pictures(range(7))[index]['inputs']
        for key, maps in reader([image]).items():
            torch.testing.assert_close(odd.bank.read(image)[key], maps[0].permute(2, 0, 1))


@pytest.mark.parametrize('damage', ['truncated', 'emptied', 'stale', 'flipped'])
def test_damaged_shard_is_named_and_built_alone(build, caplog, damage):
    folder = build().bank.folder
    before = files_of(folder)
    path = shards_of(folder)[1]
    if damage == 'stale':  # a valid shard, of another recipe
        path.write_bytes(path.read_bytes().replace(folder.name.encode(), b'0' * 16))
    elif damage == 'flipped':
        data = bytearray(path.read_bytes())
        data[-1] ^= 1
        path.write_bytes(data)
    else:
        os.truncate(path, 0 if damage == 'emptied' else path.stat().st_size - 1)
    times = {path.name: path.stat().st_mtime_ns for path in shards_of(folder)}
    with caplog.at_level(logging.WARNING):
        again = build(verify='full' if damage == 'flipped' else 'sizes')
    assert path.name in caplog.text and caplog.text.count('computed anew') == 1
    assert 1 <= again.num_computed <= 2
    found = files_of(folder)
    found.pop(f'{path.name}.set_aside', None)
    assert found == before
    changed = [one.name for one in shards_of(folder) if one.stat().st_mtime_ns != times[one.name]]
    assert changed == [path.name]


def test_what_is_not_a_damaged_shard_is_never_removed(build, monkeypatch):
    folder = build().bank.folder
    foreign = folder / 'my_probe.safetensors'
    save_file({'probe': torch.ones(3)}, foreign)
    path = shards_of(folder)[0]
    whole = path.read_bytes()
    stale = whole.replace(folder.name.encode(), b'0' * 16)
    path.write_bytes(stale)
    assert build().num_computed > 0
    assert foreign.is_file() and len(FeatureBank(folder)) == 5
    assert path.read_bytes() == whole
    assert path.with_name(path.name + '.set_aside').read_bytes() == stale


def test_a_disk_that_cannot_be_read_is_not_damage(build, monkeypatch):
    folder = build().bank.folder
    before = files_of(folder)

    def failing(*args, **kwargs):
        raise OSError(errno.EIO, 'Input/output error')

    with monkeypatch.context() as patch:
        patch.setattr('mmdiffrep.feature_bank.shard.safe_open', failing)
        with pytest.raises(OSError, match='Input/output error'):
            build(range(6))
    assert files_of(folder) == before


def test_a_complete_bank_is_only_read(build, monkeypatch, tmp_path):
    folder = build().bank.folder
    lock = folder / '.lock'
    lock.unlink()
    times = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    again = build()
    assert again.num_computed == 0 and not lock.exists()
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == times

    def read_only(path, *args, **kwargs):
        raise OSError(errno.EROFS, 'Read-only file system')

    monkeypatch.setattr(Path, 'touch', read_only)
    assert build().num_computed == 0
    with pytest.raises(OSError, match='no complete bank .* Name another root'):
        build(range(6))


@pytest.mark.parametrize('kept', [0, 10**9])
def test_workers_and_memory_change_nothing(reader_of, pictures, tmp_path, monkeypatch, kept):
    monkeypatch.setattr(bank_build, '_KEPT_BYTES', kept)
    random = torch.get_rng_state()
    files = [
        files_of(
            build_feature_bank(
                pictures([*range(9), 3]),
                reader_of(),
                tmp_path / f'{kept}_{workers}',
                shard_images=4,
                num_workers=workers,
            ).bank.folder
        )
        for workers in (0, 2)
    ]
    assert files[0] == files[1]
    assert torch.equal(torch.get_rng_state(), random)


@pytest.mark.parametrize('workers', [0, 1])
def test_an_image_that_cannot_be_read_is_named(reader, pictures, tmp_path, workers):
    class Broken(pictures):
        def __getitem__(self, index):
            if index == 2:
                raise OSError('cannot identify image file')
            return super().__getitem__(index)

    with pytest.raises(ValueError, match=r'^image 2 \(picture_2.png\) cannot be read: OSError'):
        build_feature_bank(Broken(range(4)), reader, tmp_path, num_workers=workers)


@pytest.mark.parametrize('operation', range(1, OPERATIONS + 1))
def test_killed_build_goes_on_where_it_was(build, tmp_path, operation):
    child = os.fork()
    if child == 0:
        with FileFault(operation).installed():
            build()
        os._exit(0)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == 9
    resumed = build()
    written = max(0, operation // 5 - 1)  # shards that had been renamed
    assert resumed.num_computed == [5, 3, 1, 0][written]
    assert files_of(resumed.bank.folder) == files_of(build(root=tmp_path / 'whole').bank.folder)


def test_counts_the_operations(build):
    fault = FileFault()
    with fault.installed():
        build()
    assert fault.count == OPERATIONS  # the test above walks over all of them


@pytest.mark.parametrize('operation', IN_SECOND_SHARD)
def test_full_disk_keeps_whole_shards_only(build, reader, tmp_path, operation):
    with FileFault(operation, full_disk=True).installed(), pytest.raises(OSError) as error:
        build()
    assert error.value.errno == errno.ENOSPC
    assert 'No space left' in str(error.value) and 'Free some space' in str(error.value)
    folder = tmp_path / 'banks' / reader.recipe.key
    assert sorted(os.listdir(folder)) == ['.lock', shards_of(folder)[0].name, 'recipe.json']
    assert len(FeatureBank(folder, verify='full')) == 2
    assert build().num_computed == 3


def test_disk_that_is_too_small_is_found_before_any_pass(build, reader, monkeypatch):
    need = 5 * reader.bytes_per_image
    usage = namedtuple('usage', 'total used free')
    monkeypatch.setattr(shutil, 'disk_usage', lambda _: usage(10**9, 0, need - 1))
    with pytest.raises(OSError, match=f'would need {need:,} bytes more.*{need - 1:,}') as error:
        build(reader=reader)
    assert error.value.errno == errno.ENOSPC and not reader.passes
    monkeypatch.setattr(shutil, 'disk_usage', lambda _: usage(10**9, 0, need))
    assert build(reader=reader).num_computed == 5


def test_bound_on_the_size_is_kept(build, reader):
    need = 5 * reader.bytes_per_image
    with pytest.raises(ValueError, match=f'need {need:,} more.*max_bytes={need - 1:,}'):
        build(reader=reader, max_bytes=need - 1)
    assert not reader.passes
    size = build(max_bytes=need).bank.num_bytes
    with pytest.raises(ValueError, match=f'has {size:,} bytes and would need'):
        build(range(6), max_bytes=size)
    assert build(max_bytes=size).num_computed == 0


def test_pipeline_that_draws_random_numbers_is_refused(reader, pictures, tmp_path):
    class Flipped(pictures):
        def __getitem__(self, index):
            sample = super().__getitem__(index)
            image = sample['inputs']
            return dict(
                sample, inputs=image.flip(2) if index == 1 and torch.rand(()) < 0.5 else image
            )

    torch.manual_seed(3)
    with pytest.raises(ValueError, match=r'image 1 \(picture_1.png\) is another image'):
        for _ in range(20):
            build_feature_bank(Flipped(range(3)), reader, tmp_path / str(_))


def test_nothing_to_store_is_refused(reader, pictures, tmp_path):
    with pytest.raises(ValueError, match='got 0 images'):
        build_feature_bank(pictures([]), reader, tmp_path)
    with pytest.raises(ValueError, match='shard_images must be at least 1, got 0'):
        build_feature_bank(pictures([1]), reader, tmp_path, shard_images=0)
    with pytest.raises(ValueError, match="'sizes', 'full'"):
        build_feature_bank(pictures([1]), reader, tmp_path, verify='no')


def test_two_runs_at_once_build_one_bank(build, reader_of, tmp_path):
    def work(number):
        torch.set_num_threads(1)
        reader = reader_of()
        compute = reader.extract.read

        def slow(images, **options):
            time.sleep(0.2)
            return compute(images, **options)

        reader.extract.read = slow
        (tmp_path / f'{number}.txt').write_text(str(build(reader=reader).num_computed))

    runs = [multiprocessing.get_context('fork').Process(target=work, args=(i,)) for i in (0, 1)]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
        assert run.exitcode == 0
    computed = [int((tmp_path / f'{number}.txt').read_text()) for number in (0, 1)]
    assert sorted(computed) == [0, 5]
    assert files_of(build().bank.folder) == files_of(build(root=tmp_path / 'whole').bank.folder)

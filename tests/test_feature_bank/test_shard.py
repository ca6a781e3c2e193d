# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import os
import tempfile
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from mmdiffrep.feature_bank.shard import (
    DamagedShardError,
    Shard,
    find_shards,
    shard_name,
    write_shard,
)

KEY = 'a' * 16
IMAGES = ['1' * 32, '2' * 32]
SIDES = st.integers(1, 5)


def features(dtype=torch.float16, rows=2):
    generator = torch.Generator().manual_seed(0)
    shapes = {(50, 'dec.1'): (rows, 4, 4, 8), (50, 'module:a.b@in'): (rows, 2, 3, 5)}
    return {
        key: torch.randn(*shape, generator=generator).to(dtype) for key, shape in shapes.items()
    }


@pytest.fixture
def path(tmp_path):
    return write_shard(tmp_path, KEY, IMAGES, features())


@settings(max_examples=25)
@given(
    shape=st.tuples(st.integers(1, 4), SIDES, SIDES, SIDES),
    dtype=st.sampled_from([torch.float16, torch.bfloat16, torch.float32]),
    timestep=st.integers(0, 999),
)
def test_gives_back_what_was_written(shape, dtype, timestep):
    maps = {(timestep, 'mid'): torch.randn(shape).to(dtype)}
    images = [f'{number:032x}' for number in range(shape[0])]
    with tempfile.TemporaryDirectory() as folder:
        shard = Shard(write_shard(Path(folder), KEY, images, maps), KEY)
        shard.verify()
        assert shard.images == images
        (found,) = shard.tensors().items()
        assert found[0] == (timestep, 'mid') and found[1].dtype == dtype
        assert torch.equal(found[1], maps[timestep, 'mid'])


def test_same_features_are_the_same_file(path, tmp_path):
    again = write_shard(tmp_path / 'again', KEY, IMAGES, features())
    assert again.name == path.name and again.read_bytes() == path.read_bytes()


def test_name_depends_on_images_and_order():
    assert len({shard_name(IMAGES), shard_name(IMAGES[::-1]), shard_name(IMAGES[:1])}) == 3


@pytest.mark.parametrize('share', [0, 0.01, 0.5, 0.99])
def test_truncated_file_is_named(path, share):
    os.truncate(path, int(share * path.stat().st_size))
    with pytest.raises(DamagedShardError, match=f'{path.name} .* damaged or truncated') as error:
        Shard(path, KEY)
    assert error.value.path == path


def test_longer_file_is_damaged(path):
    with open(path, 'ab') as file:
        file.write(b'more')
    with pytest.raises(DamagedShardError, match='damaged or truncated'):
        Shard(path, KEY)


def test_changed_values_are_found_by_the_checksum(path):
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    shard = Shard(path, KEY)
    with pytest.raises(DamagedShardError, match='checksum differs'):
        shard.verify()
    sound, damaged = find_shards(path.parent, KEY)
    assert len(sound) == 1 and not damaged
    sound, damaged = find_shards(path.parent, KEY, full=True)
    assert not sound and damaged[0].path == path


def test_shard_of_another_recipe_is_stale(path):
    with pytest.raises(DamagedShardError, match=f'{path.name} is stale'):
        Shard(path, 'b' * 16)


def test_renamed_shard_is_refused(path):
    renamed = path.rename(path.with_name(shard_name(IMAGES[:1])))
    with pytest.raises(DamagedShardError, match='does not hold the images'):
        Shard(renamed, KEY)


def test_shard_with_a_lost_row_is_refused(tmp_path):
    path = write_shard(tmp_path, KEY, IMAGES, features(rows=1))
    with pytest.raises(DamagedShardError, match='does not hold the images'):
        Shard(path, KEY)


def test_file_without_our_record_is_damaged(path):
    save_file(load_file(path), path)
    with pytest.raises(DamagedShardError, match='damaged'):
        Shard(path, KEY)

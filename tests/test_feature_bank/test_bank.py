# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import dataclasses
import os
import pickle
from pathlib import Path

import pytest
import torch

from mmdiffrep.feature_bank import FeatureBank, build_feature_bank, content_hash
from mmdiffrep.feature_bank.shard import write_shard


@pytest.fixture
def folder(reader, pictures, tmp_path):
    return build_feature_bank(pictures(range(5)), reader, tmp_path, shard_images=2).bank.folder


def test_reads_the_features_of_an_image(folder, reader, pictures):
    bank = FeatureBank(folder, verify='full')
    images = [pictures(range(5))[index]['inputs'] for index in range(5)]
    assert len(bank) == 5 and set(bank) == set(map(content_hash, images))
    for image in images:
        features = bank.read(image)
        assert list(features) == [(3, 'mid'), (3, 'dec.1'), (15, 'mid'), (15, 'dec.1')]
        for key, expected in reader([image]).items():
            torch.testing.assert_close(features[key], expected[0].permute(2, 0, 1))
            assert tuple(features[key].shape) == reader.shapes[key]
    with pytest.raises(KeyError):
        bank.read(torch.zeros(3, 16, 16).byte())


def test_maps_of_an_image_are_channels_last(folder):
    bank = FeatureBank(folder)
    for maps in bank[next(iter(bank))].values():
        assert maps[None].is_contiguous(memory_format=torch.channels_last)


@pytest.mark.skipif(not Path('/proc/self/status').exists(), reason='asks Linux')
def test_features_are_mapped_and_not_copied(reader, tmp_path):
    folder = tmp_path / reader.recipe.key
    keys = [(t, tap) for t in reader.recipe.timesteps for tap in reader.recipe.taps]
    features = {key: torch.ones(1, 64, 128, 1024, dtype=torch.float16) for key in keys}  # 64 MiB
    write_shard(folder, reader.recipe.key, ['0' * 32], features)
    (folder / 'recipe.json').write_text(reader.recipe.to_json())
    del features
    before = own_memory()
    maps = FeatureBank(folder)['0' * 32]
    assert all(one.view(torch.int16).amax() > 0 for one in maps.values())  # reads all
    assert own_memory() - before < 2**23


def own_memory():
    """Bytes of this process that no file stands behind."""
    (line,) = (x for x in Path('/proc/self/status').read_text().splitlines() if 'RssAnon' in x)
    return int(line.split()[1]) * 1024


def test_copies_open_the_files_themselves(folder):
    bank = FeatureBank(folder)
    image = next(iter(bank))
    features = bank[image]
    data = pickle.dumps(bank)
    assert len(data) < 4000
    for key, maps in pickle.loads(data)[image].items():
        assert torch.equal(maps, features[key])


def test_all_damaged_shards_are_named(folder):
    first, second, _ = sorted(folder.glob('*.safetensors'))
    os.truncate(first, 100)
    data = bytearray(second.read_bytes())
    data[-1] ^= 1
    second.write_bytes(data)
    with pytest.raises(ValueError, match='1 of 3 shards cannot be used') as error:
        FeatureBank(folder)
    assert first.name in str(error.value) and second.name not in str(error.value)
    with pytest.raises(ValueError, match='2 of 3 shards cannot be used') as error:
        FeatureBank(folder, verify='full')
    assert second.name in str(error.value) and 'Build the bank again' in str(error.value)


def test_bank_of_other_weights_is_refused(folder, reader, reader_of):
    bank = FeatureBank(folder)
    bank.require(reader.recipe)
    other = dataclasses.replace(reader.recipe, weights='0' * 64)
    with pytest.raises(ValueError, match=r'other features than asked for: weights: \w+'):
        bank.require(other)
    with pytest.raises(ValueError, match=r"taps: \['mid', 'dec.1'\] here, \['mid'\] there"):
        bank.require(reader_of(['mid']).recipe)


def test_missing_folder_names_those_that_are_there(folder, tmp_path):
    with pytest.raises(FileNotFoundError, match=f'no feature bank in .*nowhere.*{folder.name}'):
        FeatureBank(tmp_path / 'nowhere')
    with pytest.raises(FileNotFoundError, match=f'There are: .*{folder.name}'):
        FeatureBank(tmp_path)
    with pytest.raises(FileNotFoundError, match='Build one first'):
        FeatureBank(tmp_path / 'no' / 'where')


def test_damaged_recipe_is_named(folder):
    (folder / 'recipe.json').write_text('{')
    with pytest.raises(ValueError, match=r'recipe\.json is damaged'):
        FeatureBank(folder)


def test_unknown_verification(folder):
    with pytest.raises(ValueError, match="'sizes', 'full'"):
        FeatureBank(folder, verify='all')


def test_gather_gives_one_map_of_many_images(reader, pictures, tmp_path):
    dataset = pictures(range(5))
    bank = build_feature_bank(dataset, reader, tmp_path, shard_images=2).bank
    images = [content_hash(dataset[i]['inputs']) for i in (4, 0, 2, 0)]
    rows = bank.gather(images, (15, 'mid'))
    assert torch.equal(rows[3], rows[1]) and rows.shape[0] == 4
    for row, image in zip(rows, images):
        assert torch.equal(row.permute(2, 0, 1), bank[image][15, 'mid'])
    with pytest.raises(KeyError):
        bank.gather(['no image'], (15, 'mid'))

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The teacher alone; runs with it are in test_apis/test_build_teacher_bank.py."""

import pytest
import torch

from mmdiffrep.apis.build_teacher_bank import ViewReader
from mmdiffrep.feature_bank import FeatureReader, build_feature_bank
from mmdiffrep.feature_bank.fixed_views import STORED
from mmdiffrep.models.teachers import BankTeacher, DPMTeacher
from mmdiffrep.testing import tiny_teacher

MEAN, STD = [123.675, 116.28, 103.53], [58.395, 57.12, 57.375]
TAPS = ['mid', 'dec.1']


class Pictures:
    def __len__(self):
        return 4

    def __getitem__(self, index):
        generator = torch.Generator().manual_seed(index)
        image = torch.randint(0, 256, (3, 16, 16), generator=generator).byte()
        return dict(inputs=image, data_samples=None)


@pytest.fixture(scope='module')
def network():
    torch.manual_seed(0)
    return DPMTeacher(tiny_teacher(), taps=TAPS, mean=MEAN, std=STD)


@pytest.fixture(scope='module')
def bank(network, tmp_path_factory):
    preprocessor = dict(mean=MEAN, std=STD, bgr_to_rgb=True)
    reader = ViewReader(network, [3, 8, 17], preprocessor, dtype='float32', batch_size=4)
    return build_feature_bank(Pictures(), reader, folder=tmp_path_factory.mktemp('bank')).bank


def teacher_of(bank, taps=TAPS):
    return BankTeacher(str(bank.folder), taps, dtype='float32', mean=MEAN, std=STD)


def batch_of(bank, indices):
    images = [Pictures()[index]['inputs'] for index in indices]
    stored = [bank.stacked(image) for image in map(hash_of, images)]
    return dict(inputs=images, **{STORED: {tap: [maps[tap] for maps in stored] for tap in TAPS}})


def hash_of(image):
    from mmdiffrep.feature_bank import content_hash

    return content_hash(image)


def normalized(images):
    pixels = torch.stack(images).flip(1).float()
    return (pixels - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)


def test_several_draws_per_image_equal_the_network(network, bank):
    teacher, batch = teacher_of(bank), batch_of(bank, [2, 0, 3])
    images = normalized(batch['inputs'])
    t = torch.tensor([3, 17, 8, 8, 3, 17])
    teacher.take(batch)
    assert STORED not in batch
    features = teacher(teacher.to_input(images).repeat(2, 1, 1, 1), t)
    expected = network(network.to_input(images).repeat(2, 1, 1, 1), t)
    assert all(map(torch.equal, features, expected))


def test_it_has_the_facts_of_its_network(network, bank):
    teacher = teacher_of(bank, ['dec.1'])
    assert teacher.channels == network.channels[1:]
    assert teacher.num_timesteps == 20 and teacher.timesteps == (3, 8, 17)
    assert teacher.record == network.record and not teacher.pooled
    assert list(teacher.parameters()) == []


def test_a_bank_of_another_kind_is_named(tmp_path):
    torch.manual_seed(0)
    reader = FeatureReader(tiny_teacher(), TAPS, [3])
    other = build_feature_bank(Pictures(), reader, tmp_path).bank
    with pytest.raises(ValueError, match='is not the bank of a teacher: build it with'):
        teacher_of(other)

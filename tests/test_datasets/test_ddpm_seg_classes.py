# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest

from mmdiffrep.datasets.ddpm_seg_classes import DDPM_SEG_PROTOCOLS


@pytest.mark.parametrize(
    ('name', 'num_train', 'num_test'),
    [
        ('bedroom_28', 40, 20),
        ('ffhq_34', 20, 20),
        ('cat_15', 30, 20),
        ('horse_21', 30, 30),
        ('celeba_19', 20, 500),
        ('ade_bedroom_30', 50, 650),
    ],
)
def test_official_numbers(name, num_train, num_test):
    protocol = DDPM_SEG_PROTOCOLS[name]
    assert len(protocol.classes) == int(name.rsplit('_', 1)[1])
    assert len(set(protocol.classes)) == len(protocol.classes)
    assert (protocol.num_train, protocol.num_test) == (num_train, num_test)
    assert (protocol.unlabeled == 0) == (name == 'bedroom_28')


def test_some_names_in_their_places():
    classes = {name: protocol.classes for name, protocol in DDPM_SEG_PROTOCOLS.items()}
    assert classes['bedroom_28'][0] == 'bed' and classes['bedroom_28'][27] == 'table staff'
    assert classes['ffhq_34'][9] == 'head***eye***iris'
    assert classes['horse_21'][20] == 'leg protection'
    assert classes['celeba_19'][17:] == ('skin', 'u_lip')
    assert classes['ade_bedroom_30'][29] == 'television'

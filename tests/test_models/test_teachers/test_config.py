# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Short forms of a teacher."""

import pytest
from torch import nn

from mmdiffrep.models.teachers.config import teacher_config

ENCODER = dict(type='mmdiffrep.EncoderTeacher', network='timm:resnet18')


@pytest.mark.parametrize(
    ('given', 'expected'),
    [
        ('timm:resnet18', ENCODER),
        ('random:timm:resnet18', dict(ENCODER, init='random')),
        (
            'random:some/ddpm',
            dict(type='mmdiffrep.DPMTeacher', denoiser='some/ddpm', init='random'),
        ),
        ('some/ddpm', 'some/ddpm'),
        (dict(a='some/ddpm'), dict(type='mmdiffrep.TeacherGroup', teachers=dict(a='some/ddpm'))),
        (dict(type='UNet2DDenoiser'), dict(type='UNet2DDenoiser')),
    ],
)
def test_short_forms(given, expected):
    assert teacher_config(given) == expected


def test_a_module_is_an_encoder():
    network = nn.Conv2d(3, 4, 1)
    assert teacher_config(network) == dict(type='mmdiffrep.EncoderTeacher', network=network)

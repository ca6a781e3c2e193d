# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""What is read of a teacher by default."""

import pytest

from mmdiffrep.apis.pretrain_teacher import plan_teacher, short_name


def test_a_decoder_map_of_16_cells():
    plan = plan_teacher('mmdiffrep://toyfaces_ddpm_64')
    assert (plan.tap, plan.size, plan.timestep) == ('dec.3', 64, 50)
    assert plan_teacher('mmdiffrep://toyfaces_ddpm_64', 'mid').tap == 'mid'


def test_the_last_map_of_other_networks():
    plan = plan_teacher('torchvision:resnet18')
    assert (plan.tap, plan.size, plan.timestep) == ('layer4', 224, None)
    assert plan_teacher('random:torchvision:resnet18').tap == 'layer4'


def test_a_host_model_gives_its_backbone():
    teacher = dict(type='mmdiffrep.HostTeacher', config='a.py', checkpoint='a.pth')
    assert plan_teacher(teacher).tap == 'backbone'


@pytest.mark.parametrize(
    ('teacher', 'name'),
    [
        ('mmdiffrep://toyfaces_ddpm_64', 'toyfaces_ddpm_64'),
        ('timm:vit_small_patch14_dinov2', 'vit_small_patch14_dinov2'),
        ('google/ddpm-celebahq-256', 'ddpm_celebahq_256'),
        ('random:torchvision:resnet18', 'resnet18'),
        (dict(type='UNet2DDenoiser', unet={}), 'UNet2DDenoiser'),
    ],
)
def test_short_names(teacher, name):
    assert short_name(teacher) == name

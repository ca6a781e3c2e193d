# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import logging

import pytest
import torch

from mmdiffrep.models.teachers import DPMTeacher
from mmdiffrep.models.teachers.early_check import warn_if_early
from mmdiffrep.testing import greatest_difference, parameters_of, tiny_teacher
from mmdiffrep.testing.tiny_distillation import hook_cfg, run

LOGGER = logging.getLogger('test_early_check')
IMAGES = torch.rand(4, 3, 16, 16) * 2 - 1
T = torch.full((4,), 3)


def checked(teacher, features, caplog):
    with caplog.at_level(logging.INFO, LOGGER.name):
        warn_if_early(teacher, IMAGES, T, features, LOGGER)
    return caplog.records


def test_a_random_teacher_is_as_good_as_random(caplog):
    teacher = DPMTeacher(tiny_teacher(), ['mid', 'dec.0'])
    (record,) = checked(teacher, teacher(IMAGES, T), caplog)
    assert record.levelname == 'INFO'
    assert 'mid' in record.message and 'dec.0' in record.message


def test_maps_of_one_direction_are_warned_of(caplog):
    teacher = DPMTeacher(tiny_teacher(), ['mid'])
    channels = teacher.channels[0]
    flat = torch.randn(4, 1, 8, 8).expand(-1, channels, -1, -1)
    (record,) = checked(teacher, (flat,), caplog)
    assert record.levelname == 'WARNING'
    assert 'mid 1.0 (random weights: ' in record.message and 'train it longer' in record.message


def test_a_teacher_without_timesteps_is_passed_over(caplog):
    assert checked(torch.nn.Conv2d(3, 3, 1), (IMAGES,), caplog) == []


@pytest.mark.parametrize('noise', ['none', 'fresh'])
def test_the_check_changes_nothing(tmp_path, noise):
    runs = [
        run(tmp_path / str(check), 2, hook_cfg(noise=noise, check_teacher=check))
        for check in (True, False)
    ]
    assert greatest_difference(*(parameters_of(r.model) for r in runs)) == 0

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""A model whose folder says no schedule takes clean images alone."""

import pytest
import torch

from mmdiffrep.diffusion.unknown_schedule import UnknownSchedule


def test_timesteps_are_known_and_noise_is_not():
    schedule, image = UnknownSchedule('some/folder'), torch.zeros(1, 3, 4, 4)
    assert schedule.num_timesteps == 1000 and schedule.settings == dict(schedule='unknown')
    assert schedule.check_timesteps(7, 2).tolist() == [7, 7]
    for ask in (
        lambda: schedule.add_noise(image, image, 3),
        lambda: schedule.noise_level(3),
        lambda: schedule.nearest_timestep(0.5),
        lambda: schedule.scheduler_config,
    ):
        with pytest.raises(ValueError, match="'some/folder' cannot .*schedule='linear'"):
            ask()

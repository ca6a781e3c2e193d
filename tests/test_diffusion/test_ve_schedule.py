# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
import torch
from diffusers import (
    ScoreSdeVeScheduler,
    UNet2DModel,
)

from mmdiffrep.diffusion import UNet2DDenoiser, build_schedule
from mmdiffrep.diffusion.ve_schedule import VESchedule

X, EPS = torch.randn(3, 3, 8, 8), torch.randn(3, 3, 8, 8)


UNET = dict(
    sample_size=8,
    block_out_channels=(8, 8),
    norm_num_groups=4,
    layers_per_block=1,
    down_block_types=('DownBlock2D', 'DownBlock2D'),
    up_block_types=('UpBlock2D', 'UpBlock2D'),
    add_attention=False,
)


def schedule_of(scheduler):
    return build_schedule({**scheduler.config, '_class_name': type(scheduler).__name__})


def test_ncsnpp_is_told_sigma_and_given_0_to_1():
    scheduler = ScoreSdeVeScheduler(num_train_timesteps=20, sigma_max=50.0)
    schedule = schedule_of(scheduler)
    assert isinstance(schedule, VESchedule)
    torch.testing.assert_close(schedule.sigmas.float(), scheduler.discrete_sigmas)
    t = torch.tensor([0, 7, 19])
    image, sigma = schedule.network_input(schedule.add_noise(X, EPS, t), t)
    torch.testing.assert_close(sigma, scheduler.discrete_sigmas[t])
    torch.testing.assert_close(image, (X + 1) / 2 + sigma.view(-1, 1, 1, 1) * EPS)
    network = UNet2DModel(**UNET, time_embedding_type='fourier').eval()
    found = UNet2DDenoiser(network, schedule).predict(X, t)
    assert torch.equal(found, network((X + 1) / 2, sigma).sample)


@pytest.mark.parametrize(
    ('kind', 'schedule'), [('fourier', 'linear'), ('fourier', 'edm'), ('positional', 've')]
)
def test_a_time_embedding_that_does_not_take_this_time_is_refused(kind, schedule):
    unet = dict(UNET, time_embedding_type=kind)
    with pytest.raises(ValueError, match=f"time_embedding_type='{kind}' does not go with"):
        UNet2DDenoiser.build(unet=unet, schedule=schedule)

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""What guided-diffusion's flags mean."""

import pytest
import torch

from mmdiffrep.diffusion.denoisers.adm_flags import (
    flag_hint,
    parse_attention,
    parse_channel_mult,
    schedule_of_flags,
)


def test_channel_mult_of_the_flag_or_of_the_size():
    assert parse_channel_mult('1,2,2.5', 48) == (1, 2, 2.5)
    assert parse_channel_mult('', 64) == (1, 2, 3, 4)
    with pytest.raises(ValueError, match=r'must be one of 32, 64.*got 48.*channel_mult'):
        parse_channel_mult('', 48)


def test_attention_resolutions_become_strides():
    assert parse_attention('32,16,8', 64) == (2, 4, 8)
    assert parse_attention('', 64) == ()


def test_a_linear_schedule_keeps_the_total_noise():
    short, long = (schedule_of_flags('linear', steps, False) for steps in (100, 1000))
    assert short.num_timesteps == 100
    assert float(short.levels[-1]) == pytest.approx(float(long.levels[-1]), rel=1e-3)
    with pytest.raises(ValueError, match="noise_schedule must be one of 'linear', 'cosine'"):
        schedule_of_flags('cosin', 1000, False)


def test_weights_of_another_network_are_told_apart():
    unet = dict(model_channels=32)
    assert 'does not look like' in flag_hint({'conv.weight': torch.zeros(1)}, unet)

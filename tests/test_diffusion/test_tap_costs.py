# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from mmdiffrep.diffusion.denoisers import load_denoiser
from mmdiffrep.diffusion.tap_costs import tap_costs

ADM = dict(
    type='ADMDenoiser',
    image_size=16,
    num_channels=32,
    num_res_blocks=1,
    channel_mult='1,2',
    attention_resolutions='8',
)
CELEBAHQ_256 = dict(
    type='UNet2DDenoiser',
    unet=dict(
        sample_size=256,
        block_out_channels=(128, 128, 256, 256, 512, 512),
        layers_per_block=2,
        down_block_types=('DownBlock2D',) * 4 + ('AttnDownBlock2D', 'DownBlock2D'),
        up_block_types=('UpBlock2D', 'AttnUpBlock2D') + ('UpBlock2D',) * 4,
    ),
)


def on_meta(cfg, taps=None):
    with torch.device('meta'):
        denoiser = load_denoiser(cfg, taps=taps)
    assert denoiser.taps, 'the first look traces a pass, which must not be counted'
    return denoiser


def flops(run) -> int:
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        run()
    return counter.get_total_flops()


@pytest.mark.parametrize('tap', ['enc.2', 'mid', 'dec.1', 'dec.1@in'])
def test_share_is_that_of_the_truncated_network(tap):
    whole, cut = on_meta(ADM), on_meta(ADM, taps=[tap])
    image = torch.empty(1, 3, 32, 32, device='meta')
    share = flops(lambda: cut(image, 0)) / flops(lambda: whole.predict(image, 0))
    assert tap_costs(whole, [tap], size=32) == {tap: pytest.approx(share)}


def test_shares_grow_along_the_pass():
    shares = list(tap_costs(on_meta(ADM)).values())
    assert shares == sorted(shares)
    assert shares[0] > 0 and shares[-1] < 1


def test_middle_of_celebahq_256_costs_27_percent():
    assert tap_costs(on_meta(CELEBAHQ_256), ['mid'])['mid'] == pytest.approx(0.272, abs=5e-4)


def test_needs_the_meta_device():
    with pytest.raises(ValueError, match='meta'):
        tap_costs(load_denoiser(ADM))

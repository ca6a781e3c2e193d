# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
import torch
from diffusers import DDPMPipeline, DDPMScheduler, UNet2DModel

from mmdiffrep.diffusion import TapError, UNet2DDenoiser, load_denoiser

TINY = dict(
    sample_size=8,
    block_out_channels=(8, 8),
    norm_num_groups=4,
    layers_per_block=1,
    down_block_types=('DownBlock2D', 'DownBlock2D'),
    up_block_types=('UpBlock2D', 'UpBlock2D'),
    add_attention=False,
)


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp('model')
    scheduler = DDPMScheduler(num_train_timesteps=100)
    DDPMPipeline(UNet2DModel(**TINY), scheduler).save_pretrained(folder)
    return str(folder)


@pytest.mark.parametrize('prefix', ['', 'mmdiffrep.'])
def test_folder_and_dict_give_the_same(folder, prefix):
    one = load_denoiser(folder, taps=['mid'])
    other = load_denoiser(dict(type=f'{prefix}UNet2DDenoiser', pretrained=folder), taps=['mid'])
    assert isinstance(one, UNet2DDenoiser)
    assert one.source == other.source == folder
    assert one.weights_hash == other.weights_hash == load_denoiser(folder).weights_hash
    assert one.schedule.num_timesteps == 100
    x = torch.randn(2, 3, 8, 8)
    assert torch.equal(one(x, 3)['mid'], other(x, 3)['mid'])


def test_schedule_can_be_given(folder):
    cfg = dict(type='UNet2DDenoiser', pretrained=folder, schedule=dict(name='cosine'))
    assert load_denoiser(cfg).schedule.num_timesteps == 1000


def test_adm_is_known():
    with pytest.raises(ValueError, match="ADMDenoiser has no argument 'image_sise'"):
        load_denoiser(dict(type='mmdiffrep.ADMDenoiser', image_sise=64))


def test_wrong_configs(folder):
    with pytest.raises(ValueError, match="one of ADMDenoiser, DiTDenoiser, .* got 'UNet'"):
        load_denoiser(dict(type='UNet'))
    with pytest.raises(ValueError, match=r"no argument 'pretrain'\. Did you mean pretrained"):
        load_denoiser(dict(type='UNet2DDenoiser', pretrain=folder))
    with pytest.raises(ValueError, match="no argument 'taps'"):
        load_denoiser(dict(type='UNet2DDenoiser', pretrained=folder, taps=['mid']))
    with pytest.raises(TapError, match=r"no tap 'enc\.7'"):
        load_denoiser(folder, taps=['enc.7'])

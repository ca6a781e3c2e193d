# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""A network of diffusers from its folder: sizes, schedule, hash, and what is refused."""

import json

import pytest
import torch
from diffusers import DDIMScheduler

from mmdiffrep.diffusion import Condition
from mmdiffrep.diffusion.denoisers.pixart import PixArtDenoiser
from mmdiffrep.diffusion.denoisers.unet2d_condition import UNet2DConditionDenoiser
from mmdiffrep.testing.tiny_latent import TINY_LATENT

CONFIG = TINY_LATENT['pixart']['config']


@pytest.fixture(scope='module')
def saved(tmp_path_factory):
    """A network, and the folder of a pipeline that has it, with a VAE of 4 pixels per cell."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp('pipeline')
    network = PixArtDenoiser.network_class(**CONFIG).eval()
    network.save_pretrained(folder / 'transformer')
    DDIMScheduler(num_train_timesteps=50).save_pretrained(folder / 'scheduler')
    (folder / 'vae').mkdir()
    (folder / 'vae' / 'config.json').write_text(json.dumps(dict(block_out_channels=[8, 8, 8])))
    return network, folder


def test_weights_schedule_and_size_of_a_cell_are_those_of_the_folder(saved):
    network, folder = saved
    denoiser = PixArtDenoiser.from_pretrained(str(folder))
    expected = network.state_dict()
    found = denoiser.network.state_dict()
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[key], expected[key]) for key in expected)
    assert denoiser.schedule.num_timesteps == 50 and denoiser.pixels_per_cell == 4
    assert denoiser.source == str(folder)


def test_settings_and_schedule_can_be_given(saved):
    denoiser = PixArtDenoiser.build(
        pretrained=str(saved[1]), schedule='linear', image_size=24, dtype='bfloat16'
    )
    assert denoiser.schedule.num_timesteps == 1000 and denoiser.image_size == 24
    assert {value.dtype for value in denoiser.parameters()} == {torch.bfloat16}


def test_a_cut_network_has_the_hash_of_its_files(saved):
    whole = PixArtDenoiser.from_pretrained(str(saved[1]))
    cut = PixArtDenoiser.from_pretrained(str(saved[1]), taps=['block.0'])
    assert sum(v.numel() for v in cut.parameters()) < sum(v.numel() for v in whole.parameters())
    assert cut.weights_hash == whole.weights_hash


def test_random_weights_are_of_the_familys_own_schedule():
    denoiser = PixArtDenoiser.build(config=CONFIG)
    assert denoiser.source == 'PixArtDenoiser with random weights'
    assert denoiser.schedule.num_timesteps == 1000 and denoiser.image_size == 16
    assert denoiser.settings['family'] == 'PixArtDenoiser'
    assert denoiser.settings['num_layers'] == CONFIG['num_layers']
    assert not any(key.startswith('_') for key in denoiser.settings)


def test_without_weights_everything_is_on_the_meta_device(saved):
    denoiser = PixArtDenoiser.without_weights(str(saved[1]))
    assert all(value.is_meta for value in denoiser.parameters())
    assert list(denoiser.taps) == [f'block.{i}' for i in range(CONFIG['num_layers'])]


def test_folder_or_config_but_not_both(saved):
    for given, found in ((dict(), 'none'), (dict(pretrained=str(saved[1]), config=CONFIG), 'and')):
        with pytest.raises(ValueError, match=f'takes either pretrained or config, got .*{found}'):
            PixArtDenoiser.build(**given)


def test_a_network_of_another_family_is_refused(saved):
    with pytest.raises((FileNotFoundError, ValueError), match='UNet2DConditionModel'):
        UNet2DConditionDenoiser.from_pretrained(str(saved[1] / 'transformer'))


def test_what_a_condition_lacks_is_named():
    denoiser = PixArtDenoiser.build(config=CONFIG)
    x = torch.zeros(1, 4, 16, 16)
    with pytest.raises(ValueError, match=r'needs prompt_embeds .*Condition\(prompt_embeds='):
        denoiser.predict(x, 3, Condition())
    with pytest.raises(ValueError, match=r'prompt_embeds \(B, L, 16\).*another model'):
        denoiser.predict(x, 3, Condition(prompt_embeds=torch.zeros(1, 5, 8)))

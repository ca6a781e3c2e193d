# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
import torch

from mmdiffrep.diffusion.denoisers import ADMDenoiser
from mmdiffrep.diffusion.denoisers.adm_presets import ADM_PRESETS, preset_of_file


@pytest.mark.parametrize(
    ('preset', 'parameters'),
    [
        ('adm-64', 295_904_454),
        ('adm-128', 421_529_606),
        ('adm-256', 553_838_086),
        ('adm-256-uncond', 552_814_086),
        ('adm-512', 558_997_638),
    ],
)
def test_presets_have_the_published_sizes(preset, parameters):
    with torch.device('meta'):
        denoiser = ADMDenoiser.build(**ADM_PRESETS[preset])
    assert sum(each.numel() for each in denoiser.parameters()) == parameters


@pytest.mark.parametrize(
    ('path', 'preset'),
    [
        ('models/64x64_diffusion.pt', 'adm-64'),
        ('256x256_diffusion.pt', 'adm-256'),
        ('256x256_diffusion_uncond.pt', 'adm-256-uncond'),
        ('/weights/lsun_horse_nodropout.pt', 'adm-lsun'),
    ],
)
def test_published_files_are_known(path, preset):
    assert preset_of_file(path) == preset


@pytest.mark.parametrize('file', ['64x64_diffusion.pt', '256x256_diffusion_uncond.pt'])
def test_a_published_file_that_is_missing_is_named_with_its_origin(file, tmp_path):
    with pytest.raises(FileNotFoundError, match=f'{file} does not exist.*openai/guided-diffusion'):
        ADMDenoiser.from_pretrained(str(tmp_path / file))


def test_another_file_that_is_missing_has_no_known_origin(tmp_path):
    with pytest.raises(FileNotFoundError, match='ffhq.pt does not exist') as error:
        ADMDenoiser.build(str(tmp_path / 'ffhq.pt'))
    assert 'guided-diffusion' not in str(error.value)


def test_other_files_need_a_preset():
    with pytest.raises(ValueError, match='name a preset'):
        ADMDenoiser.from_pretrained('ffhq.pt')


def test_improved_diffusion_tells_its_4000_timesteps_as_0_to_1000():
    tiny = dict(num_channels=32, num_res_blocks=1)
    cfg = dict(ADM_PRESETS[preset_of_file('cifar10_uncond_50M_500K.pt')], **tiny)
    denoiser = ADMDenoiser.build(**cfg)
    told = []
    denoiser.network.register_forward_pre_hook(lambda _, args: told.append(args[1]))
    denoiser(torch.zeros(2, 3, 32, 32), torch.tensor([0, 3998]), taps=['mid'])
    assert told[-1].tolist() == [0, 999.5]
    assert denoiser.settings['channel_mult'] == (1, 2, 2, 2)
    cfg = dict(ADM_PRESETS[preset_of_file('imagenet64_cond_270M_250K.pt')], **tiny)
    assert ADMDenoiser.build(**cfg).settings['timestep_scale'] is None


def test_how_timesteps_are_told_is_asked_for_when_it_matters():
    flags = dict(image_size=32, num_channels=32, num_res_blocks=1)
    with pytest.raises(ValueError, match='rescale_timesteps=True or False.*improved-diffusion'):
        ADMDenoiser.build(**flags, diffusion_steps=4000)
    assert ADMDenoiser.build(**flags, diffusion_steps=1000).settings['timestep_scale'] is None

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
    with pytest.raises(FileNotFoundError, match=f'{file}.* Put it there.*/openai/guided-diffusion'):
        ADMDenoiser.from_pretrained(str(tmp_path / file))


def test_another_file_that_is_missing_has_no_known_origin(tmp_path):
    with pytest.raises(FileNotFoundError, match='Put it there') as error:
        ADMDenoiser.build(str(tmp_path / 'ffhq.pt'))
    assert 'guided-diffusion' not in str(error.value)


def test_other_files_need_a_preset():
    with pytest.raises(ValueError, match='name a preset'):
        ADMDenoiser.from_pretrained('ffhq.pt')

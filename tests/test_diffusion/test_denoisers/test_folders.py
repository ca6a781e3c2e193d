# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import json

import pytest

from mmdiffrep.diffusion.denoisers.dit import DiTDenoiser
from mmdiffrep.diffusion.denoisers.folders import config_of_folder, family_of_folder
from mmdiffrep.diffusion.denoisers.unet2d import UNet2DDenoiser


def write_config(folder, name):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / 'config.json').write_text(json.dumps(dict(_class_name=name)))


@pytest.mark.parametrize('place', ['', 'unet'])
def test_a_network_is_found_bare_and_in_a_pipeline(tmp_path, place):
    write_config(tmp_path / place, 'UNet2DModel')
    expected = dict(type='UNet2DDenoiser', pretrained=str(tmp_path))
    assert config_of_folder(str(tmp_path)) == expected
    assert family_of_folder(tmp_path) is UNet2DDenoiser


@pytest.mark.parametrize('name', ['DiTTransformer2DModel', 'Transformer2DModel'])
def test_a_vae_makes_it_a_model_of_images(tmp_path, name):
    write_config(tmp_path / 'transformer', name)
    assert config_of_folder(str(tmp_path))['type'] == 'DiTDenoiser'
    write_config(tmp_path / 'vae', 'AutoencoderKL')
    assert config_of_folder(str(tmp_path))['type'] == 'LatentDiffusion'
    assert family_of_folder(tmp_path) is DiTDenoiser


def test_a_network_that_no_family_reads_is_named(tmp_path):
    write_config(tmp_path / 'unet', 'UNet3DConditionModel')
    message = r'(?s)UNet3DConditionModel.*added with register_family'
    with pytest.raises(ValueError, match=message):
        config_of_folder(str(tmp_path))


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match='nowhere'):
        config_of_folder(str(tmp_path / 'nowhere'))

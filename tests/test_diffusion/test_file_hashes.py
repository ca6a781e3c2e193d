# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Hashes are computed once for the files that they are of."""

import os

import pytest
import torch
from diffusers import DDPMScheduler

from mmdiffrep.diffusion import file_hashes, load_denoiser
from mmdiffrep.diffusion.file_hashes import cache_folder, hash_files
from mmdiffrep.diffusion.weights import hash_weights
from mmdiffrep.testing import tiny_dit, tiny_teacher

ADM = dict(
    type='ADMDenoiser',
    image_size=16,
    num_channels=32,
    num_res_blocks=1,
    channel_mult='1,2',
    attention_resolutions='8',
)


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv('MMDIFFREP_CACHE', str(tmp_path / 'cache'))


def saved(kind, folder):
    """Writes a random network; gives its config, its file, and itself."""
    cfg = dict(UNet2D=tiny_teacher(), DiT=tiny_dit(), ADM=ADM)[kind]
    network = load_denoiser(cfg).network
    if kind == 'ADM':
        file = folder / 'adm.pt'
        torch.save(network.state_dict(), file)
        return dict(ADM, checkpoint=str(file)), file, network
    name = dict(UNet2D='unet', DiT='transformer')[kind]
    network.save_pretrained(folder / name)
    DDPMScheduler(num_train_timesteps=20).save_pretrained(folder / 'scheduler')
    cfg = dict(type=f'{kind}Denoiser', pretrained=str(folder))
    return cfg, folder / name / 'diffusion_pytorch_model.safetensors', network


@pytest.mark.parametrize('kind', ['UNet2D', 'DiT', 'ADM'])
def test_values_are_hashed_once_for_all_cuts(kind, tmp_path, monkeypatch):
    cfg, file, network = saved(kind, tmp_path)
    first = 'block.0' if kind == 'DiT' else 'enc.0'
    whole = load_denoiser(cfg).weights_hash
    cut = load_denoiser(cfg, taps=[first])
    assert cut.weights_hash == whole == hash_weights(network)
    monkeypatch.setattr(file_hashes, 'hash_weights', lambda network: 1 / 0)
    last = 'block.2' if kind == 'DiT' else 'mid'
    assert load_denoiser(cfg, taps=[last]).weights_hash == whole
    with pytest.raises(ZeroDivisionError):  # rounded weights are other weights
        load_denoiser(cfg, taps=[last], dtype='bfloat16')
    stat = file.stat()
    os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1))
    with pytest.raises(ZeroDivisionError):  # it may be another file
        load_denoiser(cfg, taps=[last])


def test_files_that_are_gone_are_forgotten(tmp_path):
    first, second = tmp_path / 'a', tmp_path / 'b'
    first.write_bytes(b'1')
    digest = hash_files([first])
    assert str(first) in (cache_folder() / 'hashes.json').read_text()
    first.rename(second)
    assert hash_files([second]) == digest
    assert f'{first} ' not in (cache_folder() / 'hashes.json').read_text()


def test_a_cache_that_cannot_be_read_or_written_is_no_error(tmp_path, monkeypatch):
    (tmp_path / 'file').write_bytes(b'1')
    digest = hash_files([tmp_path / 'file'])
    (cache_folder() / 'hashes.json').write_text('{')
    assert hash_files([tmp_path / 'file']) == digest
    monkeypatch.setenv('MMDIFFREP_CACHE', str(tmp_path / 'file' / 'below'))
    assert hash_files([tmp_path / 'file']) == digest

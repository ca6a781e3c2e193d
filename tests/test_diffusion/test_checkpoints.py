# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import json
import logging
import shutil

import pytest
import safetensors.torch
import torch
from diffusers import DDIMScheduler, DDPMPipeline, UNet2DModel
from huggingface_hub.utils import filter_repo_objects

from mmdiffrep.diffusion import UNet2DDenoiser, build_schedule, checkpoints
from mmdiffrep.diffusion.checkpoints import load_unet2d, resolve_folder

ARGS = dict(
    sample_size=8,
    block_out_channels=(8, 8),
    norm_num_groups=4,
    attention_head_dim=4,
    layers_per_block=1,
    down_block_types=('DownBlock2D', 'AttnDownBlock2D'),
    up_block_types=('AttnUpBlock2D', 'UpBlock2D'),
)


@pytest.fixture(scope='module')
def pipeline(tmp_path_factory):
    """A diffusers pipeline in a folder, and its network."""
    folder = tmp_path_factory.mktemp('pipeline')
    unet = UNet2DModel(**ARGS)
    DDPMPipeline(unet, DDIMScheduler(num_train_timesteps=50)).save_pretrained(folder)
    return folder, unet


@pytest.fixture
def copied(pipeline, tmp_path):
    return shutil.copytree(pipeline[0], tmp_path / 'copy')


def equal(one, other):
    one, other = one.state_dict(), other.state_dict()
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


def test_pipeline_folder(pipeline):
    folder, unet = pipeline
    network, schedule = load_unet2d(str(folder))
    assert equal(network, unet)
    assert schedule.num_timesteps == 50
    assert not network.training


def test_a_network_finds_the_schedule_beside_it(pipeline):
    network, schedule = load_unet2d(str(pipeline[0] / 'unet'))
    assert equal(network, pipeline[1])
    assert schedule.num_timesteps == 50


def test_without_a_schedule_only_clean_images_can_be_read(copied, caplog):
    shutil.rmtree(copied / 'scheduler')
    with caplog.at_level(logging.WARNING, logger='mmdiffrep'):
        denoiser = UNet2DDenoiser.from_pretrained(str(copied), taps=['mid'])
    x = torch.zeros(1, 3, 8, 8)
    assert denoiser(x, 50)['mid'].isfinite().all()
    for refused in (
        lambda: denoiser.schedule.add_noise(x, x, 50),
        lambda: denoiser.schedule.noise_level(50),
        lambda: denoiser.schedule.nearest_timestep(0.5),
    ):
        with pytest.raises(ValueError, match=r'has no scheduler_config\.json.*schedule='):
            refused()
    given = UNet2DDenoiser.build(pretrained=str(copied), schedule='cosine', taps=['mid'])
    assert torch.equal(given.schedule.levels, build_schedule('cosine').levels)
    assert not caplog.text


def test_the_given_schedule_is_taken_and_the_folder_not_read(copied):
    (copied / 'scheduler' / 'scheduler_config.json').write_text('{}')
    assert UNet2DDenoiser.build(pretrained=str(copied), schedule='cosine').schedule.num_timesteps


def test_averaged_weights_beside_the_network_are_named(copied, caplog):
    shutil.copytree(copied / 'unet', copied / 'unet_ema')
    with caplog.at_level(logging.WARNING, logger='mmdiffrep'):
        load_unet2d(str(copied))
    assert str(copied / 'unet_ema') in caplog.text
    _, schedule = load_unet2d(str(copied / 'unet_ema'))
    assert schedule.num_timesteps == 50


def test_old_flat_layout(copied, pipeline):
    # as google/ddpm-cifar10-32 keeps it: U-Net and scheduler side by side
    for part in ('unet', 'scheduler'):
        for file in (copied / part).iterdir():
            file.rename(copied / file.name)
        (copied / part).rmdir()
    network, schedule = load_unet2d(str(copied))
    assert equal(network, pipeline[1])
    assert schedule.num_timesteps == 50


@pytest.mark.parametrize(('variant', 'size'), [(None, '1GB'), ('fp16', '1GB'), ('fp16', '10KB')])
def test_half_precision_weights_load_as_fp32(tmp_path, variant, size):
    unet = UNet2DModel(**ARGS).half()
    unet.save_pretrained(tmp_path, variant=variant, max_shard_size=size)
    shards = len(list(tmp_path.glob('*.safetensors')))
    assert (shards > 1) == (size == '10KB')
    network, _ = load_unet2d(str(tmp_path))
    assert {value.dtype for value in network.state_dict().values()} == {torch.float32}
    assert equal(network, unet.float())


def test_pickled_weights_load_without_code(tmp_path):
    unet = UNet2DModel(**ARGS)
    unet.save_pretrained(tmp_path, safe_serialization=False)
    assert (tmp_path / 'diffusion_pytorch_model.bin').is_file()
    assert equal(load_unet2d(str(tmp_path))[0], unet)


def test_damaged_weights(copied):
    file = copied / 'unet' / 'diffusion_pytorch_model.safetensors'
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(ValueError, match='could not be read'):
        load_unet2d(str(copied))
    file.unlink()
    with pytest.raises(ValueError, match='no diffusion_pytorch_model file'):
        load_unet2d(str(copied))


def test_weights_that_do_not_fit_the_config(copied):
    file = copied / 'unet' / 'diffusion_pytorch_model.safetensors'
    weights = safetensors.torch.load_file(file)
    weights['conv_inn.weight'] = weights.pop('conv_in.weight')
    safetensors.torch.save_file(weights, file, metadata={'format': 'pt'})
    with pytest.raises(ValueError, match=r'does not fit its config.*missing.*conv_in\.'):
        load_unet2d(str(copied))


def test_another_kind_of_model(copied):
    (copied / 'unet' / 'config.json').write_text(json.dumps({'_class_name': 'AutoencoderKL'}))
    with pytest.raises(ValueError, match=r"must be one of 'UNet2DModel', got 'AutoencoderKL'"):
        load_unet2d(str(copied))


def test_folder_without_a_model(tmp_path):
    (tmp_path / 'notes.txt').touch()
    with pytest.raises(FileNotFoundError, match=r"config\.json, but \['notes.txt'\]"):
        load_unet2d(str(tmp_path))


def test_names_that_are_neither_folder_nor_hub_id():
    with pytest.raises(FileNotFoundError, match='neither an existing folder nor a hub id'):
        resolve_folder('/no/such/folder')
    with pytest.raises(FileNotFoundError, match="has no model 'mmdiffrep://nothing'; it has"):
        resolve_folder('mmdiffrep://nothing')


def test_a_file_is_no_diffusers_model(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'models').mkdir()
    (tmp_path / 'models' / 'x.pt').touch()
    for name in ('models/x.pt', str(tmp_path / 'models' / 'x.pt')):  # the first looks like a hub id
        with pytest.raises(ValueError, match=r"is a file, .* dict\(type='ADMDenoiser'"):
            resolve_folder(name)


@pytest.mark.parametrize('name', ['unet/config.json', 'scheduler/scheduler_config.json'])
def test_damaged_description_is_named(copied, name):
    (copied / name).write_text('{"_class_name": ')
    with pytest.raises(ValueError, match=f'{name}.* is damaged or incomplete'):
        load_unet2d(str(copied))


def test_an_error_of_the_hub_without_a_text(monkeypatch):
    def fail(*_, **__):
        raise TimeoutError

    monkeypatch.setattr(checkpoints, 'snapshot_download', fail)
    with pytest.raises(FileNotFoundError, match='model hub: TimeoutError'):
        resolve_folder('some/model')


def test_hub_id_without_a_network_says_how_to_go_on():
    with pytest.raises(FileNotFoundError, match=r'the path of its folder .* in place of the id'):
        load_unet2d('nobody/no-such-model')


def test_hub_model_prefers_safetensors(pipeline, tmp_path, monkeypatch):
    asked = []

    def snapshot(hub_id, allow_patterns, ignore_patterns):
        asked.append(allow_patterns)
        return str(tmp_path if len(asked) < 3 else pipeline[0])

    monkeypatch.setattr(checkpoints, 'snapshot_download', snapshot)
    assert resolve_folder('some/model') == pipeline[0]
    assert any(name.endswith('.safetensors') for name in asked[0])
    assert not any(name.endswith('.bin') for name in asked[0])
    assert any(name.endswith('.bin') for name in asked[2])


def test_what_a_text_model_needs_is_fetched_once(tmp_path, monkeypatch):
    files = [
        'model_index.json',
        'tokenizer/vocab.json',
        'tokenizer_2/merges.txt',
        'text_encoder/config.json',
        'text_encoder/model.safetensors',
        'unet/diffusion_pytorch_model.safetensors',
        'vae/config.json',
        'scheduler/scheduler_config.json',
    ]
    left = [
        'text_encoder/model.fp16.safetensors',
        'text_encoder/pytorch_model.bin',
        'unet/diffusion_pytorch_model.fp16.safetensors',
        'unet/diffusion_pytorch_model.non_ema.safetensors',
        'safety_checker/model.safetensors',
        'v2-1_768-ema-pruned.safetensors',
    ]

    def snapshot(hub_id, allow_patterns, ignore_patterns):
        fetched = filter_repo_objects(
            files + left, allow_patterns=allow_patterns, ignore_patterns=ignore_patterns
        )
        for name in fetched:
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).touch()
        return str(tmp_path)

    monkeypatch.setattr(checkpoints, 'snapshot_download', snapshot)
    resolve_folder('some/model')
    found = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob('*') if path.is_file()}
    assert found == set(files)


def test_asset_scheme(pipeline, monkeypatch):
    monkeypatch.setattr(checkpoints, '_ASSETS', pipeline[0].parent)
    assert resolve_folder(f'mmdiffrep://{pipeline[0].name}') == pipeline[0]

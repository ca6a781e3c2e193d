# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import json

import pytest
import torch
from diffusers import UNet2DConditionModel
from safetensors.torch import load_file, save_file

from mmdiffrep.diffusion import UNet2DConditionDenoiser, file_hashes, partial_load
from mmdiffrep.diffusion.checkpoints import load_network
from mmdiffrep.diffusion.file_hashes import hash_files
from mmdiffrep.diffusion.partial_load import find_weights
from mmdiffrep.testing.tiny_latent import TINY_LATENT

CONFIG = TINY_LATENT['sd']['config']
SINGLE = 'diffusion_pytorch_model.safetensors'


@pytest.fixture(scope='module')
def network():
    torch.manual_seed(0)
    return UNet2DConditionModel(**CONFIG).eval()


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv('MMDIFFREP_CACHE', str(tmp_path / 'cache'))


def read(denoiser, taps):
    x = torch.randn(1, 4, 15, 10, generator=torch.Generator().manual_seed(0))
    cond = denoiser.example_condition('cpu')
    return denoiser(x.to(denoiser.network.dtype), 7, cond, taps=taps)


@pytest.mark.parametrize('taps', [['module:up_blocks.0'], ['enc.1'], ['mid', 'dec.4@in']])
def test_a_cut_network_holds_its_own_weights_alone(network, tmp_path, taps, monkeypatch):
    network.save_pretrained(tmp_path)
    read_names = []
    opened = partial_load.safe_open

    class Spy:
        def __init__(self, *args, **kwargs):
            self.file = opened(*args, **kwargs)

        def __enter__(self):
            self.inner = self.file.__enter__()
            return self

        def __exit__(self, *args):
            return self.file.__exit__(*args)

        def keys(self):
            return self.inner.keys()

        def get_tensor(self, name):
            read_names.append(name)
            return self.inner.get_tensor(name)

    monkeypatch.setattr(partial_load, 'safe_open', Spy)
    cut = UNet2DConditionDenoiser.build(pretrained=str(tmp_path), schedule='linear', taps=taps)
    assert sorted(read_names) == sorted(cut.network.state_dict())
    assert len(read_names) < 0.9 * len(network.state_dict())
    whole = UNet2DConditionDenoiser(network, cut.schedule)
    expected = read(whole, taps)
    for tap, value in read(cut, taps).items():
        assert torch.equal(value, expected[tap])


@pytest.mark.parametrize(
    'options',
    [
        dict(),
        dict(max_shard_size='40KB'),
        dict(variant='fp16'),
        dict(variant='fp16', max_shard_size='40KB'),
        dict(variant='non_ema'),
    ],
)
def test_all_layouts_of_files(network, tmp_path, options):
    network.save_pretrained(tmp_path, **options)
    if options.get('max_shard_size'):
        assert len(list(tmp_path.glob('*-of-*'))) > 1
    cut = UNet2DConditionDenoiser.from_pretrained(str(tmp_path), ['enc.2'], dtype='bfloat16')
    assert {value.dtype for value in cut.parameters()} == {torch.bfloat16}
    weight = network.conv_in.weight.to(torch.bfloat16)
    assert torch.equal(cut.network.conv_in.weight, weight)
    assert read(cut, ['enc.2'])['enc.2'].isfinite().all()


def test_the_plain_files_come_first_and_a_variant_can_be_named(network, tmp_path):
    network.save_pretrained(tmp_path)
    network.save_pretrained(tmp_path, variant='non_ema')
    assert {path.name for path in find_weights(tmp_path).values()} == {SINGLE}
    assert {path.name for path in find_weights(tmp_path, 'non_ema').values()} == {
        'diffusion_pytorch_model.non_ema.safetensors'
    }
    with pytest.raises(FileNotFoundError, match="no safetensors weights of the variant 'fp16'"):
        find_weights(tmp_path, 'fp16')


def test_weights_in_two_layouts_may_be_of_two_models(network, tmp_path):
    """An export over a folder with older shards, whose index loaders would prefer."""
    network.save_pretrained(tmp_path / 'old', max_shard_size='40KB')
    network.save_pretrained(tmp_path / 'new')
    for path in (tmp_path / 'new').iterdir():
        path.replace(tmp_path / 'old' / path.name)
    with pytest.raises(ValueError, match=r'model\.safetensors and .*index\.json, which'):
        find_weights(tmp_path / 'old')
    with pytest.raises(ValueError, match='weights of two models'):
        load_network(type(network), tmp_path / 'old')


def test_an_index_may_not_point_out_of_its_folder(network, tmp_path):
    network.save_pretrained(tmp_path, max_shard_size='40KB')
    index = tmp_path / f'{SINGLE}.index.json'
    content = json.loads(index.read_text())
    for outside in ('../other.safetensors', '/etc/passwd', 'a/b.safetensors'):
        content['weight_map']['conv_in.weight'] = outside
        index.write_text(json.dumps(content))
        with pytest.raises(ValueError, match='points out of its folder'):
            find_weights(tmp_path)
    content['weight_map']['conv_in.weight'] = 'gone.safetensors'
    index.write_text(json.dumps(content))
    with pytest.raises(FileNotFoundError, match="names 'gone.safetensors', which is missing"):
        find_weights(tmp_path)


@pytest.mark.parametrize(
    ('damage', 'message'),
    [
        (lambda state: state.pop('conv_in.weight'), r'1 missing \(conv_in.weight\)'),
        (lambda state: state.update(other=torch.zeros(1)), r'1 unexpected \(other\)'),
        (
            lambda state: state.update({'conv_in.lora_A.weight': torch.zeros(1)}),
            'an adapter: fuse it first',
        ),
        (
            lambda state: state.update({'conv_in.weight': torch.zeros(3)}),
            r"'conv_in.weight' in .* has shape \(3,\)",
        ),
    ],
)
def test_weights_that_do_not_fit(network, tmp_path, damage, message):
    network.save_pretrained(tmp_path)
    state = load_file(tmp_path / SINGLE)
    damage(state)
    save_file(state, tmp_path / SINGLE)
    with pytest.raises(ValueError, match=message):
        UNet2DConditionDenoiser.from_pretrained(str(tmp_path), ['enc.0'])


def test_a_damaged_file_and_a_wrong_dtype(network, tmp_path):
    network.save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="dtype must be one like 'float32'"):
        UNet2DConditionDenoiser.from_pretrained(str(tmp_path), ['enc.0'], dtype='int3')
    (tmp_path / SINGLE).write_bytes((tmp_path / SINGLE).read_bytes()[:1000])
    with pytest.raises(ValueError, match='is damaged or incomplete'):
        UNet2DConditionDenoiser.from_pretrained(str(tmp_path), ['enc.0'])


def test_a_shard_that_is_cut_short_is_named(network, tmp_path):
    network.save_pretrained(tmp_path, max_shard_size='40KB')
    place = json.loads((tmp_path / f'{SINGLE}.index.json').read_text())['weight_map']
    shard = tmp_path / place['conv_in.weight']
    shard.write_bytes(shard.read_bytes()[:-100])
    with pytest.raises(ValueError, match=rf'{shard.name}.* is damaged or incomplete'):
        UNet2DConditionDenoiser.from_pretrained(str(tmp_path), ['enc.0'])


def test_files_are_hashed_once(network, tmp_path, monkeypatch):
    network.save_pretrained(tmp_path)
    cut = UNet2DConditionDenoiser.from_pretrained(str(tmp_path), ['enc.0'])
    digest = cut.weights_hash
    monkeypatch.setattr(file_hashes, '_sha256', lambda path: 1 / 0)
    again = UNet2DConditionDenoiser.from_pretrained(str(tmp_path), ['mid'])
    assert again.weights_hash == digest == hash_files([tmp_path / SINGLE])
    monkeypatch.undo()
    state = load_file(tmp_path / SINGLE)
    state['conv_in.bias'] += 1
    save_file(state, tmp_path / SINGLE)
    assert UNet2DConditionDenoiser.from_pretrained(str(tmp_path), ['enc.0']).weights_hash != digest


def test_weights_of_another_file(network, tmp_path):
    network.save_pretrained(tmp_path)
    other = {name: value * 1.1 for name, value in network.state_dict().items()}
    save_file(other, tmp_path / 'other.safetensors')
    options = dict(pretrained=str(tmp_path), schedule='linear', taps=['mid'])
    plain = UNet2DConditionDenoiser.build(**options)
    swapped = UNet2DConditionDenoiser.build(**options, weights=str(tmp_path / 'other.safetensors'))
    for name, value in swapped.network.state_dict().items():
        assert torch.equal(value, other[name])
    assert swapped.weights_hash != plain.weights_hash
    with pytest.raises(
        FileNotFoundError, match=r'gone\.safetensors does not exist. Give a safetensors file'
    ):
        UNet2DConditionDenoiser.build(**options, weights=str(tmp_path / 'gone.safetensors'))

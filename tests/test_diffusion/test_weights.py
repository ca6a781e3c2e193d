# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
import safetensors.torch
import torch
from torch import nn

from mmdiffrep.diffusion.weights import as_dtype, cast, hash_weights, load_weights


@pytest.mark.parametrize('suffix', ['.pt', '.safetensors'])
def test_state_dict_files(tmp_path, suffix):
    weights = {'a': torch.randn(3), 'b': torch.randn(2, 2)}
    path = tmp_path / f'weights{suffix}'
    if suffix == '.pt':
        torch.save(weights, path)
    else:
        safetensors.torch.save_file(weights, path)
    loaded = load_weights(path)
    assert loaded.keys() == weights.keys()
    assert all(torch.equal(loaded[key], weights[key]) for key in weights)
    path.write_bytes(path.read_bytes()[:-60])
    with pytest.raises(ValueError, match='damaged or incomplete'):
        load_weights(path)


@pytest.mark.parametrize('size', [30, 120, 500])
def test_old_files_that_were_cut(tmp_path, size):
    path = tmp_path / 'old.pt'
    torch.save({'a': torch.zeros(1000)}, path, _use_new_zipfile_serialization=False)
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(ValueError, match='damaged'):
        load_weights(path)


class Payload:
    ran = False

    def __reduce__(self):
        return setattr, (Payload, 'ran', True)


def test_a_pickle_that_needs_code_is_refused(tmp_path):
    torch.save({'a': Payload()}, tmp_path / 'evil.pt')
    with pytest.raises(ValueError, match='can run code'):
        load_weights(tmp_path / 'evil.pt')
    assert not Payload.ran


def test_no_state_dict(tmp_path):
    torch.save({'epoch': 3, 'model': {}}, tmp_path / 'run.pt')
    with pytest.raises(ValueError, match='not a plain state dict'):
        load_weights(tmp_path / 'run.pt')
    with pytest.raises(FileNotFoundError, match=r'absent.pt does not exist.*config\)\.$'):
        load_weights(tmp_path / 'absent.pt')
    with pytest.raises(FileNotFoundError, match=r'config\)\. Ask the authors\.$'):
        load_weights(tmp_path / 'absent.pt', 'Ask the authors.')


def test_hash_of_weights():
    net = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    digest = hash_weights(net)
    assert len(digest) == 64
    assert hash_weights(net) == digest
    net[0].weight.data[0, 0] += 1e-3
    assert hash_weights(net) != digest
    half = hash_weights(net.half())
    assert hash_weights(net.float()) == half  # widening changes no value
    with pytest.raises(ValueError, match='meta device'):
        hash_weights(nn.Linear(2, 3, device='meta'))


def test_dtypes():
    assert as_dtype(None) == torch.float32
    assert as_dtype('bfloat16') == as_dtype(torch.bfloat16) == torch.bfloat16
    for wrong in ('int8', 'float12', 'nn', torch.int32):
        with pytest.raises(ValueError, match='dtype must be'):
            as_dtype(wrong)


def test_a_network_is_cast_without_its_own_to():
    """diffusers' own warns of nothing."""

    class Network(torch.nn.Linear):
        def to(self, *_args, **_kwargs):
            raise AssertionError

    network = Network(2, 2)
    assert cast(network, 'float16') is network and network.weight.dtype == torch.float16
    assert cast(network, None).weight.dtype == torch.float32

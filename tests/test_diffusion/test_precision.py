# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""What a frozen network computes in."""

import copy

import pytest
import torch
from torch import nn

from mmdiffrep.diffusion import load_denoiser
from mmdiffrep.diffusion import precision as precision_module
from mmdiffrep.diffusion.precision import FrozenPrecision, fastest_dtype
from mmdiffrep.testing import tiny_teacher

CUDA = torch.device('cuda')


def frozen(precision=None, taps=('mid',), seed=0):
    torch.manual_seed(seed)
    return load_denoiser(tiny_teacher(), taps=taps).freeze().compute_in(precision)


def images(count=2):
    return torch.rand(count, 3, 16, 16, generator=torch.Generator().manual_seed(1)) * 2 - 1


@pytest.mark.parametrize(
    ('capability', 'dtype'),
    [
        ((6, 1), torch.float32),
        ((7, 0), torch.float16),
        ((7, 5), torch.float16),
        ((8, 0), torch.bfloat16),
        ((9, 0), torch.bfloat16),
        ((12, 0), torch.bfloat16),
    ],
)
def test_auto_takes_what_a_gpu_has_matrix_units_for(monkeypatch, capability, dtype):
    monkeypatch.setattr(torch.cuda, 'get_device_capability', lambda device: capability)
    assert fastest_dtype(CUDA) == dtype


@pytest.mark.parametrize(('fast', 'dtype'), [(True, torch.bfloat16), (False, torch.float32)])
def test_auto_takes_bfloat16_on_cpus_that_multiply_it(monkeypatch, fast, dtype):
    monkeypatch.setattr(precision_module, '_cpu_multiplies_bfloat16', lambda: fast)
    assert fastest_dtype(torch.device('cpu')) == dtype
    assert FrozenPrecision('auto').dtype_of(nn.Linear(2, 2)) == dtype
    assert FrozenPrecision(None).dtype_of(nn.Linear(2, 2)) == torch.float32, 'whatever the CPU has'


def test_devices_nothing_is_known_of_compute_in_float32():
    assert fastest_dtype(torch.device('mps')) == torch.float32


def test_weights_loaded_in_half_precision_stay_so():
    assert FrozenPrecision(None).dtype_of(nn.Linear(2, 2).half()) == torch.float16


def test_an_unknown_precision_is_refused():
    with pytest.raises(ValueError, match="precision must be one of 'auto', 'float32'.*got 'bf16'"):
        frozen('bf16')


@pytest.mark.parametrize('precision', ['bfloat16', 'float16'])
def test_every_weight_is_cast_once_and_features_are_near(precision):
    denoiser = frozen(precision)
    assert {weight.dtype for weight in denoiser.parameters()} == {torch.float32}
    with torch.no_grad():
        found = denoiser(images(), 3, taps=['mid'])['mid']
    dtype = getattr(torch, precision)
    assert found.dtype == dtype
    assert {weight.dtype for weight in denoiser.parameters()} == {dtype}
    pointers = [weight.data_ptr() for weight in denoiser.parameters()]
    with torch.no_grad():
        expected = frozen()(images(), 3, taps=['mid'])['mid']
        denoiser(images(), 5, taps=['mid'])
    assert pointers == [weight.data_ptr() for weight in denoiser.parameters()]
    error = (found.float() - expected).norm() / expected.norm()
    assert 0 < error < 0.02


def test_the_hosts_autocast_plays_no_part():
    for precision in ('float32', 'bfloat16'):
        denoiser = frozen(precision)
        kinds = set()
        for module in denoiser.modules():
            if isinstance(module, nn.GroupNorm):
                module.register_forward_hook(lambda m, args, out, k=kinds: k.add(out.dtype))
        with torch.no_grad():
            plain = denoiser(images(), 3, taps=['mid'])['mid']
            with torch.autocast('cpu', torch.bfloat16):
                inside = denoiser(images(), 3, taps=['mid'])['mid']
        assert torch.equal(plain, inside)
        assert kinds == {getattr(torch, precision)}


def test_a_trained_network_follows_autocast():
    denoiser = load_denoiser(tiny_teacher(), taps=['mid'])
    with torch.autocast('cpu', torch.bfloat16):
        assert denoiser(images(), 3, taps=['mid'])['mid'].dtype == torch.bfloat16


def test_bfloat16_on_a_cpu_is_channels_last():
    denoiser = frozen('bfloat16').settle_precision()
    kernels = [w for w in denoiser.parameters() if w.dim() == 4 and w.shape[2] > 1]
    assert kernels
    assert all(w.is_contiguous(memory_format=torch.channels_last) for w in kernels)


def test_the_hash_is_that_of_the_weights_as_loaded():
    whole = frozen('bfloat16', taps=None)
    expected = frozen(taps=None).weights_hash
    assert whole.settle_precision().weights_hash == expected


def test_what_is_settled_stays_when_the_network_moves():
    denoiser = frozen('bfloat16').settle_precision()
    assert copy.deepcopy(denoiser).precision == 'bfloat16'
    assert denoiser.to('cpu').precision == 'bfloat16'
    assert denoiser.compute_in(None).precision == 'bfloat16'
    with pytest.raises(ValueError, match='already computes in bfloat16'):
        denoiser.compute_in('float32')


def test_networks_that_share_weights_settle_alike():
    first = frozen('bfloat16', taps=None)
    second = first.share_weights().truncate(['mid'])
    first.truncate(['dec.1'])
    with torch.no_grad():
        second(images(), 3)
        first(images(), 3)
    assert {weight.dtype for weight in first.parameters()} == {torch.bfloat16}

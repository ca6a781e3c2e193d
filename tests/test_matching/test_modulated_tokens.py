# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
import torch
import torch.nn.functional as F

from mmdiffrep.diffusion.denoisers import load_denoiser
from mmdiffrep.matching import CorrespondenceMatcher
from mmdiffrep.testing import tiny_teacher
from mmdiffrep.testing.tiny_latent import save_tiny_pipeline

NORMS = dict(
    flux='module:single_transformer_blocks.1.norm', sd3='module:transformer_blocks.1.norm1'
)


@pytest.fixture(scope='module', params=list(NORMS))
def kind_and_folder(request, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('MMDIFFREP_CACHE', str(tmp_path_factory.mktemp('cache')))
        yield request.param, str(save_tiny_pipeline(request.param, tmp_path_factory.mktemp('a')))


def image(seed=0):
    return torch.rand(3, 32, 32, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def test_nothing_discarded_in_one_draw_is_the_norm_itself(kind_and_folder):
    kind, folder = kind_and_folder
    options = dict(timesteps=[260, 500], size=32)
    plain = CorrespondenceMatcher(folder, [NORMS[kind]], **options).maps(image())
    modulated = CorrespondenceMatcher(folder, [NORMS[kind]], discard=(), **options).maps(image())
    assert plain.keys() == modulated.keys()
    for key, value in plain.items():
        torch.testing.assert_close(modulated[key], value, rtol=1e-4, atol=1e-5)


def test_discarded_channels_are_out_of_the_norm(kind_and_folder):
    kind, folder = kind_and_folder
    norm = NORMS[kind]
    options = dict(timesteps=[260], size=32, draws=2)
    match = CorrespondenceMatcher(folder, [norm], discard=[1, 3], **options)
    (value,) = match.maps(image()).values()
    inputs = CorrespondenceMatcher(match.extract.denoiser, [f'{norm}@in'], **options).maps(image())[
        260, f'{norm}@in'
    ]
    # DiTF written down: average, discard, layer norm, modulate
    tokens = inputs.permute(1, 2, 0).clone()
    tokens[..., [1, 3]] = 0
    end = f'.{norm.removeprefix("module:")}'
    module = next(m for n, m in match.extract.denoiser.named_modules() if n.endswith(end))
    vector = module.linear(F.silu(match._modulated._emb[norm]))[0]
    shift, scale = vector.split(tokens.shape[-1])[:2]
    expected = F.layer_norm(tokens, tokens.shape[-1:], eps=1e-6) * (1 + scale) + shift
    torch.testing.assert_close(value, expected.permute(2, 0, 1), rtol=1e-4, atol=1e-5)


def test_other_taps_are_refused():
    with pytest.raises(ValueError, match="adaptive layer norms, .*got 'dec.1'"):
        CorrespondenceMatcher(load_denoiser(tiny_teacher()), ['dec.1'], [3], discard=[1])

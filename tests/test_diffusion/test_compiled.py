# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Every family's pass is one graph without a break, and gives the same features compiled."""

import copy
from functools import wraps

import pytest
import torch

from mmdiffrep.diffusion import load_denoiser
from mmdiffrep.diffusion.compiled import one_graph
from mmdiffrep.diffusion.feature_extractor import FeatureExtractor
from mmdiffrep.testing.tiny import tiny_dit, tiny_teacher, tiny_vae
from mmdiffrep.testing.tiny_latent import TINY_LATENT, save_tiny_pipeline

EAGER = dict(backend='eager')  # the graph as it is: needs no compiler
NCSNPP = dict(
    tiny_teacher()['unet'],
    time_embedding_type='fourier',
    block_out_channels=(32, 32),
    down_block_types=('SkipDownBlock2D', 'AttnSkipDownBlock2D'),
    up_block_types=('AttnSkipUpBlock2D', 'SkipUpBlock2D'),
)
FAMILIES = {
    'UNet2D': (tiny_teacher(), ['mid', 'enc.0']),
    'NCSN++, which stops': (
        dict(type='UNet2DDenoiser', unet=NCSNPP, schedule='ve'),
        ['dec.1', 'mid'],
    ),
    'EDM': (dict(tiny_teacher(), schedule=dict(name='edm', num_steps=18)), ['dec.2']),
    'ADM': (
        dict(
            type='ADMDenoiser',
            image_size=16,
            num_channels=32,
            num_res_blocks=1,
            channel_mult='1,2',
            attention_resolutions='8',
        ),
        ['dec.1', 'mid'],
    ),
    'DiT': (tiny_dit(), ['block.1', 'block.0']),
    'VAE': (dict(type='VAEDenoiser', config=dict(tiny_vae(), sample_size=16)), ['mid']),
    'sd': (dict(TINY_LATENT['sd']), ['enc.0']),
    'sdxl': (dict(TINY_LATENT['sdxl']), ['enc.2']),
    'sd3': (dict(TINY_LATENT['sd3']), ['block.1']),
    'flux': (dict(TINY_LATENT['flux']), ['block.1', 'single.0']),
    'pixart': (dict(TINY_LATENT['pixart']), ['block.1']),
}


@pytest.fixture(autouse=True)
def no_graphs_of_other_tests():
    torch.compiler.reset()
    yield
    torch.compiler.reset()


class Counted:
    """A backend that counts graphs and runs them as they are."""

    def __init__(self) -> None:
        self.graphs = 0

    def __call__(self, graph, inputs):
        self.graphs += 1
        return graph.forward


@pytest.mark.parametrize('family', FAMILIES)
@torch.no_grad()
def test_the_pass_of_every_family_is_one_graph(family):
    config, taps = FAMILIES[family]
    denoiser = load_denoiser(config, taps=taps).freeze().compute_in('float32')
    for parameter in denoiser.parameters():
        if not parameter.any():
            parameter.normal_(std=0.1)
    side = denoiser.image_size
    cond = denoiser.example_condition('cpu') if family in TINY_LATENT else None
    inputs = torch.randn(2, denoiser.in_channels, side, side), torch.tensor([3, 7]), cond
    expected = denoiser(*inputs)

    found = torch._dynamo.explain(denoiser)(*inputs)
    assert (found.graph_count, found.graph_break_count) == (1, 0), found.break_reasons

    count = Counted()
    denoiser.compile_pass(dict(backend=count))
    for _ in range(2):
        compiled = denoiser(*inputs)
        assert compiled.keys() == expected.keys()
        assert all(torch.equal(compiled[tap], expected[tap]) for tap in expected)
    assert count.graphs == 1


@torch.no_grad()
def test_a_compiled_network_follows_other_taps_and_weights():
    denoiser = load_denoiser(tiny_teacher(), taps=['enc.1']).freeze().compile_pass(EAGER)
    twin = copy.deepcopy(denoiser)
    for parameter in twin.parameters():
        parameter.mul_(0.5)
    images = torch.randn(2, 3, 16, 16)
    read = [(network, taps) for taps in (['enc.1'], ['enc.0']) for network in (denoiser, twin)]
    compiled = [network(images, 3, taps=taps) for network, taps in read]
    for network in (denoiser, twin):
        network.compile_pass(False)
    for (network, taps), found in zip(read, compiled):
        assert list(found) == taps
        assert torch.equal(found[taps[0]], network(images, 3, taps=taps)[taps[0]])
    assert not torch.equal(compiled[0]['enc.1'], compiled[1]['enc.1'])


@torch.no_grad()
def test_the_output_of_a_compiled_network():
    denoiser = load_denoiser(tiny_teacher()).freeze()
    images = torch.randn(2, 3, 16, 16)
    expected = denoiser.predict(images, 3)
    assert torch.equal(denoiser.compile_pass(EAGER).predict(images, 3), expected)


def test_extractor_of_a_pipeline(tmp_path):
    folder = str(save_tiny_pipeline('sd', tmp_path))
    count = Counted()
    images = torch.rand(2, 3, 32, 32) * 2 - 1
    expected = FeatureExtractor(folder, ['enc.0'], [1, 5])(images)
    found = FeatureExtractor(folder, ['enc.0'], [1, 5], compile=dict(backend=count))(images)
    assert all(torch.equal(found[key], expected[key]) for key in expected)
    assert count.graphs == 2  # VAE and network


def test_a_frozen_network_keeps_its_gradient_to_the_input():
    denoiser = load_denoiser(tiny_teacher(), taps=['enc.0']).freeze()
    images = torch.randn(2, 3, 16, 16, requires_grad=True)
    (expected,) = torch.autograd.grad(denoiser(images, 3)['enc.0'].sum(), images)
    denoiser.compile_pass(EAGER)
    (found,) = torch.autograd.grad(denoiser(images, 3)['enc.0'].sum(), images)
    assert torch.equal(found, expected)


def test_results_of_cuda_graphs_are_copied(monkeypatch):
    static = torch.zeros(2)

    @wraps(torch.compile)
    def replayed(function, **options):
        return lambda: (None, dict(a=static))

    monkeypatch.setattr(torch, 'compile', replayed)
    for options in (
        dict(mode='reduce-overhead'),
        dict(backend='cudagraphs'),
        dict(options={'triton.cudagraphs': True}),
    ):
        output, maps = one_graph(lambda: None, options)()
        assert output is None and maps['a'] is not static
    assert one_graph(lambda: None, dict(mode='default'))()[1]['a'] is static


def test_wrong_options():
    with pytest.raises(TypeError, match=r"compile must be bool or dict, got 'inductor'"):
        one_graph(len, 'inductor')
    with pytest.raises(ValueError, match=r"no argument 'made'. Did you mean mode\?"):
        one_graph(len, dict(made='default'))
    with pytest.raises(ValueError, match="no argument 'fullgraph'"):
        one_graph(len, dict(fullgraph=False))
    assert one_graph(len, False) is len

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Stable Diffusion, SDXL, SD3, Flux and PixArt, on tiny random networks of diffusers' classes."""

import copy

import pytest
import torch

from mmdiffrep.diffusion import Condition, TapError, load_denoiser
from mmdiffrep.testing.tiny_latent import TINY_LATENT

T = torch.tensor([3, 700])
SIDES = dict(sd=(15, 10), sdxl=(11, 14), sd3=(12, 20), flux=(6, 10), pixart=(10, 6))
KINDS = list(TINY_LATENT)


@pytest.fixture(scope='module')
def models():
    """A frozen network per family in which no weight is zero, and a random condition."""
    built = {}
    for kind, cfg in TINY_LATENT.items():
        torch.manual_seed(0)
        denoiser = load_denoiser(dict(cfg)).freeze()
        for parameter in denoiser.parameters():
            if not parameter.any():
                parameter.normal_(std=0.1)
        given = denoiser.example_condition('cpu').given
        built[kind] = denoiser, Condition(**{k: torch.randn(v.shape) for k, v in given.items()})
    return built


def latents(denoiser, kind, batch=2):
    generator = torch.Generator().manual_seed(1)
    return torch.randn(batch, denoiser.in_channels, *SIDES[kind], generator=generator)


@pytest.mark.parametrize('kind', KINDS)
def test_cut_features_are_bit_identical_for_every_tap_on_odd_latents(models, kind):
    whole, cond = models[kind]
    x = latents(whole, kind)
    names = [f'{tap}@{side}' for tap in whole.taps for side in ('in', 'out')]
    modules = whole.taps.module_taps()
    names += modules[:: len(modules) // 12]
    names += list(whole.taps.aliases)
    expected = whole(x, T, cond, taps=names)
    size = sum(value.numel() for value in whole.parameters())
    for tap in names:
        cut = copy.deepcopy(whole).truncate([tap])
        found = cut(x, T, cond)[tap]
        assert torch.equal(found, expected[tap]), tap
        assert found.shape[1] == cut.taps[tap].channels == whole.taps[tap].channels
        stride = cut.taps[tap].stride
        assert found.shape[2:] == tuple(-(-side // stride) for side in SIDES[kind]), tap
    first = copy.deepcopy(whole).truncate(names[:1])
    assert sum(value.numel() for value in first.parameters()) < 0.6 * size


def direct(kind, network, x, cond):
    """Call unmodified diffusers as its pipelines do."""
    prompt, pooled = cond.prompt_embeds.expand(len(x), -1, -1), cond.pooled_embeds
    pooled = None if pooled is None else pooled.expand(len(x), -1)
    height, width = x.shape[2:]
    if kind in ('sd', 'sdxl'):
        sizes = [[8.0 * height, 8.0 * width, 0, 0, 8.0 * height, 8.0 * width]] * len(x)
        added = dict(text_embeds=pooled, time_ids=torch.tensor(sizes)) if kind == 'sdxl' else None
        return network(x, T, encoder_hidden_states=prompt, added_cond_kwargs=added).sample
    if kind == 'sd3':
        return network(x, prompt, pooled, T).sample
    if kind == 'pixart':
        return network(
            x,
            encoder_hidden_states=prompt,
            timestep=T,
            added_cond_kwargs=dict(resolution=None, aspect_ratio=None),
        ).sample
    from diffusers import FluxPipeline as Flux

    packed = Flux._pack_latents(x, len(x), x.shape[1], height, width)
    ids = Flux._prepare_latent_image_ids(len(x), height // 2, width // 2, 'cpu', torch.float32)
    output = network(
        hidden_states=packed,
        timestep=T / 1000,
        guidance=torch.full([len(x)], 3.5),
        pooled_projections=pooled,
        encoder_hidden_states=prompt,
        txt_ids=torch.zeros(prompt.shape[1], 3),
        img_ids=ids,
    ).sample
    return Flux._unpack_latents(output, height * 8, width * 8, vae_scale_factor=8)


# tap -> what a forward hook on which submodule has to give
HOOKS = {
    'sd': {
        'dift:1': ('up_blocks.1', None),
        'module:up_blocks.1': ('up_blocks.1', None),
        'mid': ('mid_block', None),
        'dec.4': ('up_blocks.1.attentions.1', 0),
        'enc.0': ('down_blocks.0.attentions.0', 0),
        'module:up_blocks.1.attentions.0.transformer_blocks.0.attn2.to_q': (
            'up_blocks.1.attentions.0.transformer_blocks.0.attn2.to_q',
            None,
        ),
    },
    'sdxl': {
        'dift:0': ('up_blocks.0', None),
        'module:up_blocks.0.attentions.0.transformer_blocks.1': (
            'up_blocks.0.attentions.0.transformer_blocks.1',
            None,
        ),
    },
    'sd3': {
        'block.0': ('transformer_blocks.0', 1),
        'block.2': ('transformer_blocks.2', 1),
        'module:transformer_blocks.1.attn.to_k': ('transformer_blocks.1.attn.to_k', None),
        'module:transformer_blocks.1.attn': ('transformer_blocks.1.attn', 0),
    },
    'flux': {
        'block.1': ('transformer_blocks.1', 1),
        'single.1': ('single_transformer_blocks.1', 1),
        'module:single_transformer_blocks.1.norm': ('single_transformer_blocks.1.norm', 0),
    },
    'pixart': {
        'block.1': ('transformer_blocks.1', None),
        'module:transformer_blocks.1.attn2.to_q': ('transformer_blocks.1.attn2.to_q', None),
    },
}


@pytest.mark.parametrize('kind', KINDS)
def test_features_are_those_of_hooks_on_diffusers(models, kind):
    denoiser, cond = models[kind]
    x = latents(denoiser, kind)
    network = copy.deepcopy(denoiser.network)
    caught = {}
    for tap, (path, member) in HOOKS[kind].items():

        def hook(module, args, output, tap=tap, member=member):
            caught[tap] = output if member is None else output[member]

        network.get_submodule(path).register_forward_hook(hook)
    output = direct(kind, network, x, cond)
    torch.testing.assert_close(denoiser.predict(x, T, cond), output, atol=0, rtol=0)
    found = denoiser(x, T, cond, taps=list(HOOKS[kind]))
    for tap, expected in caught.items():
        if expected.ndim == 3:  # tokens of the image, the last ones, row by row
            cells = found[tap].shape[2:]
            expected = expected[:, -cells.numel() :].transpose(1, 2).unflatten(2, cells)
        assert torch.equal(found[tap], expected), tap


@pytest.mark.parametrize('kind', KINDS)
def test_timestep_prompt_and_pooled_vector_are_seen(models, kind):
    denoiser, cond = models[kind]
    x, last = latents(denoiser, kind), list(denoiser.taps)[-1]
    before = denoiser(x, T, cond, taps=[last])[last]
    assert not torch.allclose(denoiser(x, T + 50, cond, taps=[last])[last], before)
    for name, value in cond.given.items():
        other = Condition(**{**cond.given, name: value + 1})
        changed = denoiser(x, T, other, taps=[last])[last]
        assert (changed - before).abs().max() > 1e-4, name


@pytest.mark.parametrize(
    ('kind', 'tap'),
    [
        ('sd', 'module:up_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k'),
        ('sd3', 'module:transformer_blocks.0.attn.add_q_proj'),
        ('sd3', 'module:context_embedder'),
        ('flux', 'module:transformer_blocks.0.ff_context'),
        ('pixart', 'module:transformer_blocks.0.attn2.to_v'),
    ],
)
def test_tokens_of_the_prompt_are_refused_with_the_reason(models, kind, tap):
    with pytest.raises(TapError, match='tokens of the prompt, which have no place in the image'):
        models[kind][0].taps[tap]


def test_normalized_queries_are_not_maps(models):
    with pytest.raises(TapError, match='not a feature map'):
        models['sd3'][0].taps['module:transformer_blocks.0.attn.norm_q']


def test_aliases_belong_to_a_family(models):
    sd = models['sd'][0]
    assert sd.taps.site('dift:1').path == 'up_blocks.1'
    assert sd.taps['dift:1'] == sd.taps['module:up_blocks.1'] != sd.taps['dec.1']
    for kind, alias in [('sd', 'ddpm_seg:5'), ('sd3', 'dift:1'), ('flux', 'gdc:24')]:
        with pytest.raises(TapError, match='numbers the blocks of'):
            models[kind][0].taps[alias]
    with pytest.raises(TapError, match='it has dift:<n> for dift:0 .. dift:2'):
        sd.taps['dift:3']


def test_sdxl_is_told_the_size_of_the_image(models):
    denoiser, cond = models['sdxl']
    x = torch.randn(1, 4, 16, 8)
    told = [[128.0, 64.0, 0, 0, 128.0, 64.0]]
    same = Condition(**cond.given, time_ids=torch.tensor(told))
    expected = denoiser(x, 5, cond, taps=['mid'])['mid']
    assert torch.equal(denoiser(x, 5, same, taps=['mid'])['mid'], expected)
    cropped = Condition(**cond.given, time_ids=torch.tensor([[128.0, 64, 32, 0, 128, 64]]))
    assert not torch.equal(denoiser(x, 5, cropped, taps=['mid'])['mid'], expected)


def test_a_vector_is_added_to_the_time_embedding(models):
    denoiser, cond = copy.deepcopy(models['sd'][0]), models['sd'][1]
    x = torch.randn(2, 4, 16, 16)
    plain = denoiser(x, T, cond, taps=['mid'])['mid']
    width = denoiser.network.time_embedding.linear_2.out_features
    vector = torch.randn(1, width)
    found = denoiser(x, T, Condition(**cond.given, time_vector=vector), taps=['mid'])['mid']
    assert torch.equal(denoiser(x, T, cond, taps=['mid'])['mid'], plain)
    denoiser.network.time_embedding.linear_2.bias += vector[0]
    torch.testing.assert_close(denoiser(x, T, cond, taps=['mid'])['mid'], found)


@pytest.mark.parametrize(
    ('kind', 'change', 'message'),
    [
        ('sd', dict(prompt_embeds=None), 'needs prompt_embeds of a condition.*empty prompt'),
        ('sdxl', dict(pooled_embeds=None), 'needs pooled_embeds'),
        (
            'sd',
            dict(prompt_embeds=torch.zeros(1, 77, 24)),
            r'B, L, 16\), got .*24\)',
        ),
        ('sd', dict(guidance=torch.ones(1)), 'reads no guidance'),
        ('pixart', dict(pooled_embeds=torch.ones(1, 4)), 'reads no pooled_embeds'),
    ],
)
def test_bad_conditions(models, kind, change, message):
    denoiser, cond = models[kind]
    given = {name: value for name, value in {**cond.given, **change}.items() if value is not None}
    first = list(denoiser.taps)[:1]
    with pytest.raises(ValueError, match=message):
        denoiser(latents(denoiser, kind), T, Condition(**given), taps=first)


@pytest.mark.parametrize(
    ('kind', 'sides', 'message'),
    [
        ('sd3', (15, 16), 'multiples of 2.* got 15x16'),
        ('sd3', (64, 16), 'at most 48 for this network, got 64x16'),
        ('flux', (15, 16), 'multiples of 2'),
        ('pixart', (16, 17), 'multiples of 2'),
    ],
)
def test_sides_that_a_network_cannot_take(models, kind, sides, message):
    denoiser, cond = models[kind]
    with pytest.raises(ValueError, match=message):
        denoiser(torch.zeros(1, denoiser.in_channels, *sides), 3, cond, taps=['block.0'])


def test_one_row_of_a_condition_stands_for_the_batch(models):
    denoiser, cond = models['sd3']
    x = latents(denoiser, 'sd3')
    rows = cond.expand(2)
    assert torch.equal(
        denoiser(x, T, cond, taps=['block.1'])['block.1'],
        denoiser(x, T, rows, taps=['block.1'])['block.1'],
    )

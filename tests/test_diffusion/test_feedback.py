# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Feedback: pairs of taps, networks that share weights, maps that are added."""

import pytest
import torch

from mmdiffrep.diffusion import TapError, load_denoiser
from mmdiffrep.diffusion.denoisers.adm_presets import ADM_PRESETS
from mmdiffrep.diffusion.feedback import MapAdder, recompute_activations, resolve_feedback
from mmdiffrep.testing import tiny_teacher

OFFICIAL = {21: 17, 24: 14, 27: 11, 30: 8, 33: 5, 36: 2}
ADM = dict(
    type='ADMDenoiser',
    image_size=16,
    num_channels=32,
    num_res_blocks=1,
    channel_mult='1,1',
    attention_resolutions='8',
    num_heads=1,
)
NCSN = dict(
    type='UNet2DDenoiser',
    unet=dict(
        sample_size=16,
        block_out_channels=(8, 8),
        layers_per_block=1,
        norm_num_groups=4,
        down_block_types=('SkipDownBlock2D', 'SkipDownBlock2D'),
        up_block_types=('SkipUpBlock2D', 'SkipUpBlock2D'),
        add_attention=False,
    ),
)


@pytest.fixture(scope='module')
def adm_256():
    with torch.device('meta'):
        return load_denoiser(dict(type='ADMDenoiser', **ADM_PRESETS['adm-256-uncond']))


@pytest.fixture
def unet():
    return load_denoiser(tiny_teacher()).freeze()


@pytest.fixture(params=['unet', 'adm'])
def denoiser(request):
    return load_denoiser(dict(unet=tiny_teacher(), adm=ADM)[request.param]).freeze()


def test_default_pairs_of_adm_are_the_official_ones(adm_256):
    table = adm_256.taps
    pairs = resolve_feedback(adm_256, ['gdc:24'])
    assert {(table.site(source), table.site(target)) for source, target in pairs} == {
        (table.site(f'gdc:{source}'), table.site(f'gdc:{target}'))
        for source, target in OFFICIAL.items()
    }
    assert pairs[0].source == 'dec.1', 'from the middle outwards'


def test_every_block_of_adm_mirrors_38_minus_its_number(adm_256):
    for number in range(20, 38):
        ((_, target),) = resolve_feedback(adm_256, ['dec.17'], [f'gdc:{number}'])
        assert adm_256.taps.site(target) == adm_256.taps.site(f'gdc:{38 - number}')


def test_skips_are_what_the_decoder_is_given(denoiser):
    """The end of a decoder block's input is the encoder map that it is paired with."""
    blocks = [name for name in denoiser.taps if name.startswith('dec.')]
    assert len(denoiser.skips) == len(blocks)
    given = [f'{name}@in' for name in blocks]
    maps = denoiser(torch.randn(1, 3, 16, 16), 3, taps=[*denoiser.skips, *given])
    for skip, block in zip(denoiser.skips, given):
        channels = maps[skip].shape[1]
        assert torch.equal(maps[block][:, -channels:], maps[skip]), (skip, block)


def test_default_pairs_of_a_unet(unet):
    assert resolve_feedback(unet, ['dec.3']) == [('dec.0', 'enc.1'), ('dec.2', 'enc.0')]
    assert resolve_feedback(unet, ['dec.3'], ['dec.1']) == [
        ('dec.1', 'module:down_blocks.0.downsamplers.0')
    ]


@pytest.mark.parametrize(
    ('feedback', 'taps', 'message'),
    [
        (['dec.9'], ['dec.3'], "no tap 'dec.9'"),
        (['mid'], ['dec.3'], r'mapping from decoder'),
        ('dec.0', ['dec.3'], 'list of tap names'),
        ({}, ['dec.3'], 'empty'),
        ({'dec.0': 'dec.1'}, ['dec.3'], r"'dec.1' cannot be fed.*module:conv_in, enc.0.*enc.1"),
        ({'dec.0': 'enc.0@in'}, ['dec.3'], 'cannot be fed'),
        ({'dec.0': 'module:down_blocks.0.resnets.0.conv1'}, ['dec.3'], 'cannot be fed'),
        ({'enc.1': 'enc.0'}, ['dec.3'], r"'enc.1' cannot be fed back.*dec.0 .. dec.3"),
        ({'dec.0': 'enc.1'}, ['enc.0'], r"'enc.1' is fed after 'enc.0'.*module:conv_in"),
        ({'dec.0': 'enc.0', 'dec.1': 'enc.0'}, ['dec.3'], 'target of feedback is named once'),
        (['dec.0', 'dec.0'], ['dec.3'], 'source of feedback is named once'),
    ],
)
def test_bad_pairs(unet, feedback, taps, message):
    with pytest.raises(TapError, match=message):
        resolve_feedback(unet, taps, feedback)


def test_taps_behind_the_cut(unet):
    unet.truncate(['dec.0'])
    with pytest.raises(TapError, match='after the cut'):
        resolve_feedback(unet, ['dec.0'], ['dec.2'])


def test_networks_without_plain_skips():
    with pytest.raises(TapError, match='no plain skip'):
        resolve_feedback(load_denoiser(NCSN), ['dec.0'])


def test_shared_weights_are_held_once_and_cut_apart(denoiser):
    images = torch.randn(1, 3, 16, 16)
    expected = denoiser(images, 3, taps=['mid', 'dec.3'])
    twin = denoiser.share_weights().truncate(['mid'])
    denoiser.truncate(['dec.3'])
    assert torch.equal(twin(images, 3)['mid'], expected['mid'])
    assert torch.equal(denoiser(images, 3)['dec.3'], expected['dec.3'])
    mine = {parameter.data_ptr() for parameter in denoiser.parameters()}
    theirs = {parameter.data_ptr() for parameter in twin.parameters()}
    assert theirs < mine
    assert twin.weights_hash == denoiser.weights_hash
    with pytest.raises(TapError, match='after the cut'):
        twin(images, 3, taps=['dec.3'])


def test_maps_are_added_to_the_block_and_its_skip(denoiser):
    images = torch.randn(1, 3, 16, 16)
    target = denoiser.skips[2]
    taps = [target, 'dec.2@in']
    plain = denoiser(images, 3, taps=taps)
    twin = denoiser.share_weights()
    adder = MapAdder(twin, [target])
    extra = torch.randn_like(plain[target])
    with adder.adding({target: extra}):
        changed = twin(images, 3, taps=taps)
    channels = extra.shape[1]
    torch.testing.assert_close(changed[target], plain[target] + extra)
    torch.testing.assert_close(changed['dec.2@in'][:, -channels:], plain[target] + extra)
    assert torch.equal(twin(images, 3, taps=taps)[target], plain[target]), 'only while it lasts'


def test_maps_of_other_sides_are_resized(unet):
    images = torch.randn(1, 3, 16, 16)
    plain = unet(images, 3, taps=['enc.0'])['enc.0']
    adder = MapAdder(unet, ['enc.0'])
    with adder.adding({'enc.0': torch.ones(1, 8, 4, 4)}):
        # the table of the same network: its recorder was watching before the adder came
        changed = unet(images, 3, taps=['module:down_blocks.0.downsamplers.0@in'])
    torch.testing.assert_close(changed.popitem()[1], plain + 1)


def test_recomputed_activations_give_the_same_gradients(denoiser):
    images = torch.randn(2, 3, 16, 16)
    gradients = []
    for recompute in (False, True):
        if recompute:
            recompute_activations(denoiser)
        leaf = images.clone().requires_grad_()
        denoiser(leaf, 3, taps=['dec.2'])['dec.2'].square().sum().backward()
        gradients.append(leaf.grad)
    assert gradients[0].abs().sum() > 0
    assert torch.equal(*gradients)


def test_recomputed_maps_are_not_kept(unet):
    tap = 'module:up_blocks.0.resnets.0.conv1'  # inside a part
    recompute_activations(unet)
    leaf = torch.randn(2, 3, 16, 16).requires_grad_()
    maps = unet(leaf, 3, taps=[tap, 'dec.1'])
    maps['dec.1'].square().sum().backward()
    assert leaf.grad.abs().sum() > 0
    assert not unet._recorder.store

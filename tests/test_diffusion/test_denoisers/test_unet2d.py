# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import copy

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from mmdiffrep.diffusion import Tap, TapError, load_denoiser
from mmdiffrep.diffusion.denoisers import UNet2DDenoiser

PLAIN, ATTN, SAMPLER = 'DownBlock2D', 'AttnDownBlock2D', 'ResnetDownsampleBlock2D'
ATTN_SKIP, SKIP = 'AttnSkipDownBlock2D', 'SkipDownBlock2D'


def unet(*down, **changes):
    """Arguments of a tiny U-Net of three levels with mirrored up blocks."""
    up = [name.replace('Downsample', 'Upsample').replace('Down', 'Up') for name in reversed(down)]
    base = dict(
        sample_size=16,
        block_out_channels=(8, 16, 16),
        layers_per_block=1,
        norm_num_groups=4,
        attention_head_dim=8,
        down_block_types=down,
        up_block_types=tuple(up),
    )
    return dict(base, **changes)


NETWORKS = {
    'attention': unet(PLAIN, ATTN, PLAIN, layers_per_block=2),
    'resnet samplers': unet(
        SAMPLER, ATTN, PLAIN, downsample_type='resnet', resnet_time_scale_shift='scale_shift'
    ),
    'asymmetric padding': unet(ATTN, PLAIN, ATTN, downsample_padding=0),
    'no middle': unet(PLAIN, PLAIN, PLAIN, mid_block_type=None),
    'no attention': unet(PLAIN, PLAIN, PLAIN, add_attention=False),
    'classes': unet(PLAIN, PLAIN, ATTN, num_class_embeds=5),
    'ncsnpp': unet(
        SKIP,
        ATTN_SKIP,
        SKIP,
        block_out_channels=(32, 32, 32),
        time_embedding_type='fourier',
    ),
}


def build(args, taps=None):
    torch.manual_seed(0)
    schedule = 've' if args.get('time_embedding_type') == 'fourier' else 'linear'
    cfg = dict(type='UNet2DDenoiser', unet=args, schedule=schedule)
    return load_denoiser(cfg, taps=taps).freeze()


def batch(denoiser):
    generator = torch.Generator().manual_seed(1)
    side = denoiser.image_size
    x = torch.randn(2, denoiser.in_channels, side, side, generator=generator)
    cond = None if denoiser.num_classes is None else torch.tensor([4, 0])
    return x, torch.tensor([3, 700]), cond


@pytest.mark.parametrize('name', NETWORKS)
def test_truncated_features_are_bit_identical_for_every_tap(name):
    whole = build(NETWORKS[name])
    names = [f'{tap}@{side}' for tap in whole.taps for side in ('in', 'out')]
    # NCSN++ adds an image in place to what its last convolution gave
    modules = [tap for tap in whole.taps.module_taps() if tap != 'module:conv_out@out']
    # parts of a res block or an attention are never cut apart: trying them in one network is enough
    names += [tap for tap in modules if name == 'asymmetric padding' or tap.count('.') <= 3]
    inputs = batch(whole)
    expected = whole(*inputs, taps=names)
    for tap in names:
        cut = copy.deepcopy(whole).truncate([tap])
        found = cut(*inputs)
        assert list(found) == [tap]
        assert torch.equal(found[tap], expected[tap]), tap
        assert cut.taps[tap] == whole.taps[tap]


@pytest.mark.parametrize('name', NETWORKS)
def test_tap_table_tells_the_shapes(name):
    denoiser = build(NETWORKS[name])
    names = [*denoiser.taps, *denoiser.taps.module_taps()]
    features = denoiser(*batch(denoiser), taps=names)
    for tap in names:
        channels, stride = denoiser.taps[tap]
        assert features[tap].shape[:2] == (2, channels), tap
        # a map may be padded by one cell before it is down-sampled
        assert features[tap].shape[2] - denoiser.image_size // stride in (0, 1), tap


def test_canonical_taps():
    denoiser = build(NETWORKS['attention'])
    # two res blocks a level on the way in, three on the way out; all before the samplers
    inwards = [Tap(8, 1), Tap(16, 2), Tap(16, 4)]
    outwards = [Tap(16, 4), Tap(16, 2), Tap(8, 1)]
    assert dict(denoiser.taps) == {
        **{f'enc.{i}': inwards[i // 2] for i in range(6)},
        'mid': Tap(16, 4),
        **{f'dec.{i}': outwards[i // 3] for i in range(9)},
    }
    site = denoiser.taps.site
    assert site('enc.3').path == 'down_blocks.1.attentions.1'
    assert site('enc.3@in').path == 'down_blocks.1.resnets.1'
    assert site('dec.2').path == 'up_blocks.0.resnets.2'
    assert denoiser.taps['module:up_blocks.0'].stride == 2  # behind the up-sampler
    assert denoiser.taps['dec.6@in'] == Tap(16 + 8, 1)  # with the skip connection


def test_several_taps_share_one_cut():
    whole = build(NETWORKS['attention'])
    taps = ['dec.1', 'enc.0@in', 'module:mid_block.resnets.1.conv2', 'mid']
    cut = build(NETWORKS['attention'], taps=taps)
    found, expected = cut(*batch(cut)), whole(*batch(whole), taps=taps)
    assert list(found) == taps
    assert all(torch.equal(found[tap], expected[tap]) for tap in taps)
    assert list(cut(*batch(cut), taps=['mid'])) == ['mid']
    assert list(cut(*batch(cut))) == taps


def test_cut_drops_what_is_behind():
    cut = build(NETWORKS['attention'], taps=['enc.2'])
    parameters = [name for name, _ in cut.network.named_parameters()]
    assert {name.split('.')[0] for name in parameters} == {
        'conv_in',
        'time_embedding',
        'down_blocks',
    }
    inner = {'.'.join(name.split('.')[1:4]) for name in parameters if 'down_blocks.1' in name}
    assert inner == {'1.resnets.0', '1.attentions.0'}
    assert not any('down_blocks.2' in name for name in parameters)
    assert list(cut.taps) == ['enc.0', 'enc.1', 'enc.2']
    with pytest.raises(TapError, match="'mid' lies after the cut"):
        cut(*batch(cut), taps=['mid'])
    with pytest.raises(ValueError, match='predicts nothing'):
        cut.predict(*batch(cut))
    with pytest.raises(ValueError, match='already truncated'):
        cut.truncate(['enc.0'])


def test_network_that_cannot_be_cut_is_stopped():
    cut = build(NETWORKS['ncsnpp'], taps=['dec.1'])
    ran = []
    cut.network.conv_out.register_forward_hook(lambda *_: ran.append('conv_out'))
    cut.network.up_blocks[0].register_forward_pre_hook(lambda *_: ran.append('up_blocks.0'))
    cut(*batch(cut))
    cut(*batch(cut))
    assert ran == ['up_blocks.0'] * 2
    assert len(build(NETWORKS['ncsnpp'], taps=['mid']).network.up_blocks) == 0


@pytest.mark.parametrize('name', ['attention', 'classes'])
def test_predict_is_the_network(name):
    denoiser = build(NETWORKS[name])
    x, t, cond = batch(denoiser)
    expected = denoiser.network(x, t, class_labels=cond).sample
    denoiser(x, t, cond, taps=['mid'])
    assert torch.equal(denoiser.predict(x, t, cond), expected)
    labels = None if cond is None else cond[:1]
    expected = denoiser.network(x[:1], 3, class_labels=labels).sample
    assert torch.equal(denoiser.predict(x[:1], 3, labels), expected)


SHAPES = {
    # public configs of google/ddpm-cifar10-32 and google/ddpm-celebahq-256
    'cifar10-32': dict(
        sample_size=32,
        block_out_channels=(128, 256, 256, 256),
        down_block_types=(PLAIN, ATTN, PLAIN, PLAIN),
        up_block_types=('UpBlock2D', 'UpBlock2D', 'AttnUpBlock2D', 'UpBlock2D'),
    ),
    'celebahq-256': dict(
        sample_size=256,
        block_out_channels=(128, 128, 256, 256, 512, 512),
        down_block_types=(PLAIN,) * 4 + (ATTN, PLAIN),
        up_block_types=('UpBlock2D', 'AttnUpBlock2D') + ('UpBlock2D',) * 4,
    ),
}


@pytest.mark.parametrize(('name', 'strides'), [('cifar10-32', 8), ('celebahq-256', 32)])
def test_middle_needs_27_percent_of_the_flops(name, strides):
    args = dict(SHAPES[name], attention_head_dim=None, downsample_padding=0)

    def flops(taps):
        with torch.device('meta'):
            denoiser = build(args, taps=taps)
            x = torch.empty(1, 3, denoiser.image_size, denoiser.image_size)
            t = torch.zeros(1, dtype=torch.long)
        assert denoiser.total_stride == strides
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            denoiser(x, t, taps=taps or ['mid'])
        return counter.get_total_flops()

    assert flops(['mid']) / flops(None) == pytest.approx(0.27, abs=0.005)
    assert flops(['module:mid_block.resnets.1.conv2']) == flops(['mid'])


def test_table_on_the_meta_device_needs_no_random_numbers():
    with torch.device('meta'):
        denoiser = build(SHAPES['celebahq-256'])
    before = torch.get_rng_state()
    assert denoiser.taps['mid'] == Tap(512, 32)
    assert torch.equal(torch.get_rng_state(), before)


def test_truncated_network_compiles_to_one_graph():
    cut = build(NETWORKS['attention'], taps=['mid', 'enc.1@in'])
    inputs = batch(cut)
    expected = cut(*inputs)
    found = torch.compile(cut, fullgraph=True, backend='eager')(*inputs)
    assert all(torch.equal(found[tap], expected[tap]) for tap in expected)


def test_other_sizes_and_precisions():
    denoiser = build(NETWORKS['attention'], taps=['mid'])
    assert denoiser(torch.randn(1, 3, 32, 20), 5)['mid'].shape == (1, 16, 8, 5)
    half = load_denoiser(
        dict(type='mmdiffrep.UNet2DDenoiser', unet=NETWORKS['attention'], dtype='bfloat16'),
        taps=['mid'],
    )
    features = half(torch.randn(1, 3, 16, 16).bfloat16(), 5)['mid']
    assert features.dtype == torch.bfloat16


def test_wrong_arguments():
    with pytest.raises(ValueError, match='either pretrained'):
        UNet2DDenoiser.build()
    with pytest.raises(TypeError, match='sample_size'):
        build(dict(NETWORKS['attention'], sample_size=None))
    with pytest.raises(ValueError, match="class_embed_type must be one of None, got 'timestep'"):
        build(dict(NETWORKS['attention'], class_embed_type='timestep'))
    with pytest.raises(ValueError, match='dtype must be'):
        UNet2DDenoiser.build(unet=NETWORKS['attention'], dtype='float12')

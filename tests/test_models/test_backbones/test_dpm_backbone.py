# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The diffusion backbone by itself: order of its maps, noise, input, freezing, checkpoints."""

import copy
import io

import pytest
import torch
from mmengine.runner.checkpoint import load_state_dict

from mmdiffrep.diffusion.denoisers import load_denoiser
from mmdiffrep.diffusion.memory import GIB, pass_bytes, weight_bytes
from mmdiffrep.diffusion.taps import TapError
from mmdiffrep.registry import MODELS

MEAN, STD = [123.675, 116.28, 103.53], [58.395, 57.12, 57.375]
UNET = dict(
    sample_size=16,
    block_out_channels=(16, 32),
    layers_per_block=1,
    down_block_types=('DownBlock2D', 'AttnDownBlock2D'),
    up_block_types=('AttnUpBlock2D', 'UpBlock2D'),
    norm_num_groups=8,
    attention_head_dim=8,
)
DENOISER = dict(type='UNet2DDenoiser', unet=UNET)
UNIT_RANGE = dict(mean=[127.5] * 3, std=[127.5] * 3, channel_order='rgb')


def build(seed: int = 0, **overrides):
    cfg = dict(
        type='mmdiffrep.DPMBackbone',
        denoiser=DENOISER,
        taps=['mid', 'dec.2'],
        timesteps=[300, 20, 700],
        input=UNIT_RANGE,
    )
    cfg.update(overrides)
    torch.manual_seed(seed)
    return MODELS.build(cfg)


@pytest.fixture
def images():
    return torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(1)) * 2 - 1


def test_maps_are_timestep_major_and_as_announced(images):
    backbone = build()
    torch.manual_seed(0)
    whole = load_denoiser(DENOISER).freeze()
    maps = backbone(images)
    assert len(maps) == 6
    assert backbone.out_channels == (32, 16) * 3
    assert backbone.out_strides == (2, 1) * 3
    eps = torch.randn(3, 16, 16, generator=torch.Generator().manual_seed(0)).expand(2, -1, -1, -1)
    position = 0
    for t in (300, 20, 700):
        x_t = whole.schedule.add_noise(images, eps, t)
        expected = whole(x_t, t, taps=['mid', 'dec.2'])
        for tap in ('mid', 'dec.2'):
            torch.testing.assert_close(maps[position], expected[tap], atol=1e-5, rtol=1e-5)
            shape = (2, backbone.out_channels[position], 16 // backbone.out_strides[position])
            assert maps[position].shape == (*shape, shape[-1])
            position += 1


def test_clean_input_still_tells_the_timestep(images):
    maps = build(noise='none', timesteps=[0, 500], taps=['mid'])(images)
    torch.manual_seed(0)
    whole = load_denoiser(DENOISER).freeze()
    for each, t in zip(maps, (0, 500)):
        expected = whole(images, t, taps=['mid'])['mid']
        torch.testing.assert_close(each, expected, atol=1e-5, rtol=1e-5)
    assert not torch.allclose(maps[0], maps[1])


def test_a_tap_may_be_read_twice(images):
    backbone = build(taps=['mid', 'mid'], timesteps=[3])
    first, second = backbone(images)
    assert backbone.out_channels == (32, 32)
    assert torch.equal(first, second)


def test_one_pass_for_all_timesteps(images):
    backbone = build()
    batches = []
    backbone.denoiser.network.conv_in.register_forward_hook(
        lambda module, args, output: batches.append(len(args[0]))
    )
    backbone(images)
    assert batches == [6]


def test_noise_levels_find_their_timesteps():
    # DDPM's linear schedule has sigma = .1733 at t = 50 and .4627 at t = 150.
    backbone = build(timesteps=None, noise_levels=[0.1733, 0.4627])
    assert backbone.timesteps == (50, 150)


@pytest.mark.parametrize('order', ['rgb', 'bgr'])
def test_host_normalization_is_undone(images, order):
    pixels = (images + 1) * 127.5
    host = pixels if order == 'rgb' else pixels.flip(1)
    host = (host - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)
    backbone = build(input=dict(mean=MEAN, std=STD, channel_order=order))
    for ours, expected in zip(backbone(host), build()(images)):
        torch.testing.assert_close(ours, expected, atol=1e-4, rtol=1e-4)


def test_resizes_to_the_trained_size_unless_told_otherwise(images):
    large = torch.nn.functional.interpolate(images, scale_factor=2.0)
    assert build()(large)[0].shape[-1] == 8
    assert build(input=dict(UNIT_RANGE, size=None))(large)[0].shape[-1] == 16
    assert build(input=dict(UNIT_RANGE, size=(16, 24)))(large)[0].shape[-2:] == (8, 12)


def test_frozen_is_out_of_reach(images):
    backbone = build()
    assert list(backbone.parameters()) == []
    assert not any('network' in name for name in backbone.state_dict())
    backbone.train()
    assert not backbone.denoiser.training
    maps = backbone(images.clone().requires_grad_())
    assert not any(each.requires_grad for each in maps)
    assert copy.deepcopy(backbone).denoiser is backbone.denoiser, 'EMA shares the weights'


def test_frozen_denoiser_moves_with_the_model():
    backbone = build().to(torch.float64)
    assert {each.dtype for each in backbone.denoiser.parameters()} == {torch.float64}
    assert {each.device.type for each in build().to('meta').denoiser.parameters()} == {'meta'}


def test_trainable_denoiser_is_a_plain_submodule(images):
    backbone = build(frozen=False)
    backbone.train()
    assert backbone.denoiser.training
    sum(each.mean() for each in backbone(images)).backward()
    assert backbone.denoiser.network.conv_in.weight.grad.abs().sum() > 0
    state = backbone.state_dict()
    assert 'network.network.conv_in.weight' in state
    other = build(seed=1, frozen=False)
    other.load_state_dict(state)
    assert torch.equal(other(images)[0], backbone(images)[0])


def test_checkpoint_records_the_denoiser_and_loads_strictly(tmp_path, images):
    host = torch.nn.ModuleDict(dict(backbone=build(), head=torch.nn.Linear(2, 2)))
    path = tmp_path / 'host.pth'
    torch.save(host.state_dict(), path)
    assert path.stat().st_size < 10_000
    state = torch.load(path, weights_only=True)
    twin = torch.nn.ModuleDict(dict(backbone=build(), head=torch.nn.Linear(2, 2)))
    twin.load_state_dict(state, strict=True)
    load_state_dict(twin, state, strict=True)
    assert torch.equal(twin['backbone'](images)[0], host['backbone'](images)[0])


def test_loading_with_another_denoiser_is_an_error():
    buffer = io.BytesIO()
    torch.save(build().state_dict(), buffer)
    buffer.seek(0)
    state = torch.load(buffer, weights_only=True)
    with pytest.raises(ValueError, match='set `denoiser` to the one that was used'):
        build(seed=1).load_state_dict(state)


@pytest.mark.parametrize(
    ('overrides', 'error', 'message'),
    [
        (dict(taps=['dec.9']), TapError, 'dec.9'),
        (dict(taps=[]), TapError, 'list of tap names'),
        (dict(timesteps=[1000]), ValueError, r'in \[0, 999\], got 1000'),
        (dict(timesteps=[-1]), ValueError, r'in \[0, 999\], got -1'),
        (dict(timesteps=[5, 5]), ValueError, 'differ'),
        (dict(timesteps=[]), ValueError, 'timesteps must have at least one'),
        (dict(timesteps=[0.5]), TypeError, 'each of timesteps must be int'),
        (dict(timesteps=None), ValueError, 'either timesteps or noise_levels'),
        (dict(noise_levels=[0.5]), ValueError, 'either timesteps or noise_levels'),
        (dict(noise='pink'), ValueError, 'pink'),
        (dict(input=dict(channel_order='rbg')), ValueError, 'channel_order'),
        (dict(input=dict(mean=[1] * 3, std=[1] * 3)), ValueError, "say channel_order='rgb' if"),
        (dict(input=dict(means=[0] * 3, channel_order='rgb')), ValueError, 'Did you mean mean'),
        (dict(input=dict(size=15)), ValueError, 'multiples of 2'),
        (dict(taps='mid'), TapError, 'must be a list of tap names'),
    ],
)
def test_bad_arguments(overrides, error, message):
    with pytest.raises(error, match=message):
        build(**overrides)


def test_wrong_image_range(images):
    with pytest.raises(ValueError, match='mean and std'):
        build()(images * 127.5 + 127.5)


def test_printing_names_the_denoiser():
    assert "taps=('mid', 'dec.2')" in repr(build())


def test_another_noise_in_evaluation_mode(images):
    backbone = build(noise='fresh', test_noise='per_image')
    first, second = backbone.train()(images), backbone(images)
    assert not torch.allclose(first[0], second[0])
    backbone.eval()
    one = [maps[:1] for maps in backbone(images)]
    for each, again in zip(one, backbone(images[:1])):
        torch.testing.assert_close(each, again, atol=1e-5, rtol=1e-5)
    assert build(noise='fresh').test_noise is not None


def test_large_maps_are_averaged_before_they_are_kept(images):
    whole, pooled = build()(images), build(max_side=8)
    assert pooled.out_strides == (2, 2) * 3
    for tap, (one, small) in enumerate(zip(whole, pooled(images))):
        assert small.shape[2:] == (8, 8)
        expected = one if tap % 2 == 0 else torch.nn.functional.avg_pool2d(one, 2)
        torch.testing.assert_close(small, expected)


@pytest.mark.parametrize(
    ('overrides', 'message'),
    [
        (dict(max_side=6), r'max_side=6 does not divide a map of 8x8'),
        (dict(max_side=0), r'max_side must be at least 1, got 0'),
        (dict(max_side=8, input=dict(UNIT_RANGE, size=None)), r'images of size None'),
        (dict(max_side=8, input=dict(UNIT_RANGE, size=(16, 32))), r'images of size \(16, 32\)'),
    ],
)
def test_max_side_needs_images_of_one_size(overrides, message):
    with pytest.raises(ValueError, match=message):
        build(**overrides)


@pytest.mark.parametrize('precision', ['bfloat16', 'float16'])
def test_precision_is_that_of_the_pass_and_is_recorded(images, precision):
    rough = build(precision=precision)
    found = rough(images)
    assert {weight.dtype for weight in rough.denoiser.parameters()} == {getattr(torch, precision)}
    for maps, exact in zip(found, build()(images)):
        assert maps.dtype == torch.float32
        assert 0 < (maps - exact).norm() / exact.norm() < 0.03
    assert f'"precision": "{precision}"'.encode() in bytes(rough.get_extra_state().tolist())


def test_the_hosts_amp_changes_nothing(images):
    backbone = build()
    with torch.autocast('cpu', torch.bfloat16):
        inside = backbone(images)
    assert all(torch.equal(first, second) for first, second in zip(inside, backbone(images)))


@pytest.mark.parametrize('pass_size', [1, 4, 6])
@pytest.mark.parametrize('noise', ['fresh', 'shared', 'per_image'])
def test_passes_of_limited_size_give_the_same_maps(images, pass_size, noise):
    torch.manual_seed(5)
    whole = build(noise=noise, max_side=4)
    torch.manual_seed(6)
    expected = whole(images)
    parts = build(noise=noise, max_side=4, pass_size=pass_size)
    sizes = []
    parts.denoiser.network.conv_in.register_forward_hook(
        lambda module, args, output: sizes.append(len(output))
    )
    torch.manual_seed(6)
    for found, maps in zip(parts(images), expected):
        torch.testing.assert_close(found, maps, atol=1e-5, rtol=1e-4)
    assert max(sizes) == pass_size and sum(sizes) == 6


@pytest.mark.parametrize(
    'options', [dict(precision='bfloat16'), dict(pass_size=2), dict(compile=True)]
)
def test_a_trained_denoiser_takes_neither_precision_nor_parts(options):
    with pytest.raises(ValueError, match='for a frozen denoiser'):
        build(frozen=False, **options)


def test_a_compiled_denoiser_gives_the_same_maps(images):
    torch.compiler.reset()
    plain, compiled = (build(taps=['enc.0'], compile=c) for c in (False, dict(backend='eager')))
    assert all(map(torch.equal, compiled(images), plain(images)))


def test_a_changed_aspect_ratio_is_said_once(caplog):
    backbone = build()
    wide = torch.zeros(1, 3, 16, 32)
    with caplog.at_level('WARNING'):
        backbone(torch.zeros(1, 3, 32, 32))
        assert not caplog.records
        backbone(wide)
        backbone(wide)
    assert len(caplog.records) == 1
    assert 'Images of 16 x 32 are resized to 16 x 16' in caplog.text
    caplog.clear()
    with caplog.at_level('WARNING'):
        build(input=dict(UNIT_RANGE, size=None))(wide)
        build(input=dict(UNIT_RANGE, size=(8, 16)))(wide)
    assert not caplog.records


def test_a_limit_of_memory_gives_the_same_maps(images):
    options = dict(noise='per_image', draws=2)
    free = build(**options)
    taps = list(free.taps)
    room = 3.5 * pass_bytes(free.denoiser, taps, 16, 16)
    limit = (weight_bytes(free.denoiser) + room) / GIB
    bound = build(**options, memory_gb=limit)
    passes = []
    bound.denoiser.network.register_forward_pre_hook(lambda _, args: passes.append(len(args[0])))
    for value, expected in zip(bound(images), free(images)):
        torch.testing.assert_close(value, expected, atol=1e-5, rtol=1e-4)
    assert max(passes) == 3 and sum(passes) == 2 * len(images) * len(free.timesteps)
    with pytest.raises(ValueError, match='memory_gb .*are for a frozen denoiser'):
        build(frozen=False, memory_gb=1.0)

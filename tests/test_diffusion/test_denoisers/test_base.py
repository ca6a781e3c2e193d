# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import copy

import pytest
import torch

from mmdiffrep.diffusion import TapError, load_denoiser
from mmdiffrep.diffusion.condition import Condition

TINY = dict(
    sample_size=8,
    block_out_channels=(8, 8),
    norm_num_groups=4,
    layers_per_block=1,
    down_block_types=('DownBlock2D', 'DownBlock2D'),
    up_block_types=('UpBlock2D', 'UpBlock2D'),
    add_attention=False,
)


def build(taps=None, **changes):
    torch.manual_seed(0)
    return load_denoiser(dict(type='UNet2DDenoiser', unet=dict(TINY, **changes)), taps=taps)


def test_timesteps_may_be_one_or_many():
    denoiser, x = build(taps=['mid']), torch.randn(3, 3, 8, 8)
    one = denoiser(x, 5)['mid']
    assert torch.equal(denoiser(x, torch.full((3,), 5))['mid'], one)
    assert not torch.equal(denoiser(x, torch.tensor([5, 6, 5]))['mid'][1], one[1])


@pytest.mark.parametrize(
    ('x', 't', 'message'),
    [
        (torch.zeros(2, 1, 8, 8), 0, r'\(B, 3, H, W\), got shape \(2, 1, 8, 8\)'),
        (torch.zeros(3, 8, 8), 0, r'got shape \(3, 8, 8\)'),
        (torch.zeros(2, 3, 8, 9), 0, 'multiples of 2 for this network, got 8x9'),
        (torch.zeros(2, 3, 8, 8, dtype=torch.uint8), 0, 'dtype of images must be'),
        (torch.zeros(2, 3, 8, 8), 1000, r'0 \.\. 999'),
        (torch.zeros(2, 3, 8, 8), torch.tensor([0, -1]), r'0 \.\. 999'),
        (torch.zeros(2, 3, 8, 8), torch.tensor([0, 1, 2]), r'one per image \(2\)'),
        (torch.zeros(2, 3, 8, 8), 0.5, 'integers'),
    ],
)
def test_wrong_input(x, t, message):
    for denoiser in (build(), build(taps=['enc.0'])):
        with pytest.raises(ValueError, match=message):
            denoiser(x, t, taps=['enc.0'])


def test_conditions():
    x, plain, classes = torch.zeros(2, 3, 8, 8), build(), build(num_class_embeds=4)
    with pytest.raises(ValueError, match='unconditional'):
        plain(x, 0, cond=torch.tensor([0, 1]), taps=['mid'])
    with pytest.raises(ValueError, match=r'0 .. 3, got 0 .. 4'):
        classes(x, 0, cond=torch.tensor([0, 4]), taps=['mid'])
    with pytest.raises(ValueError, match=r'labels must be 1, got 2'):
        classes(x, 0, cond=torch.tensor([[0], [1]]), taps=['mid'])
    with pytest.raises(ValueError, match='must be one of 1, 2, got 3'):
        classes(x, 0, cond=torch.tensor([0, 1, 2]), taps=['mid'])
    with pytest.raises(ValueError, match='reads no prompt_embeds of a condition; it reads labels'):
        classes(x, 0, cond=Condition(prompt_embeds=torch.zeros(1, 7, 4)), taps=['mid'])
    with pytest.raises(TypeError, match='cond must be Condition'):
        classes(x, 0, cond='a cat', taps=['mid'])
    features = classes(x, 0, cond=torch.tensor([0, 1]), taps=['mid'])['mid']
    assert not torch.equal(features[0], features[1])


def test_without_labels_a_stand_in_is_given():
    x, t = torch.randn(2, 3, 8, 8), 5
    cfg = dict(type='UNet2DDenoiser', unet=dict(TINY, num_class_embeds=4))
    torch.manual_seed(0)
    mean = load_denoiser(cfg)
    weight = mean.network.class_embedding.weight.data
    weights = mean.network.state_dict()

    def mid(null_label, cond=None, change=None):
        denoiser = load_denoiser(dict(cfg, null_label=null_label))
        denoiser.network.load_state_dict(weights)
        if change is not None:
            denoiser.network.class_embedding.weight.data[0] = change
        return denoiser(x, t, cond, taps=['mid'])['mid']

    first = torch.tensor([0, 0])
    assert torch.equal(mid('mean'), mid('mean', first, change=weight.mean(dim=0)))
    assert torch.equal(mid('zero'), mid('zero', first, change=torch.zeros(32)))
    assert torch.equal(mid(3), mid('mean', torch.tensor([3, 3])))
    assert torch.equal(mid(3), mid('mean', Condition(labels=torch.tensor([3]))))
    assert not torch.allclose(mid('mean'), mid('zero'))
    with pytest.raises(ValueError, match=r"one of \('mean', 'zero'\), or a class in 0 .. 3, got 4"):
        mid(4)


def test_taps_have_to_be_named():
    denoiser = build()
    with pytest.raises(TapError, match='This network is whole'):
        denoiser(torch.zeros(1, 3, 8, 8), 0)
    with pytest.raises(TapError, match=r"no tap 'dec\.9'"):
        denoiser(torch.zeros(1, 3, 8, 8), 0, taps=['dec.9'])
    for wrong in ([], 'mid'):
        with pytest.raises(TapError, match='must be a list of tap names'):
            denoiser.truncate(wrong)
        with pytest.raises(TapError, match='must be a list of tap names'):
            denoiser(torch.zeros(1, 3, 8, 8), 0, taps=wrong)
    with pytest.raises(TapError, match='Did you mean'):
        build(taps=['mid', 'dec.11'])


def test_the_same_tap_by_two_names():
    denoiser = build(taps=['mid', 'module:mid_block'])
    features = denoiser(torch.randn(1, 3, 8, 8), 0)
    assert list(features) == ['mid', 'module:mid_block']
    assert features['mid'] is features['module:mid_block']


@pytest.mark.parametrize('dtype', [torch.float32, torch.float64])
def test_input_follows_the_precision_of_the_weights(dtype):
    denoiser, x = build().to(torch.bfloat16), torch.randn(2, 3, 8, 8)
    features = denoiser(x.to(dtype), 5, taps=['mid'])['mid']
    assert features.dtype == torch.bfloat16
    assert torch.equal(features, denoiser(x.to(torch.bfloat16), 5, taps=['mid'])['mid'])
    assert denoiser.predict(x.to(dtype), 5).dtype == torch.bfloat16


def test_a_tap_that_is_named_twice():
    denoiser, x = build(taps=['mid', 'mid']), torch.randn(1, 3, 8, 8)
    features = denoiser(x, 0)
    hooks = list(denoiser.network.mid_block._forward_hooks)
    assert list(features) == ['mid']
    denoiser(x, 0, taps=['mid', 'mid'])
    assert list(denoiser.network.mid_block._forward_hooks) == hooks  # not registered anew


def test_images_alone_have_to_be_enough():
    assert build().require_images_only((8, 10)) is None
    assert build(num_class_embeds=4).require_images_only() is None
    assert build(in_channels=1, out_channels=1).require_images_only() is None
    with pytest.raises(ValueError, match='takes 4 channels, not RGB or gray images'):
        build(in_channels=4, out_channels=4).require_images_only()
    with pytest.raises(ValueError, match='multiples of 2 for this network, got 8x9'):
        build().require_images_only((8, 9))


def test_channels_last_gives_the_same_features_and_hash():
    plain, other = build(), build()
    other.network.to(memory_format=torch.channels_last)
    assert other.weights_hash == plain.weights_hash
    x = torch.randn(2, 3, 8, 8)
    for tap, expected in plain(x, 5, taps=list(plain.taps)).items():
        torch.testing.assert_close(other(x, 5, taps=[tap])[tap], expected, atol=1e-5, rtol=1e-4)


def test_frozen_stays_frozen():
    denoiser = build()
    assert denoiser.training
    assert denoiser.freeze() is denoiser
    denoiser.train()
    assert not any(module.training for module in denoiser.modules())
    assert not any(parameter.requires_grad for parameter in denoiser.parameters())


def test_gradients_flow_unless_frozen():
    denoiser = build(taps=['mid'])
    denoiser(torch.randn(1, 3, 8, 8), 0)['mid'].sum().backward()
    assert denoiser.network.conv_in.weight.grad.abs().sum() > 0


def test_hash_is_that_of_the_whole_network():
    whole = build()
    digest = whole.weights_hash
    assert build(taps=['enc.0']).weights_hash == digest
    assert copy.deepcopy(whole).truncate(['mid']).weights_hash == digest
    whole.network.conv_out.weight.data += 1
    assert whole.weights_hash != digest


def test_an_error_in_a_pass_leaves_nothing_behind():
    denoiser, x = build(), torch.randn(1, 3, 8, 8)
    expected = denoiser(x, 0, taps=['enc.0', 'mid'])
    handle = denoiser.network.mid_block.register_forward_pre_hook(lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        denoiser(x, 0, taps=['enc.0', 'mid'])
    handle.remove()
    found = denoiser(x, 0, taps=['enc.0', 'mid'])
    assert all(torch.equal(found[tap], expected[tap]) for tap in expected)
    assert not denoiser.network.up_blocks[0]._forward_hooks


def test_copies_are_independent():
    cut = build(taps=['mid'])
    twin = copy.deepcopy(cut)
    twin.network.conv_in.weight.data.zero_()
    x = torch.randn(1, 3, 8, 8)
    assert not torch.equal(cut(x, 0)['mid'], twin(x, 0)['mid'])

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""DifFeed's backbone: two passes, what is trained, what is frozen, what is stored."""

import copy

import pytest
import torch
from mmengine.model import MMDistributedDataParallel
from mmengine.registry import DefaultScope

from mmdiffrep.diffusion import TapError
from mmdiffrep.diffusion.denoisers.adm_presets import ADM_PRESETS
from mmdiffrep.diffusion.noise import FreshNoise, PerImageNoise
from mmdiffrep.registry import MODELS
from mmdiffrep.testing import run_in_two_processes, tiny_teacher

UNIT_RANGE = dict(mean=[127.5] * 3, std=[127.5] * 3, channel_order='rgb')
ADM = dict(
    type='ADMDenoiser',
    image_size=16,
    num_channels=32,
    num_res_blocks=1,
    channel_mult='1,1',
    attention_resolutions='8',
    num_heads=1,
    diffusion_steps=20,
    rescale_timesteps=False,
)
DENOISERS = dict(unet=tiny_teacher(), adm=ADM)


def build(kind='mmdiffrep.FeedbackDPMBackbone', seed=0, **overrides):
    cfg = dict(type=kind, denoiser=DENOISERS['unet'], taps=['dec.1'], input=UNIT_RANGE)
    if 'Feedback' in kind:
        cfg.update(timestep=5, noise='per_image')
    else:
        cfg.update(timesteps=[5])
    torch.manual_seed(seed)
    return MODELS.build(dict(cfg, **overrides))


@pytest.fixture
def images():
    return torch.rand(4, 3, 16, 16, generator=torch.Generator().manual_seed(1)) * 2 - 1


@pytest.fixture(params=list(DENOISERS))
def denoiser(request):
    """Random weights, also where ADM starts with zeros."""
    return DENOISERS[request.param]


def wake(backbone):
    """Gives a new network's zero convolutions values; what is shared is changed once."""
    generator = torch.Generator().manual_seed(2)
    for parameter in backbone.denoiser.parameters():
        if not parameter.any():
            parameter.data.normal_(0, 0.1, generator=generator)
    return backbone


def test_official_setting_without_weights():
    with torch.device('meta'):
        backbone = MODELS.build(
            dict(
                type='mmdiffrep.FeedbackDPMBackbone',
                denoiser=dict(type='ADMDenoiser', **ADM_PRESETS['adm-256-uncond']),
                taps=['gdc:24'],
                feedback=[f'gdc:{block}' for block in (21, 24, 27, 30, 33, 36)],
                timestep=150,
            )
        )
    assert isinstance(backbone.noise, FreshNoise)
    assert isinstance(backbone.test_noise, PerImageNoise), 'officially fresh too'
    assert backbone.out_channels == (1024,) and backbone.out_strides == (16,)
    assert [target for _, target in backbone.pairs] == [
        f'enc.{block - 1}' for block in (17, 14, 11, 8, 5, 2)
    ]
    convs = [net.conv for net in backbone.feedback_nets]
    assert [conv.in_channels for conv in convs] == [1024, 1024, 512, 512, 256, 256]
    assert all(conv.in_channels == conv.out_channels and conv.bias is None for conv in convs)
    assert sum(conv.weight.numel() for conv in convs) == 2_752_512  # 2.75 M
    first, second = (view.module.network for view in (backbone.first_pass, backbone.second_pass))
    assert len(first.output_blocks) == 17 and len(second.output_blocks) == 5


def test_zero_feedback_makes_the_second_pass_the_first(denoiser, images):
    backbone = wake(build(denoiser=denoiser, taps=['dec.1', 'dec.2']))
    with torch.no_grad():
        fed = backbone(images)
        for net in backbone.feedback_nets:
            torch.nn.init.zeros_(net.bn.weight)
        same = backbone(images)
    x_t, t = backbone._noised(backbone.to_rgb(images))
    plain = backbone.first_pass.module(x_t, t, taps=['dec.1', 'dec.2'])
    for changed, equal, tap in zip(fed, same, plain):
        assert torch.equal(equal, plain[tap])
        assert not torch.allclose(changed, plain[tap])


def test_without_feedback_it_is_the_plain_backbone(images):
    backbone = build(test_noise='shared').eval()
    torch.nn.init.zeros_(backbone.feedback_nets[0].bn.weight)
    torch.nn.init.zeros_(backbone.feedback_nets[1].bn.weight)
    plain = build('mmdiffrep.DPMBackbone', noise='shared')
    assert torch.equal(backbone(images)[0], plain(images)[0])


def test_both_passes_see_the_same_noise(images):
    backbone = build(noise='fresh')
    seen = []
    for view in (backbone.first_pass, backbone.second_pass):
        view.module.network.conv_in.register_forward_hook(
            lambda module, args, output: seen.append(args[0])
        )
    backbone(images)
    backbone(images)
    assert len(seen) == 4
    assert torch.equal(seen[0], seen[1]) and torch.equal(seen[2], seen[3])
    assert not torch.equal(seen[0], seen[2])


def test_training_draws_anew_and_tests_repeat_themselves(images):
    backbone = build(noise='fresh')
    first, second = backbone._noised(images)[0], backbone._noised(images)[0]
    assert not torch.equal(first, second)
    backbone.eval()
    assert torch.equal(backbone._noised(images)[0], backbone._noised(images)[0])
    as_trained = build(noise='shared', test_noise=None)
    assert torch.equal(as_trained._noised(images)[0], as_trained.eval()._noised(images)[0])


def test_only_the_feedback_nets_learn(denoiser, images):
    backbone = wake(build(denoiser=denoiser))
    backbone(images)[0].square().mean().backward()
    for view in (backbone.first_pass, backbone.second_pass):
        for name, parameter in view.module.named_parameters():
            assert not parameter.requires_grad and parameter.grad is None, name
    for net in backbone.feedback_nets:
        for name, parameter in net.named_parameters():
            assert parameter.grad.abs().sum() > 0, name


def test_the_first_pass_computes_no_gradients(images):
    backbone = build()
    seen = []
    handle = backbone.first_pass.module.network.mid_block.register_forward_hook(
        lambda module, args, output: seen.append(output.requires_grad)
    )
    backbone(images)
    handle.remove()
    backbone.denoiser.network.mid_block.register_forward_hook(
        lambda module, args, output: seen.append(output.requires_grad)
    )
    backbone(images)
    assert seen == [False, True]


def test_checkpointing_changes_no_gradient(denoiser, images):
    gradients = []
    for checkpoint in (False, True):
        backbone = wake(build(denoiser=denoiser, checkpoint=checkpoint))
        backbone(images)[0].square().mean().backward()
        gradients.append([parameter.grad for parameter in backbone.parameters()])
    for plain, recomputed in zip(*gradients):
        assert torch.equal(plain, recomputed)


def test_compiling_changes_no_gradient(images):
    torch.compiler.reset()
    gradients = []
    for compile in (False, dict(backend='eager')):
        backbone = build(taps=['dec.0'], feedback={'mid': 'enc.0'}, compile=compile)
        backbone(images)[0].square().mean().backward()
        gradients.append([parameter.grad for parameter in backbone.parameters()])
    assert all(map(torch.equal, *gradients))
    with pytest.raises(ValueError, match='compile and checkpoint do not go together'):
        build(compile=True, checkpoint=True)


def test_weights_are_held_once_also_after_a_move():
    backbone = build().to(torch.float64)
    first, second = (view.module for view in (backbone.first_pass, backbone.second_pass))
    assert {each.dtype for each in first.parameters()} == {torch.float64}
    pointers = [{each.data_ptr() for each in view.parameters()} for view in (first, second)]
    assert pointers[0] >= pointers[1] or pointers[0] <= pointers[1]


def test_the_denoiser_is_out_of_reach(images):
    backbone = build()
    assert {name.partition('.')[0] for name, _ in backbone.named_parameters()} == {'feedback_nets'}
    assert {name.partition('.')[0] for name in backbone.state_dict()} == {
        'feedback_nets',
        '_extra_state',
    }
    backbone.train()
    assert not backbone.denoiser.training and not backbone.first_pass.module.training
    averaged = copy.deepcopy(backbone).eval()
    assert averaged.denoiser is backbone.denoiser
    backbone.eval()
    assert torch.equal(averaged(images)[0], backbone(images)[0]), 'EMA has its feedback too'
    with torch.no_grad():
        for net in averaged.feedback_nets:
            net.bn.bias.add_(1)
    assert not torch.allclose(averaged(images)[0], backbone(images)[0])


def test_checkpoints_know_their_denoiser(images):
    state = build().state_dict()
    twin = build()
    twin.load_state_dict(state, strict=True)
    with pytest.raises(ValueError, match='set `denoiser` to the one that was used'):
        build(seed=1).load_state_dict(state)


def test_group_norm_feedback(images):
    backbone = build(norm_cfg=dict(type='GN', num_groups=4))
    alone = torch.cat([backbone(image[None])[0] for image in images])
    torch.testing.assert_close(alone, backbone(images)[0], atol=1e-4, rtol=1e-4)


def test_other_sides_than_it_was_trained_on(images):
    large = torch.nn.functional.interpolate(images, scale_factor=2.0)
    backbone = build(input=dict(UNIT_RANGE, size=None), taps=['dec.1', 'dec.2'])
    assert [maps.shape[-1] for maps in backbone(large)] == [16, 32]


@pytest.mark.parametrize(
    ('overrides', 'error', 'message'),
    [
        (dict(taps=['dec.9']), TapError, 'dec.9'),
        (dict(taps=['enc.0']), TapError, "'enc.1' is fed after 'enc.0' is read"),
        (dict(feedback={'dec.1': 'dec.0'}), TapError, "'dec.0' cannot be fed"),
        (dict(feedback=['enc.1']), TapError, 'no encoder maps of their own'),
        (dict(timestep=20), ValueError, r'in \[0, 19\]'),
        (dict(timestep=None), ValueError, 'either timesteps or noise_levels'),
        (dict(noise_level=0.1), ValueError, 'either timesteps or noise_levels'),
        (dict(noise='pink'), ValueError, 'pink'),
        (dict(input=dict(size=15)), ValueError, 'multiples of 2'),
    ],
)
def test_bad_arguments(overrides, error, message):
    with pytest.raises(error, match=message):
        build(**overrides)


def test_a_batch_of_mixed_sizes(images):
    with pytest.raises(ValueError, match=r'list of 2 images of sides \[\(12, 16\), \(16, 16\)\]'):
        build()([images[0], images[1, :, :12]])


def classifier(norm='SyncBN'):
    torch.manual_seed(0)
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        return MODELS.build(
            dict(
                type='ImageClassifier',
                backbone=dict(
                    type='mmdiffrep.FeedbackDPMBackbone',
                    denoiser=DENOISERS['unet'],
                    taps=['dec.1'],
                    timestep=5,
                    noise='per_image',
                    norm_cfg=dict(type=norm, num_groups=4) if norm == 'GN' else dict(type=norm),
                    input=UNIT_RANGE,
                ),
                neck=dict(type='GlobalAveragePooling'),
                head=dict(
                    type='LinearClsHead',
                    num_classes=3,
                    in_channels=16,
                    loss=dict(type='CrossEntropyLoss'),
                ),
            )
        )


def one_step(model, images, labels):
    from mmpretrain.structures import DataSample

    samples = [DataSample().set_gt_label(label) for label in labels]
    model(images, samples, mode='loss')['loss'].backward()


def work(rank, folder, images):
    model = MMDistributedDataParallel(classifier('GN'))
    mine = slice(2 * rank, 2 * rank + 2)
    one_step(model, images[mine], [0, 1, 2, 0][mine])
    gradients = {name: p.grad for name, p in model.module.named_parameters()}
    torch.save(gradients, folder / f'{rank}.pt')


def test_two_processes_average_the_gradients_of_one_with_both_batches(images, tmp_path):
    run_in_two_processes(work, tmp_path, images)
    model = classifier('GN')
    one_step(model, images, [0, 1, 2, 0])
    for rank in (0, 1):
        gradients = torch.load(tmp_path / f'{rank}.pt', weights_only=True)
        for name, parameter in model.named_parameters():
            torch.testing.assert_close(gradients[name], parameter.grad, atol=1e-6, rtol=1e-4)


def test_half_precision_trains_the_feedback_nets(denoiser, images):
    rough, exact = (wake(build(denoiser=denoiser, precision=p)) for p in ('bfloat16', None))
    for backbone in (rough, exact):
        maps = backbone(images)[0]
        assert maps.dtype == torch.float32
        maps.square().mean().backward()
    assert {weight.dtype for weight in rough.first_pass.module.parameters()} == {torch.bfloat16}
    for (name, first), second in zip(rough.named_parameters(), exact.parameters()):
        assert first.dtype == torch.float32
        near = torch.nn.functional.cosine_similarity(first.grad.flatten(), second.grad.flatten(), 0)
        assert near > 0.9, name

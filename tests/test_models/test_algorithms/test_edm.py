# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The objective, the sampler and the diffusers folder of ``mmdiffrep.EDM``."""

import copy

import pytest
import torch
from diffusers import EDMEulerScheduler, UNet2DModel
from mmengine.optim import OptimWrapper

from mmdiffrep.apis import FeatureExtractor
from mmdiffrep.diffusion import EDMSchedule, load_denoiser
from mmdiffrep.diffusion.sampling import sample_images
from mmdiffrep.feature_bank import FeatureReader
from mmdiffrep.models.algorithms import EDM
from mmdiffrep.models.backbones import DPMBackbone
from mmdiffrep.models.teachers import DPMTeacher
from mmdiffrep.registry import MODELS

UNET = dict(
    sample_size=16,
    block_out_channels=(16, 32),
    down_block_types=('DownBlock2D', 'AttnDownBlock2D'),
    up_block_types=('AttnUpBlock2D', 'UpBlock2D'),
    layers_per_block=1,
    norm_num_groups=8,
    attention_head_dim=8,
)


def build(**changes):
    torch.manual_seed(0)
    return EDM(**{'unet': UNET, 'zero_init': False, **changes})


def batch(num=3, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(num, 3, 16, 16, generator=generator) * 2 - 1


def train(model, optimizer, iterations):
    wrapper = OptimWrapper(optimizer)
    for iteration in iterations:
        model.train_step(dict(inputs=batch(seed=100 + iteration)), wrapper)


@pytest.mark.parametrize('prediction_type', ['epsilon', 'v_prediction'])
@pytest.mark.parametrize('data', [0.5, 0.8])
def test_loss_is_the_weighted_error_of_the_denoised_image(prediction_type, data):
    model = build(scheduler=dict(prediction_type=prediction_type, sigma_data=data))
    x0, draw = batch(), model.draw(batch())
    sigma = draw.sigma.double().view(-1, 1, 1, 1)
    x = x0 + sigma * draw.noise
    inward = (1 / (sigma**2 + data**2).sqrt() * x).float()
    output = model.unet(inward, sigma.log().flatten().float() / 4).sample
    sign = 1 if prediction_type == 'epsilon' else -1
    denoised = data**2 / (sigma**2 + data**2) * x
    denoised = denoised + sign * sigma * data / (sigma**2 + data**2).sqrt() * output
    weight = (sigma**2 + data**2) / (sigma * data) ** 2
    loss = model(x0, mode='loss')
    assert list(loss) == ['loss_denoise']
    torch.testing.assert_close(
        loss['loss_denoise'].double(), (weight * (denoised - x0) ** 2).mean(), rtol=1e-4, atol=0
    )


def test_bf16_computes_in_bfloat16_and_keeps_float_weights():
    full, half = build(augment_prob=0.5), build(augment_prob=0.5, bf16=True)
    loss = half(batch(), mode='loss')['loss_denoise']
    loss.backward()
    reference = full(batch(), mode='loss')['loss_denoise']
    assert loss.dtype == torch.float32
    assert 0 < abs(loss.item() - reference.item()) < 0.05
    assert {p.grad.dtype for p in half.parameters()} == {torch.float32}


def test_training_noise_is_log_normal():
    model = build()
    sigma = model.draw(torch.zeros(4000, 1, 2, 2)).sigma.log()
    assert sigma.mean() == pytest.approx(-1.2, abs=0.08)
    assert sigma.std() == pytest.approx(1.2, abs=0.05)


def test_an_untrained_network_with_zero_init_loses_one():
    # its target has unit variance for pixels of deviation sigma_data
    model = EDM(unet=UNET)
    images = torch.randn(64, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 0.5
    loss = model.loss(images, model.draw(images))['loss_denoise'].item()
    assert loss == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize('augment_prob', [0.0, 0.5])
def test_resumed_training_equals_an_undisturbed_one(augment_prob):
    through = build(augment_prob=augment_prob)
    train(through, torch.optim.Adam(through.parameters(), lr=1e-3), range(4))

    first = build(augment_prob=augment_prob)
    optimizer = torch.optim.Adam(first.parameters(), lr=1e-3)
    train(first, optimizer, range(2))
    saved = copy.deepcopy((first.state_dict(), optimizer.state_dict()))
    second = EDM(unet=UNET, augment_prob=augment_prob)
    optimizer = torch.optim.Adam(second.parameters(), lr=1e-3)
    second.load_state_dict(saved[0])
    optimizer.load_state_dict(saved[1])
    train(second, optimizer, range(2, 4))
    for name, value in through.state_dict().items():
        assert torch.equal(value, second.state_dict()[name]), name


def test_the_network_is_told_of_the_augmentation_and_the_rest_is_unconditional():
    model = build(augment_prob=0.5).eval()
    image, time = batch(), torch.tensor([0.1, -0.3, 0.2])
    with torch.no_grad():
        plain = UNet2DModel(**UNET)
        plain.load_state_dict(model.unet.state_dict())
        expected = plain.eval()(image, time).sample
        assert torch.equal(model.network(image, time), expected)
        told = model.network(image, time, torch.ones(3, 9))
        assert not torch.allclose(told, expected, atol=1e-3)
    model.train()
    model(batch(), mode='loss')['loss_denoise'].backward()
    assert model.label_embed.weight.grad.abs().max() > 0


def test_augmented_images_are_the_target():
    model = build(augment_prob=1.0)
    draw = model.draw(batch())
    augmented, _ = model.augment(batch(), draw.augment)
    assert not torch.allclose(augmented, batch(), atol=0.1)
    model.augment = lambda images, uniform: (augmented, torch.zeros(3, 9))
    expected = model.loss(torch.zeros(3, 3, 16, 16), draw)['loss_denoise']
    plain = build()
    plain.unet.load_state_dict(model.unet.state_dict())
    torch.testing.assert_close(plain.loss(augmented, draw)['loss_denoise'], expected)


@pytest.mark.parametrize('sampler', ['ddim', 'heun'])
def test_sampling_is_a_function_of_the_generator(sampler):
    model = build(augment_prob=0.1).train()
    before = torch.get_rng_state()
    draw = [model.sample(2, torch.Generator().manual_seed(seed), 4, sampler) for seed in (0, 0, 1)]
    assert draw[0].shape == (2, 3, 16, 16) and draw[0].abs().max() <= 1
    assert torch.equal(draw[0], draw[1]) and not torch.equal(draw[0], draw[2])
    assert model.training and torch.equal(before, torch.get_rng_state())


@pytest.fixture(params=[0.0, 0.5])
def exported(request, tmp_path):
    model = build(augment_prob=request.param).eval()
    model.save_pretrained(str(tmp_path / 'denoiser'), dtype=torch.float32)
    return model, str(tmp_path / 'denoiser')


def test_saved_folder_is_read_by_diffusers_and_as_a_denoiser(exported):
    model, folder = exported
    unet = UNet2DModel.from_pretrained(folder, subfolder='unet')
    scheduler = EDMEulerScheduler.from_pretrained(folder, subfolder='scheduler')
    denoiser = load_denoiser(folder)
    assert isinstance(denoiser.schedule, EDMSchedule) and denoiser.schedule.num_timesteps == 19
    t = torch.tensor([3, 4, 18])
    sigma = denoiser.schedule.sigmas[t].float()
    x0, eps = batch(), torch.randn(3, 3, 16, 16)
    x_t = denoiser.schedule.add_noise(x0, eps, t)
    with torch.no_grad():
        scaled = scheduler.precondition_inputs(x_t, sigma.view(-1, 1, 1, 1))
        expected = unet(scaled, scheduler.precondition_noise(sigma)).sample
        torch.testing.assert_close(denoiser.predict(x_t, t), expected)
        torch.testing.assert_close(model.network(scaled, sigma.log() / 4), expected)
    assert denoiser.settings['schedule'] == 'EDM'


def test_images_sampled_from_the_folder_are_those_of_the_model(exported):
    model, folder = exported
    noise = torch.randn(3, 16, 16, generator=torch.Generator().manual_seed(7))[None]
    ours = sample_images(load_denoiser(folder).freeze(), [7], 'heun', 4)
    torch.manual_seed(7)
    theirs = model.sample(1, None, 4, 'heun')
    torch.manual_seed(7)
    assert torch.equal(torch.randn(1, 3, 16, 16), noise)
    torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-4)


def test_features_are_read_by_timestep_and_by_noise_level(exported):
    _, folder = exported
    images, taps = batch(), ['mid', 'dec.1']
    by_index = FeatureExtractor(folder, taps, timesteps=[3, 4])(images)
    by_level = FeatureExtractor(folder, taps, noise_levels=[0.023, 0.060])(images)
    assert list(by_index) == [(3, 'mid'), (3, 'dec.1'), (4, 'mid'), (4, 'dec.1')]
    for key, value in by_index.items():
        assert torch.equal(by_level[key], value)
    assert not torch.equal(by_index[3, 'mid'], by_index[4, 'mid'])

    backbone = DPMBackbone(
        folder, taps, [4], input=dict(mean=[127.5] * 3, std=[127.5] * 3, channel_order='rgb')
    )
    maps = backbone(images)
    for (_, tap), found in zip([(4, 'mid'), (4, 'dec.1')], maps):
        torch.testing.assert_close(found, by_index[4, tap], rtol=1e-3, atol=1e-4)

    teacher = DPMTeacher(folder, taps, [127.5] * 3, [127.5] * 3, noise='shared')
    assert teacher.num_timesteps == 19
    features = teacher(teacher.to_input(images), torch.tensor([4, 4, 4]))
    torch.testing.assert_close(features[0], by_index[4, 'mid'], rtol=1e-3, atol=1e-4)


def test_a_feature_bank_knows_the_noise_and_the_formulation(exported):
    _, folder = exported
    reader = FeatureReader(folder, ['mid'], [3, 4], noise='per_image', pool=1)
    assert reader.recipe.noise_levels == pytest.approx([0.0229, 0.0600], abs=5e-4)
    assert reader.recipe.settings['schedule'] == 'EDM'
    stored = reader(list((batch() + 1) * 127.5))
    assert stored[4, 'mid'].shape == (3, 1, 1, 32)


def test_timesteps_outside_the_table(exported):
    _, folder = exported
    with pytest.raises(ValueError, match=r'in \[0, 18\], got 50'):
        FeatureExtractor(folder, ['mid'], timesteps=[50])
    with pytest.raises(ValueError, match=r'0 \.\. 18, got 19'):
        load_denoiser(folder).predict(batch(), 19)


def test_is_found_by_its_scoped_name():
    assert isinstance(MODELS.build(dict(type='mmdiffrep.EDM', unet=UNET)), EDM)


@pytest.mark.parametrize(
    ('call', 'message'),
    [
        (lambda: build(unet=dict(UNET, sample_size=None)), 'sample_size .* must be int, got None'),
        (lambda: build(unet=dict(UNET, time_embedding_type='fourier')), "got 'fourier'"),
        (lambda: build(p_std=0), 'p_std must be positive, got 0'),
        (lambda: build(augment_prob=2), 'augment_prob must be .* got 2'),
        (lambda: build(scheduler=dict(prediction_type='sample')), "got 'sample'"),
        (lambda: build(scheduler=dict(sigma_min=-1)), 'sigma_min must be in .*, got -1'),
        (lambda: build()(batch() * 127.5 + 127.5, mode='loss'), r'in \[-1, 1\], got values in'),
        (lambda: build().sample(1, sampler='ddpm'), "take 'heun' or 'ddim'"),
        (lambda: build().sample(1, sampler='hean'), 'Did you mean heun'),
        (lambda: build().network(batch(), torch.zeros(3), torch.ones(3, 9)), 'takes no labels'),
        (
            lambda: build(augment_prob=0.1).network(batch(), torch.zeros(3), torch.ones(3, 8)),
            r'labels \(3, 9\), got shape \(3, 8\)',
        ),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call()

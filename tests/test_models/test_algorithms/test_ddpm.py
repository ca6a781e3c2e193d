# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The training objective, the sampler and the diffusers folder of ``mmdiffrep.DDPM``."""

import copy
import json

import pytest
import torch
from diffusers import DDIMPipeline, DDPMPipeline, HeunDiscreteScheduler
from mmengine.optim import OptimWrapper
from safetensors.torch import load_file

from mmdiffrep.diffusion.denoisers import load_denoiser
from mmdiffrep.diffusion.schedule import NoiseSchedule
from mmdiffrep.models.algorithms import DDPM
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
    # zero_init=False: otherwise the untrained network predicts nothing but zeros
    return DDPM(**{'unet': UNET, 'zero_init': False, **changes})


def batch(num=3, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(num, 3, 16, 16, generator=generator) * 2 - 1


def train(model, optimizer, iterations):
    """Trains through ``train_step`` on batches that depend on the iteration alone."""
    wrapper = OptimWrapper(optimizer)
    for iteration in iterations:
        model.train_step(dict(inputs=batch(seed=100 + iteration)), wrapper)


def test_is_found_by_its_scoped_name():
    model = MODELS.build(dict(type='mmdiffrep.DDPM', unet=UNET))
    assert isinstance(model, DDPM)


@pytest.mark.parametrize('prediction_type', ['epsilon', 'sample', 'v_prediction'])
def test_loss_is_the_hand_written_formula(prediction_type):
    model = build(scheduler=dict(prediction_type=prediction_type))
    x0, (t, eps) = batch(), model.draw(batch())
    beta = torch.linspace(1e-4, 0.02, 1000)  # section 4 of the paper
    abar = torch.cumprod(1 - beta, 0)[t].view(-1, 1, 1, 1)
    output = model.unet(abar.sqrt() * x0 + (1 - abar).sqrt() * eps, t).sample
    target = dict(epsilon=eps, sample=x0, v_prediction=abar.sqrt() * eps - (1 - abar).sqrt() * x0)[
        prediction_type
    ]
    loss = model(x0, mode='loss')
    assert list(loss) == ['loss_denoise']
    torch.testing.assert_close(loss['loss_denoise'], ((output - target) ** 2).mean())


def test_noise_is_added_as_the_denoisers_schedule_adds_it():
    model = build()
    x0, (t, eps) = batch(), model.draw(batch())
    ours = NoiseSchedule.from_scheduler(model.scheduler).add_noise(x0, eps, t)
    torch.testing.assert_close(model.scheduler.add_noise(x0, eps, t), ours)


def test_draws_all_timesteps_uniformly():
    model = build(scheduler=dict(num_train_timesteps=4))
    t, noise = model.draw(torch.zeros(4000, 1, 2, 2))
    counts = torch.bincount(t, minlength=4)
    assert len(counts) == 4 and (counts - 1000).abs().max() < 150
    assert abs(noise.mean()) < 0.05 and abs(noise.std() - 1) < 0.05


def test_logit_normal_timesteps_have_their_median_and_spread():
    model = build(timestep_logits=(-1.0, 0.5))
    t, _ = model.draw(torch.zeros(4000, 1, 1, 1))
    quantiles = torch.quantile(t.float() / 1000, torch.tensor([0.1587, 0.5, 0.8413]))
    expected = torch.tensor([-1.5, -1.0, -0.5]).sigmoid()
    torch.testing.assert_close(quantiles, expected, atol=0.015, rtol=0)


def test_resumed_training_equals_an_undisturbed_one():
    through = build()
    train(through, torch.optim.Adam(through.parameters(), lr=1e-3), range(4))

    first = build()
    optimizer = torch.optim.Adam(first.parameters(), lr=1e-3)
    train(first, optimizer, range(2))
    saved = copy.deepcopy((first.state_dict(), optimizer.state_dict()))
    torch.manual_seed(999)
    second = DDPM(unet=UNET)
    optimizer = torch.optim.Adam(second.parameters(), lr=1e-3)
    second.load_state_dict(saved[0])
    optimizer.load_state_dict(saved[1])
    train(second, optimizer, range(2, 4))

    for name, value in through.state_dict().items():
        assert torch.equal(value, second.state_dict()[name]), name


@pytest.mark.parametrize('sampler', ['ddim', 'ddpm', 'heun'])
def test_sampling_is_a_function_of_the_generator(sampler):
    model = build().train()
    draw = [model.sample(2, torch.Generator().manual_seed(seed), 4, sampler) for seed in (0, 0, 1)]
    assert draw[0].shape == (2, 3, 16, 16)
    assert draw[0].abs().max() <= 1
    assert torch.equal(draw[0], draw[1])
    assert not torch.equal(draw[0], draw[2])
    assert model.training


@pytest.mark.parametrize(('sampler', 'pipeline'), [('ddim', DDIMPipeline), ('ddpm', DDPMPipeline)])
def test_sampling_equals_the_pipeline_of_diffusers(sampler, pipeline):
    model = build().eval()
    ours = model.sample(2, torch.Generator().manual_seed(3), 5, sampler)
    pipe = pipeline(model.unet, model.scheduler)
    pipe.set_progress_bar_config(disable=True)
    theirs = pipe(
        batch_size=2,
        generator=torch.Generator().manual_seed(3),
        num_inference_steps=5,
        output_type='np',
    ).images
    theirs = torch.from_numpy(theirs).permute(0, 3, 1, 2) * 2 - 1
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=0)


@pytest.mark.parametrize('prediction_type', ['epsilon', 'sample', 'v_prediction'])
def test_heun_is_the_scheduler_of_diffusers(prediction_type):
    model = build(scheduler=dict(prediction_type=prediction_type)).eval()
    ours = model.sample(2, torch.Generator().manual_seed(3), 4, 'heun')
    scheduler = HeunDiscreteScheduler.from_config(model.scheduler.config)
    scheduler.set_timesteps(4)
    noise = torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(3))
    images = noise * scheduler.init_noise_sigma
    with torch.no_grad():
        for t in scheduler.timesteps:
            output = model.unet(scheduler.scale_model_input(images, t), t).sample
            images = scheduler.step(output, t, images).prev_sample
    torch.testing.assert_close(ours, images.clamp(-1, 1))


def test_saved_folder_loads_in_diffusers_and_as_a_denoiser(tmp_path):
    model = build().eval()
    folder = tmp_path / 'denoiser'
    model.save_pretrained(str(folder))
    weights = load_file(folder / 'unet' / 'diffusion_pytorch_model.safetensors')
    assert {value.dtype for value in weights.values()} == {torch.float16}
    assert json.loads((folder / 'model_index.json').read_text())['_class_name'] == 'DDPMPipeline'
    assert next(model.parameters()).dtype == torch.float32

    pipeline = DDPMPipeline.from_pretrained(folder, torch_dtype=torch.float32)
    denoiser = load_denoiser(str(folder))
    x, t = batch(), torch.tensor([0, 10, 999])
    captured = {}
    pipeline.unet.mid_block.register_forward_hook(
        lambda module, args, output: captured.update(mid=output)
    )
    with torch.no_grad():
        output = pipeline.unet(x, t).sample
        features = denoiser(x, t, taps=['mid'])
        rounded = copy.deepcopy(model.unet).half().float()(x, t).sample
        assert torch.equal(output, rounded)
        assert torch.equal(features['mid'], captured['mid'])
        assert torch.equal(denoiser.predict(x, t), output)
    assert torch.equal(denoiser.schedule.alphas_cumprod, model.scheduler.alphas_cumprod)
    assert denoiser.image_size == 16


@pytest.mark.parametrize(
    ('call', 'message'),
    [
        (lambda: DDPM(unet=dict(block_out_channels=(16, 32))), 'sample_size'),
        (
            lambda: DDPM(unet=dict(UNET, sample_size=[16, 16])),
            r'must be int, got \[16, 16\]',
        ),
        (lambda: DDPM(unet={}), 'unet must hold the arguments .* with sample_size, got {}'),
        (
            lambda: DDPM(unet=dict(UNET, num_class_embeds=3)),
            'got 3. Only unconditional',
        ),
        (
            lambda: build(scheduler=dict(prediction_type='v')),
            "prediction_type must be one of .*got 'v'",
        ),
        (lambda: build().sample(1, num_inference_steps=0), 'must be at least 1, got 0'),
        (lambda: build(timestep_logits=(0.0,)), r'timestep_logits \(mean, std\) must be 2'),
        (lambda: build(timestep_logits=(0.0, 0.0)), 'std of timestep_logits must be positive'),
        (lambda: build()(batch() * 127.5 + 127.5, mode='loss'), r'in \[-1, 1\], got values in'),
        (lambda: build()(batch() * float('nan'), mode='loss'), 'got values in nan'),
        (lambda: build()(batch()[..., :8], mode='loss'), r'\(B, 3, 16, 16\), got shape'),
        (lambda: DDPM(unet=UNET).sample(1, sampler='dddim'), 'Did you mean ddim'),
        (lambda: DDPM(unet=UNET)(batch(), mode='train'), "'loss', 'tensor', 'predict'"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises((TypeError, ValueError), match=message):
        call()

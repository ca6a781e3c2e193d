# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Latent models as models of images: one string where a model of pixels stands."""

import copy
import shutil

import pytest
import torch
from diffusers import AutoencoderKL, StableDiffusionPipeline

from mmdiffrep.diffusion import Condition, LatentDiffusion, PromptEncoder, load_denoiser
from mmdiffrep.diffusion.denoisers import UNet2DConditionDenoiser
from mmdiffrep.diffusion.feature_extractor import FeatureExtractor
from mmdiffrep.diffusion.features import read_features
from mmdiffrep.diffusion.noise import build_noise
from mmdiffrep.testing.tiny_latent import TINY_LATENT, save_tiny_pipeline

PIXELS = torch.randint(0, 256, (2, 3, 32, 32), generator=torch.Generator().manual_seed(0))
IMAGES = PIXELS / 127.5 - 1


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    return save_tiny_pipeline('sd', tmp_path_factory.mktemp('sd'))


@pytest.fixture(scope='module')
def official(folder):
    return StableDiffusionPipeline.from_pretrained(folder, safety_checker=None)


@pytest.mark.parametrize('kind', list(TINY_LATENT))
def test_a_folder_is_a_model_of_images(kind, tmp_path):
    path = save_tiny_pipeline(kind, tmp_path)
    last = dict(sd='dec.4', sdxl='dec.4').get(kind, 'block.1')
    model = load_denoiser(str(path), taps=[last]).freeze()
    assert isinstance(model, LatentDiffusion)
    assert model.image_size == 2 * model.denoiser.image_size
    assert model.taps[last].stride == 2 * model.denoiser.taps[last].stride
    model.require_images_only((32, 24))
    found = FeatureExtractor(model, [last], [3, 500])(IMAGES[..., :24])
    stride = model.taps[last].stride
    for value in found.values():
        assert value.shape == (2, model.taps[last].channels, 32 // stride, 24 // stride)
    assert not torch.equal(found[3, last], found[500, last])
    assert PromptEncoder(str(path))('') == model.condition


@torch.no_grad()
def test_features_are_those_of_diffusers_own_pipeline(folder, official):
    prompt = 'a photo of a cat'
    features = FeatureExtractor(str(folder), ['dift:1'], [261], prompt=prompt, noise='shared')
    latents = official.vae.encode(IMAGES).latent_dist.mean * official.vae.config.scaling_factor
    eps = build_noise('shared')(IMAGES, shape=tuple(latents.shape[1:]))
    official.scheduler.alphas_cumprod = official.scheduler.alphas_cumprod.to(torch.float32)
    t = torch.tensor([261, 261])
    x_t = official.scheduler.add_noise(latents, eps, t)
    embeds = official.encode_prompt(prompt, 'cpu', 1, False)[0].expand(2, -1, -1)
    caught = []
    handle = official.unet.up_blocks[1].register_forward_hook(lambda *a: caught.append(a[2]))
    official.unet(x_t, t, encoder_hidden_states=embeds)
    handle.remove()
    expected = caught[0]
    found = features(IMAGES)[261, 'dift:1']
    assert (found - expected).norm() < 1e-5 * expected.norm()


def test_draws_are_the_mean_of_single_draws_and_the_image_is_encoded_once(folder):
    model = load_denoiser(str(folder), taps=['mid']).freeze()
    encoded = []
    model.codec.register_forward_pre_hook(lambda *_: encoded.append(1))
    noise = build_noise('per_image')
    both = read_features(model, IMAGES, [50, 300], ['mid'], noise, draws=3)
    assert len(encoded) == 1
    single = [
        read_features(model, IMAGES, [50, 300], ['mid'], noise.of_draw(draw)) for draw in range(3)
    ]
    for key, mean in both.items():
        values = torch.stack([one[key] for one in single])
        assert values.std(dim=0).max() > 1e-3
        torch.testing.assert_close(mean, values.mean(dim=0), atol=1e-6, rtol=1e-6)
    with pytest.raises(ValueError, match="draws=2 of noise='none'"):
        FeatureExtractor(model, ['mid'], [50], noise='none', draws=2)


def test_noise_is_keyed_by_the_image_and_has_the_shape_of_the_latent(folder):
    noise = build_noise('per_image')
    eps = noise(IMAGES, shape=(4, 16, 16))
    assert eps.shape == (2, 4, 16, 16)
    # what a device or a precision changes in the latent changes nothing in the noise
    assert torch.equal(noise(IMAGES + 1e-5, shape=(4, 16, 16)), eps)
    assert torch.equal(noise(IMAGES[1:], shape=(4, 16, 16)), eps[1:])
    assert not torch.equal(eps[0], eps[1])
    assert not torch.equal(noise.of_draw(1)(IMAGES, shape=(4, 16, 16)), eps)


def test_a_posterior_sample_depends_on_the_image_alone(folder):
    mean = LatentDiffusion.build(str(folder)).clean(IMAGES)
    sampled = LatentDiffusion.build(str(folder), posterior='sample')
    torch.testing.assert_close(sampled.clean(IMAGES)[1:], sampled.clean(IMAGES[1:]))
    assert (sampled.clean(IMAGES) - mean).abs().max() > 1e-3
    with pytest.raises(ValueError, match="posterior must be one of 'mean', 'sample'"):
        LatentDiffusion.build(str(folder), posterior='mode')


def test_the_vae_stays_in_float32(folder):
    model = load_denoiser(str(folder), taps=['mid'], dtype='bfloat16').freeze().to(torch.float16)
    assert {value.dtype for value in model.codec.parameters()} == {torch.float32}
    assert {value.dtype for value in model.denoiser.parameters()} == {torch.float16}
    with torch.autocast('cpu', torch.bfloat16):
        assert torch.equal(model.clean(IMAGES), load_denoiser(str(folder)).clean(IMAGES))
    half = FeatureExtractor(str(folder), ['mid'], [50], precision='bfloat16')
    assert {value.dtype for value in half.denoiser.denoiser.parameters()} == {torch.bfloat16}
    whole = FeatureExtractor(str(folder), ['mid'], [50])(IMAGES)[50, 'mid']
    assert (half(IMAGES)[50, 'mid'] - whole).norm() < 0.05 * whole.norm()


def test_any_size_of_image(folder):
    extract = FeatureExtractor(str(folder), ['dec.4', 'dift:1'], [50])
    found = extract(torch.zeros(1, 3, 31, 21))  # latents of 15 x 10
    assert found[50, 'dec.4'].shape[2:] == (8, 5)
    assert found[50, 'dift:1'].shape[2:] == (15, 10)


def test_hash_and_settings_tell_prompts_vaes_and_posteriors_apart(folder, tmp_path):
    torch.manual_seed(5)
    other = AutoencoderKL.from_pretrained(folder / 'vae')
    other.encoder.conv_in.bias.data += 1
    other.save_pretrained(tmp_path / 'vae')
    variants = [
        dict(),
        dict(prompt='a photo of a cat'),
        dict(vae=str(tmp_path / 'vae')),
        dict(posterior='sample'),
        dict(condition=Condition(prompt_embeds=torch.zeros(1, 77, 16))),
    ]
    models = [LatentDiffusion.build(str(folder), **options) for options in variants]
    assert len({model.weights_hash for model in models}) == len(variants)
    same = LatentDiffusion.build(str(folder), taps=['mid'], prompt='')
    assert same.weights_hash == models[0].weights_hash
    assert same.settings == models[0].settings


def test_embeddings_can_be_given_where_there_is_no_tokenizer(folder, tmp_path):
    bare = shutil.copytree(folder, tmp_path / 'bare')
    shutil.rmtree(bare / 'tokenizer')
    with pytest.raises(FileNotFoundError, match='cannot encode prompts.*give the embeddings'):
        load_denoiser(str(bare))
    PromptEncoder(str(folder))('a cat').save(tmp_path / 'cat.safetensors')
    path = str(tmp_path / 'cat.safetensors')
    cfg = dict(type='LatentDiffusion', pretrained=str(bare), condition=path)
    assert load_denoiser(cfg).condition == PromptEncoder(str(folder))('a cat')
    with pytest.raises(ValueError, match='prompt or a condition, not both'):
        load_denoiser(dict(cfg, prompt='a dog'))
    with pytest.raises(FileNotFoundError, match='does not exist'):
        load_denoiser(dict(cfg, condition=str(tmp_path / 'gone')))


def test_a_prompt_for_a_model_without_text_is_refused(folder):
    toy = 'mmdiffrep://toyfaces_ddpm_64'
    with pytest.raises(ValueError, match='takes no prompt'):
        FeatureExtractor(toy, ['mid'], [50], prompt='a face')
    model = load_denoiser(str(folder), taps=['mid'])
    with pytest.raises(ValueError, match='is loaded already: give the prompt where it is loaded'):
        FeatureExtractor(model, ['mid'], [50], prompt='a face')


def test_a_network_that_needs_more_than_latents_is_refused(folder):
    cfg = dict(TINY_LATENT['sd']['config'], in_channels=9)
    inpainting = UNet2DConditionDenoiser.build(config=cfg)
    codec = LatentDiffusion.build(str(folder)).codec
    with pytest.raises(ValueError, match='latents of 4 channels, but .* takes 9'):
        LatentDiffusion(inpainting, codec)


def test_copies_share_weights_and_cut_on_their_own(folder):
    whole = load_denoiser(str(folder)).freeze()
    twin = whole.share_weights()
    twin.truncate(['enc.0'])
    assert twin.weights_hash == whole.weights_hash
    x = whole.clean(IMAGES)
    assert torch.equal(twin(x, 5)['enc.0'], whole(x, 5, taps=['enc.0'])['enc.0'])
    assert copy.deepcopy(twin).taps.keys() == twin.taps.keys() != whole.taps.keys()


def test_sampling_is_left_to_diffusers(folder):
    with pytest.raises(ValueError, match="sampled with diffusers' own pipeline"):
        load_denoiser(str(folder)).network_output(torch.zeros(1, 4, 16, 16), 3)

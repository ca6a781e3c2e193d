# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""DiT as a denoiser: published sizes, taps, truncation, labels, folders, SiT's time."""

import json

import pytest
import torch
from diffusers import AutoencoderKL, DDIMScheduler, DiTPipeline, DiTTransformer2DModel

from mmdiffrep.diffusion import DiTDenoiser, TapError, load_denoiser
from mmdiffrep.diffusion.features import read_features
from mmdiffrep.diffusion.noise import build_noise
from mmdiffrep.testing import tiny_dit

# https://huggingface.co/facebook/DiT-XL-2-256, transformer/config.json
XL_2 = dict(
    num_attention_heads=16,
    attention_head_dim=72,
    in_channels=4,
    out_channels=8,
    num_layers=28,
    sample_size=32,
    patch_size=2,
)


@pytest.fixture
def dit():
    return wake(load_denoiser(tiny_dit()).freeze())


def wake(denoiser):
    """Tiny random weights differ a lot from block to block."""
    with torch.no_grad():
        for parameter in denoiser.parameters():
            parameter.normal_(0, 0.2)
    return denoiser


@pytest.fixture
def latents():
    return torch.randn(3, 4, 8, 8)


def test_published_sizes_of_dit_xl_2():
    with torch.device('meta'):
        denoiser = load_denoiser(dict(type='DiTDenoiser', transformer=XL_2))
    weights = sum(parameter.numel() for parameter in denoiser.parameters())
    embedder = denoiser.network.transformer_blocks[0].norm1.emb
    one = sum(parameter.numel() for parameter in embedder.parameters())
    # diffusers copies the embedder of time and class to every block
    assert (weights - 27 * one) / 1e6 == pytest.approx(675, abs=0.5)
    assert list(denoiser.taps) == [f'block.{index}' for index in range(28)]
    assert set(denoiser.taps.values()) == {(1152, 2)}
    assert (denoiser.image_size // 2) ** 2 == 256, 'tokens'
    cut = denoiser.truncate(['block.13'])
    assert len(cut.network.transformer_blocks) == 14


def test_tokens_come_as_maps(dit, latents):
    tokens = []
    dit.network.transformer_blocks[1].register_forward_hook(
        lambda module, args, output: tokens.append(output)
    )
    (maps,) = dit(latents, 7, taps=['block.1']).values()
    assert maps.shape == (3, dit.taps['block.1'].channels, 4, 4)
    assert torch.equal(maps[:, :, 2, 3], tokens[0][:, 2 * 4 + 3])


@pytest.mark.parametrize('tap', ['block.0', 'block.2', 'block.1@in', 'block.0@in'])
def test_truncation_keeps_the_bits(dit, latents, tap):
    expected = dit(latents, 7, taps=[tap])[tap]
    digest = dit.weights_hash
    cut = dit.truncate([tap])
    assert torch.equal(cut(latents, 7)[tap], expected)
    assert cut.weights_hash == digest


def test_parts_of_a_block_are_taps(dit, latents):
    name = 'module:transformer_blocks.1.attn1'
    assert dit.taps[name] == dit.taps['block.1']
    assert dit(latents, 7, taps=[name])[name].shape == (3, 16, 4, 4)
    with pytest.raises(TapError, match='not a feature map'):
        dit.taps['module:transformer_blocks.1.norm1.linear']


def test_no_label_is_the_null_label(dit, latents):
    plain = dit(latents, 7, taps=['block.2'])['block.2']
    labeled = dit(latents, 7, torch.tensor([0, 1, 2]), taps=['block.2'])['block.2']
    assert not torch.allclose(plain, labeled)
    embedder = dit.network.transformer_blocks[0].norm1.emb.class_embedder.embedding_table
    assert len(embedder.weight) == dit.num_classes + 1
    with torch.no_grad():
        for block in dit.network.transformer_blocks:
            block.norm1.emb.class_embedder.embedding_table.weight[-1] += 1
    assert not torch.equal(dit(latents, 7, taps=['block.2'])['block.2'], plain)


def test_other_sizes_of_latents(dit):
    assert dit(torch.randn(1, 4, 12, 12), 3, taps=['block.0'])['block.0'].shape[2:] == (6, 6)


@pytest.mark.parametrize(
    ('shape', 't', 'message'),
    [
        ((1, 4, 8, 12), 3, 'both the same for this network, got 8x12'),
        ((1, 4, 9, 9), 3, 'multiples of 2'),
        ((1, 3, 8, 8), 3, r'\(B, 4, H, W\)'),
        ((1, 4, 8, 8), 1000, r'0 \.\. 999'),
    ],
)
def test_bad_latents(dit, shape, t, message):
    with pytest.raises(ValueError, match=message):
        dit(torch.randn(shape), t, taps=['block.0'])


def test_bad_taps(dit):
    with pytest.raises(TapError, match=r"no tap 'block\.9'.*block\.0 \.\. block\.2"):
        dit.taps['block.9']
    with pytest.raises(TapError, match=r"no tap 'dec\.1'"):
        dit.taps['dec.1']
    with pytest.raises(TapError, match='after the cut'):
        dit.truncate(['block.1']).taps['block.2']


def test_is_no_denoiser_of_images(dit):
    with pytest.raises(ValueError, match='takes 4 channels, not RGB or gray images.*LatentDataset'):
        dit.require_images_only()


def test_reads_a_pipeline_folder(tmp_path):
    torch.manual_seed(0)
    transformer = DiTTransformer2DModel(**tiny_dit()['transformer'])
    vae = AutoencoderKL(block_out_channels=(8,), norm_num_groups=4)
    scheduler = DDIMScheduler(beta_start=1e-4, beta_end=0.02, beta_schedule='linear')
    DiTPipeline(transformer, vae, scheduler).save_pretrained(tmp_path)
    denoiser = DiTDenoiser.from_pretrained(str(tmp_path), taps=['block.1'])
    assert denoiser.schedule.num_timesteps == 1000 and len(denoiser.taps) == 2
    latents = torch.randn(2, 4, 8, 8)
    whole = DiTDenoiser(transformer.eval(), denoiser.schedule)
    expected = whole(latents, 5, taps=['block.1'])['block.1']
    assert torch.equal(denoiser(latents, 5)['block.1'], expected)
    assert denoiser.weights_hash == whole.weights_hash
    image_model = load_denoiser(str(tmp_path))  # with its VAE: a model of images
    assert isinstance(image_model.denoiser, DiTDenoiser), 'known by its folders'


def test_reads_folders_older_than_the_class(tmp_path):
    """The published pipelines name the class that DiT's was once part of, and more options."""
    DiTTransformer2DModel(**tiny_dit()['transformer']).save_pretrained(tmp_path)
    config = json.loads((tmp_path / 'config.json').read_text())
    config.update(
        _class_name='Transformer2DModel', cross_attention_dim=None, num_vector_embeds=None
    )
    (tmp_path / 'config.json').write_text(json.dumps(config))
    assert len(DiTDenoiser.from_pretrained(str(tmp_path)).taps) == 3


def test_other_folders_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match='holds no DiT'):
        DiTDenoiser.from_pretrained(str(tmp_path))
    (tmp_path / 'config.json').write_text('{"_class_name": "UNet2DModel"}')
    with pytest.raises(ValueError, match="got 'UNet2DModel'"):
        DiTDenoiser.from_pretrained(str(tmp_path))


def test_one_source_of_weights():
    with pytest.raises(ValueError, match='either pretrained or checkpoint or transformer'):
        load_denoiser(dict(type='DiTDenoiser'))
    with pytest.raises(ValueError, match='not both'):
        load_denoiser(dict(tiny_dit(), schedule='linear', time_direction='data_to_noise'))
    with pytest.raises(ValueError, match='time_direction must be one of'):
        load_denoiser(dict(tiny_dit(), time_direction='forwards'))


def test_time_of_sit_runs_in_the_direction_given(latents):
    """The same network told s in one direction and 1 - s in the other."""
    seen = {}
    for direction in ('noise_to_data', 'data_to_noise'):
        denoiser = load_denoiser(dict(tiny_dit(), time_direction=direction))
        projection = denoiser.network.transformer_blocks[0].norm1.emb.time_proj
        projection.register_forward_hook(
            lambda module, args, output, name=direction: seen.update({name: args[0]})
        )
        read_features(denoiser, latents, [100], ['block.0'], build_noise('shared'))
    torch.testing.assert_close(seen['data_to_noise'], torch.full((3,), 0.1))
    torch.testing.assert_close(seen['noise_to_data'], torch.full((3,), 0.9))

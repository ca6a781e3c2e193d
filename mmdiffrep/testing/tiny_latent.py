# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Tiny random models of the latent families, built with diffusers' own classes.

Every norm has two channels or more per group: with one channel a constant per channel, which is all
that the timestep adds, would be normalized away.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch

from mmdiffrep.testing.tiny import TINY_TRANSFORMER, tiny_vae

_WIDTH = 16  # of the text encoders
_UNET = dict(
    sample_size=16,
    in_channels=4,
    out_channels=4,
    layers_per_block=2,
    block_out_channels=(8, 16, 16),
    norm_num_groups=4,
    down_block_types=('CrossAttnDownBlock2D', 'CrossAttnDownBlock2D', 'DownBlock2D'),
    up_block_types=('UpBlock2D', 'CrossAttnUpBlock2D', 'CrossAttnUpBlock2D'),
    attention_head_dim=4,
    cross_attention_dim=_WIDTH,
)

TINY_LATENT: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        'sd': dict(type='UNet2DConditionDenoiser', config=_UNET),
        'sdxl': dict(
            type='UNet2DConditionDenoiser',
            config=dict(
                _UNET,
                cross_attention_dim=2 * _WIDTH,
                transformer_layers_per_block=(1, 2, 2),
                use_linear_projection=True,
                addition_embed_type='text_time',
                addition_time_embed_dim=8,
                projection_class_embeddings_input_dim=6 * 8 + _WIDTH,
                down_block_types=('DownBlock2D', 'CrossAttnDownBlock2D', 'CrossAttnDownBlock2D'),
                up_block_types=('CrossAttnUpBlock2D', 'CrossAttnUpBlock2D', 'UpBlock2D'),
            ),
        ),
        'sd3': dict(
            type='SD3Denoiser',
            config=dict(
                TINY_TRANSFORMER,
                sample_size=16,
                in_channels=4,
                out_channels=4,
                joint_attention_dim=2 * _WIDTH,
                caption_projection_dim=16,
                pooled_projection_dim=2 * _WIDTH,
                pos_embed_max_size=24,
                qk_norm='rms_norm',
                dual_attention_layers=(0,),
            ),
        ),
        'flux': dict(
            type='FluxDenoiser',
            image_size=16,
            config=dict(
                TINY_TRANSFORMER,
                patch_size=1,
                in_channels=16,
                num_layers=2,
                num_single_layers=3,
                joint_attention_dim=_WIDTH,
                pooled_projection_dim=_WIDTH,
                guidance_embeds=True,
                axes_dims_rope=(2, 2, 4),
            ),
        ),
        'pixart': dict(
            type='PixArtDenoiser',
            config=dict(
                TINY_TRANSFORMER,
                sample_size=16,
                in_channels=4,
                out_channels=8,
                cross_attention_dim=16,
                caption_channels=_WIDTH,
                norm_type='ada_norm_single',
            ),
        ),
    }
)
_PIPELINES = dict(
    sd='StableDiffusionPipeline',
    sdxl='StableDiffusionXLPipeline',
    sd3='StableDiffusion3Pipeline',
    flux='FluxPipeline',
    pixart='PixArtAlphaPipeline',
)
_SPECIAL = ('<|startoftext|>', '<|endoftext|>')


def save_tiny_pipeline(kind: str, folder: str | Path, **options: Any) -> Path:
    """Write a pipeline with random weights as diffusers does: network, VAE, scheduler, text.

    The VAE has 4 channels at half of the image's side; networks were "trained" at 32 px.

    Args:
        kind: ``'sd'``, ``'sdxl'``, ``'sd3'``, ``'flux'`` or ``'pixart'``.
        folder: Where to.
        **options: Of ``save_pretrained``, such as ``variant`` or ``max_shard_size``.

    Returns:
        The folder.
    """
    import diffusers

    from mmdiffrep.diffusion.denoisers import load_denoiser

    torch.manual_seed(0)
    network = load_denoiser(dict(TINY_LATENT[kind])).network
    is_unet = kind in ('sd', 'sdxl')
    if is_unet:
        scheduler = diffusers.PNDMScheduler(beta_schedule='scaled_linear', beta_end=0.012)
    elif kind == 'pixart':
        scheduler = diffusers.DPMSolverMultistepScheduler()
    else:
        scheduler = diffusers.FlowMatchEulerDiscreteScheduler(shift=3.0)
    parts = dict(
        vae=diffusers.AutoencoderKL(**tiny_vae(), scaling_factor=0.5),
        scheduler=scheduler,
        **{'unet' if is_unet else 'transformer': network},
        **_text_parts(kind, Path(folder)),
    )
    if kind == 'sd':
        parts.update(safety_checker=None, feature_extractor=None, requires_safety_checker=False)
    pipeline = getattr(diffusers, _PIPELINES[kind])(**parts)
    pipeline.save_pretrained(folder, **options)
    return Path(folder)


def _text_parts(kind: str, folder: Path) -> dict[str, Any]:
    if kind == 'sd':
        return dict(tokenizer=_clip_tokenizer(folder), text_encoder=_clip())
    if kind == 'sdxl':
        return dict(
            tokenizer=_clip_tokenizer(folder),
            text_encoder=_clip(),
            tokenizer_2=_clip_tokenizer(folder),
            text_encoder_2=_clip(projected=True),
        )
    if kind == 'sd3':
        return dict(
            tokenizer=_clip_tokenizer(folder),
            text_encoder=_clip(projected=True),
            tokenizer_2=_clip_tokenizer(folder),
            text_encoder_2=_clip(projected=True),
            tokenizer_3=_t5_tokenizer(),
            text_encoder_3=_t5(2 * _WIDTH),
        )
    if kind == 'flux':
        return dict(
            tokenizer=_clip_tokenizer(folder),
            text_encoder=_clip(),
            tokenizer_2=_t5_tokenizer(),
            text_encoder_2=_t5(_WIDTH),
        )
    return dict(tokenizer=_t5_tokenizer(), text_encoder=_t5(_WIDTH))


def _letters() -> list[str]:
    return [chr(code) for code in range(ord('a'), ord('z') + 1)]


def _clip(projected: bool = False) -> Any:
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    config = CLIPTextConfig(
        vocab_size=2 * 26 + 2,
        hidden_size=_WIDTH,
        projection_dim=_WIDTH,
        intermediate_size=2 * _WIDTH,
        num_hidden_layers=3,
        num_attention_heads=2,
        bos_token_id=52,
        eos_token_id=53,
        pad_token_id=53,
    )
    return (CLIPTextModelWithProjection if projected else CLIPTextModel)(config).eval()


def _clip_tokenizer(folder: Path) -> Any:
    """Return CLIP's tokenizer with a vocabulary of single letters."""
    from transformers import CLIPTokenizer

    words = [*_letters(), *(f'{letter}</w>' for letter in _letters()), *_SPECIAL]
    place = folder / 'tokenizer'
    place.mkdir(parents=True, exist_ok=True)
    vocabulary, merges = place / 'vocab.json', place / 'merges.txt'
    vocabulary.write_text(json.dumps({word: index for index, word in enumerate(words)}))
    merges.write_text('#version: 0.2\n')
    return CLIPTokenizer(str(vocabulary), str(merges), model_max_length=77)


def _t5(width: int) -> Any:
    from transformers import T5Config, T5EncoderModel

    config = T5Config(
        vocab_size=2 * 26 + 4,
        d_model=width,
        d_kv=8,
        d_ff=2 * width,
        num_layers=2,
        num_heads=2,
        feed_forward_proj='gated-gelu',
    )
    return T5EncoderModel(config).eval()


def _t5_tokenizer() -> Any:
    """Return T5's tokenizer with a vocabulary of single letters."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import T5TokenizerFast

    pieces = ['<pad>', '</s>', '<unk>', '\u2581', *_letters(), *(f'\u2581{c}' for c in _letters())]
    model = Tokenizer(models.Unigram([(piece, -1.0) for piece in pieces], unk_id=2))
    model.pre_tokenizer = pre_tokenizers.Metaspace()
    return T5TokenizerFast(tokenizer_object=model, extra_ids=0, model_max_length=512)

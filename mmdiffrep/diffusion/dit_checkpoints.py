# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Read transformers of DiT's family: diffusers folders and files of the official code."""

import re
from collections.abc import Mapping
from typing import Any

import torch
from diffusers import DiTTransformer2DModel
from torch import Tensor

from mmdiffrep.diffusion.checkpoints import (
    component_folder,
    load_network,
    read_schedule,
    resolve_folder,
)
from mmdiffrep.diffusion.schedule import build_schedule
from mmdiffrep.diffusion.schedule_base import Schedule
from mmdiffrep.diffusion.stored_config import read_network
from mmdiffrep.diffusion.weights import load_weights
from mmdiffrep.utils.checks import one_of
from mmdiffrep.utils.state_fit import check_fit

_HEAD_DIM = {1152: 72}  # XL; S, B and L have heads of 64 channels
_OFFICIAL_BLOCK = re.compile(r'blocks\.(\d+)\.(.+)\.(weight|bias)')
_PARTS = {
    'adaLN_modulation.1': 'norm1.linear',
    'attn.proj': 'attn1.to_out.0',
    'mlp.fc1': 'ff.net.0.proj',
    'mlp.fc2': 'ff.net.2',
}
_ENDS = {
    'x_embedder.proj': 'pos_embed.proj',
    'final_layer.adaLN_modulation.1': 'proj_out_1',
    'final_layer.linear': 'proj_out_2',
}
# diffusers gives every block an embedder of its own, with the weights of the one there is
_SHARED = {
    't_embedder.mlp.0': 'timestep_embedder.linear_1',
    't_embedder.mlp.2': 'timestep_embedder.linear_2',
    'y_embedder.embedding_table': 'class_embedder.embedding_table',
}

_BLOCK_PARTS = {'attn.qkv', *_PARTS}
_TRAINING_ONLY = ('projectors.',)  # REPA's


def load_dit(
    path_or_id: str, schedule: None | str | Mapping[str, Any] | Schedule = None
) -> tuple[DiTTransformer2DModel, Schedule]:
    """Load a diffusers DiT and its noise schedule.

    Args:
        path_or_id: A pipeline's folder (``transformer/``, ``scheduler/``), that of a bare
            transformer (``config.json``), or a hub id such as ``facebook/DiT-XL-2-256``.
        schedule: See :func:`~mmdiffrep.diffusion.schedule.build_schedule`; None: that of the
            folder, see :func:`~mmdiffrep.diffusion.checkpoints.read_schedule`.

    Raises:
        FileNotFoundError: No such model.
        ValueError: Another transformer, or weights that are damaged or do not fit.
    """
    root = resolve_folder(path_or_id)
    folder = component_folder(root, 'transformer', 'DiT')
    # the published pipelines are older than the class's own name
    config = read_network(folder, ['DiTTransformer2DModel', 'Transformer2DModel'])
    one_of(f"norm_type in '{folder / 'config.json'}'", config.get('norm_type'), ['ada_norm_zero'])
    ignored = ['pos_embed.pos_embed']  # computed, not learned
    found = read_schedule(root) if schedule is None else build_schedule(schedule)
    return load_network(DiTTransformer2DModel, folder, ignored), found


def load_official_dit(path: str) -> DiTTransformer2DModel:
    """Load a checkpoint of the official code of DiT or SiT, which have the same network.

    The size is read off the weights; weights that only REPA's training needs are ignored.
    Timesteps are embedded as in that code, whose frequencies differ a little from diffusers', and
    normalized with that code's epsilon.

    Args:
        path: ``.pt`` or ``.safetensors``, a plain state dict.

    Raises:
        FileNotFoundError: No such file.
        ValueError: Damaged, not such a checkpoint, or one of a network with further parts.
    """
    weights = load_weights(path)
    try:
        config = _config_of(weights)
        converted = convert_official_dit(weights)
    except KeyError as error:
        raise ValueError(
            f"'{path}' is not a checkpoint of DiT or SiT: it lacks {error}. A diffusers "
            'model is given as its folder.'
        ) from error
    further = [name for name in weights if not _is_known(name)]
    if further:
        raise ValueError(
            f"'{path}' has weights that DiT has no place for, {further[:3]} ({len(further)} in "
            'all): its network is another one and would give other features.'
        )
    with torch.device('meta'):
        network: Any = DiTTransformer2DModel(**config)
    missing, unexpected = network.load_state_dict(converted, strict=False, assign=True)
    problems = dict(missing=missing, unexpected=unexpected)
    check_fit(f"'{path}'", f'a DiT of the size {config}', problems)
    network.pos_embed.pos_embed = weights['pos_embed']  # no weight in diffusers: computed
    for block in network.transformer_blocks:
        block.norm1.emb.time_proj.downscale_freq_shift = 0
    return network.float()


def convert_official_dit(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename the weights of the official code to those of ``DiTTransformer2DModel``.

    Raises:
        KeyError: A part of the network is missing.
    """
    depth = _depth(weights)
    converted = {
        f'{there}.{kind}': weights[f'{here}.{kind}']
        for here, there in _ENDS.items()
        for kind in ('weight', 'bias')
    }
    for index in range(depth):
        block = f'transformer_blocks.{index}'
        for here, there in _SHARED.items():
            for kind in ('weight', 'bias'):
                if kind == 'weight' or here.startswith('t_'):
                    converted[f'{block}.norm1.emb.{there}.{kind}'] = weights[f'{here}.{kind}']
        for kind in ('weight', 'bias'):
            for here, there in _PARTS.items():
                converted[f'{block}.{there}.{kind}'] = weights[f'blocks.{index}.{here}.{kind}']
            parts = weights[f'blocks.{index}.attn.qkv.{kind}'].chunk(3)
            for name, part in zip('qkv', parts):
                converted[f'{block}.attn1.to_{name}.{kind}'] = part
    return converted


def _is_known(name: str) -> bool:
    block = _OFFICIAL_BLOCK.fullmatch(name)
    if block:
        return block[2] in _BLOCK_PARTS
    part = name.rpartition('.')[0]
    return name == 'pos_embed' or part in {*_ENDS, *_SHARED} or name.startswith(_TRAINING_ONLY)


def _depth(weights: Mapping[str, Tensor]) -> int:
    found = [_OFFICIAL_BLOCK.fullmatch(name) for name in weights]
    blocks = [int(match[1]) for match in found if match]
    if not blocks:
        raise KeyError('blocks.0.attn.qkv.weight')
    return max(blocks) + 1


def _config_of(weights: Mapping[str, Tensor]) -> dict[str, Any]:
    """Read the size of the network off its weights."""
    width, channels, patch, _ = weights['x_embedder.proj.weight'].shape
    head_dim = _HEAD_DIM.get(width, 64)
    side = round(weights['pos_embed'].shape[1] ** 0.5) * patch
    outputs = weights['final_layer.linear.weight'].shape[0] // patch**2
    return dict(
        num_attention_heads=max(1, width // head_dim),
        attention_head_dim=min(width, head_dim),
        in_channels=channels,
        out_channels=outputs,
        num_layers=_depth(weights),
        sample_size=side,
        patch_size=patch,
        num_embeds_ada_norm=weights['y_embedder.embedding_table.weight'].shape[0] - 1,
        norm_eps=1e-6,
    )

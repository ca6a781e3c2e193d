# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""DifFormer: attention over the tokens of several blocks, at several noise levels."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from mmdiffrep.models.necks.tap_neck import TapNeck
from mmdiffrep.registry import MODELS
from mmdiffrep.utils.checks import multiple_of, one_of

NORMS = ('layer', 'batch')
FUSIONS = ('concat', 'softmax', 'attention')


@MODELS.register_module()
class DifFormer(TapNeck):
    """Turn the maps of a diffusion model into one vector per image.

    As published in "Do text-free diffusion models learn discriminative visual representations?"
    (Mukhopadhyay, Gwilliam et al., ECCV 2024; ``ssl_diff/attention_fusion.py`` of the official
    code). Each tap's maps are pooled, normalized and projected to tokens, by layers that all
    timesteps share. At each timestep a class token attends to the tokens of all taps, without
    positions, in a transformer that all timesteps share too. The class tokens of all timesteps,
    side by side, are the vector; mmpretrain's ``LinearClsHead`` classifies it.

    One tap at one timestep is the attention head of "Diffusion Models Beat GANs on Image
    Classification" (GDC). The layers start with torch's initialization and the class token with
    zeros, as in the official code.

    Args:
        in_channels (sequence of int): Channels of each tap (official: 1024, 1024 and 512, the taps
            ``mid``, ``dec.4`` and ``dec.10`` of ADM-256).
        sides (sequence of int): Cells per side that each tap's maps are averaged to, at most the
            cells they have (official: 16, and 8 for ``mid``).
        num_timesteps (int): Timesteps that the taps are read at (official: 90, 150 and 300).
        embed_dims (int): Length of a token. Defaults to 1024 (official: 1024).
        num_layers (int): Transformer blocks. Defaults to 2 (official: 2).
        num_heads (int): Attention heads. Defaults to 8 (official: 8).
        mlp_ratio (int): Hidden width of the blocks' MLPs in units of ``embed_dims``. Defaults to 4
            (official: 4).
        norm (str): ``'layer'``, over channels and cells together with a weight for each, or
            ``'batch'``. Defaults to ``'layer'`` (official: ``'layer'``).
        fuse (str): How the timesteps are joined: ``'concat'`` (official); ``'softmax'``, a sum with
            learned weights; ``'attention'``, a sum with weights that depend on the image. Defaults
            to ``'concat'``.
        init_cfg (dict, optional): mmengine's initialization config.

    Attributes:
        out_channels (int): Length of the vector: ``num_timesteps * embed_dims`` with ``'concat'``,
            else ``embed_dims``.

    Raises:
        ImportError: mmpretrain, whose transformer block this uses, is not installed.
        ValueError: A number out of range, or an unknown ``norm`` or ``fuse``.
    """

    def __init__(
        self,
        in_channels: Sequence[int],
        sides: Sequence[int],
        num_timesteps: int,
        embed_dims: int = 1024,
        num_layers: int = 2,
        num_heads: int = 8,
        mlp_ratio: int = 4,
        norm: str = 'layer',
        fuse: str = 'concat',
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(in_channels, num_timesteps, init_cfg)
        self.sides = self._integers('sides', sides, len(in_channels))
        sizes = dict(
            embed_dims=embed_dims, num_layers=num_layers, num_heads=num_heads, mlp_ratio=mlp_ratio
        )
        for name, size in sizes.items():
            self._integers(name, [size])
        multiple_of('DifFormer: embed_dims (of num_heads)', embed_dims, num_heads)
        one_of('DifFormer: norm', norm, NORMS)
        self.fuse = one_of('DifFormer: fuse', fuse, FUSIONS)
        from mmpretrain.models.backbones.vision_transformer import TransformerEncoderLayer

        self.out_channels = embed_dims * (num_timesteps if fuse == 'concat' else 1)
        self.tokenizers = nn.ModuleList(
            nn.Sequential(
                nn.AdaptiveAvgPool2d(side),
                nn.LayerNorm([channels, side, side])
                if norm == 'layer'
                else nn.BatchNorm2d(channels),
                nn.Conv2d(channels, embed_dims, kernel_size=1),
                nn.Flatten(start_dim=2),
            )
            for channels, side in zip(self.in_channels, self.sides)
        )
        self.cls_token = nn.Parameter(torch.zeros(1, 1, embed_dims))
        # In torch's Sequential the blocks keep torch's initialization, not mmpretrain's for ViTs.
        self.blocks = nn.Sequential(
            *(
                TransformerEncoderLayer(
                    embed_dims, num_heads, mlp_ratio * embed_dims, qkv_bias=False
                )
                for _ in range(num_layers)
            )
        )
        if fuse == 'softmax':
            self.timestep_scores = nn.Parameter(torch.zeros(num_timesteps))
        elif fuse == 'attention':
            self.timestep_query = nn.Parameter(torch.zeros(embed_dims))

    def read(self, maps: Sequence[Tensor]) -> tuple[Tensor]:
        """Return the vectors ``(B, out_channels)`` alone."""
        return (self.fuse_timesteps(self.attend(self.tokenize(maps))),)

    def tokenize(self, maps: Sequence[Tensor]) -> Tensor:
        """Turn the maps into tokens.

        Returns:
            Tensor: ``(num_timesteps, B, N, embed_dims)``; N is the number of cells of all taps.
        """
        taps = len(self.in_channels)
        return torch.stack(
            [
                torch.cat(
                    [self._tokens_of(tap, maps[timestep * taps + tap]) for tap in range(taps)],
                    dim=1,
                )
                for timestep in range(self.num_timesteps)
            ]
        )

    def attend(self, tokens: Tensor) -> Tensor:
        """Read the tokens of every timestep with the class token.

        Args:
            tokens (Tensor): ``(T, B, N, embed_dims)``.

        Returns:
            Tensor: Class tokens ``(T, B, embed_dims)``.
        """
        folded = tokens.flatten(0, 1)
        cls = self.cls_token.to(folded).expand(len(folded), -1, -1)
        read = self.blocks(torch.cat([cls, folded], dim=1))[:, 0]
        return read.view(*tokens.shape[:2], -1)

    def fuse_timesteps(self, read: Tensor) -> Tensor:
        """Join class tokens ``(T, B, embed_dims)`` to ``(B, out_channels)``."""
        if self.fuse == 'concat':
            return read.transpose(0, 1).flatten(1)
        if self.fuse == 'softmax':
            scores = self.timestep_scores[:, None, None]
        else:
            query = self.timestep_query / math.sqrt(len(self.timestep_query))
            scores = (read * query).sum(dim=2, keepdim=True)
        return (scores.softmax(dim=0) * read).sum(dim=0)

    def _tokens_of(self, tap: int, tensor: Tensor) -> Tensor:
        self._check_cells(tensor, self.sides[tap])
        return self.tokenizers[tap](tensor).transpose(1, 2)

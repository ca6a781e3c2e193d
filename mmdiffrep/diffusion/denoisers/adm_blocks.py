# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The parts of ADM's U-Net: residual and attention blocks, samplers, the embedding of the time."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

NORM_GROUPS = 32


def timestep_embedding(timesteps: Tensor, channels: int, max_period: float = 10000.0) -> Tensor:
    """Sinusoidal embedding: cosines first, then sines, of geometrically spaced frequencies.

    Args:
        timesteps: (B,), integer or fractional timesteps.
        channels: Width of the embedding, an even number.
        max_period: Period of the slowest sinusoid divided by 2 pi.

    Returns:
        (B, channels), float32, in [-1, 1].
    """
    half = channels // 2
    exponents = torch.arange(half, dtype=torch.float32, device=timesteps.device) / half
    angles = timesteps.float()[:, None] * max_period**-exponents
    return torch.cat([angles.cos(), angles.sin()], dim=1)


def zeroed(module: nn.Module) -> nn.Module:
    """Start ``module`` at zero, so that the residual branch it ends begins as the identity."""
    for parameter in module.parameters():
        nn.init.zeros_(parameter)
    return module


class Upsample(nn.Module):
    """Doubles the side by nearest neighbor, then convolves if ``use_conv``."""

    def __init__(self, channels: int, use_conv: bool) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1) if use_conv else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, 2H, 2W)."""
        return self.conv(F.interpolate(x, scale_factor=2.0, mode='nearest'))


class Downsample(nn.Module):
    """Halves the side: by a strided convolution if ``use_conv``, else by average pooling."""

    def __init__(self, channels: int, use_conv: bool) -> None:
        super().__init__()
        if use_conv:
            self.op = nn.Conv2d(channels, channels, 3, stride=2, padding=1)
        else:
            self.op = nn.AvgPool2d(2)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W), even sides -> (B, C, H / 2, W / 2)."""
        return self.op(x)


class ResBlock(nn.Module):
    """Residual block told the timestep, optionally changing the resolution.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        embed_channels: Width of the timestep embedding.
        dropout: Dropout probability before the last convolution.
        use_scale_shift_norm: The embedding scales and shifts the second normalization's output;
            otherwise it is added before that normalization.
        resample: ``'up'``, ``'down'`` or ``'none'``: applied to both branches.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        embed_channels: int,
        dropout: float,
        use_scale_shift_norm: bool,
        resample: str = 'none',
    ) -> None:
        super().__init__()
        self.use_scale_shift_norm = use_scale_shift_norm
        self.in_layers = nn.Sequential(
            nn.GroupNorm(NORM_GROUPS, in_channels),
            nn.SiLU(),
            nn.Conv2d(in_channels, out_channels, 3, padding=1),
        )
        self.resample = {
            'up': Upsample(in_channels, use_conv=False),
            'down': Downsample(in_channels, use_conv=False),
            'none': nn.Identity(),
        }[resample]
        embed_out = 2 * out_channels if use_scale_shift_norm else out_channels
        self.emb_layers = nn.Sequential(nn.SiLU(), nn.Linear(embed_channels, embed_out))
        self.out_layers = nn.Sequential(
            nn.GroupNorm(NORM_GROUPS, out_channels),
            nn.SiLU(),
            nn.Dropout(dropout),
            zeroed(nn.Conv2d(out_channels, out_channels, 3, padding=1)),
        )
        self.skip_connection = (
            nn.Identity()
            if in_channels == out_channels
            else nn.Conv2d(in_channels, out_channels, 1)
        )

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        """(B, in_channels, H, W), (B, embed_channels) -> (B, out_channels, H', W')."""
        norm_in, activation, conv_in = self.in_layers
        hidden = conv_in(self.resample(activation(norm_in(x))))
        shortcut = self.skip_connection(self.resample(x))
        modulation = self.emb_layers(embedding)[:, :, None, None]
        if not self.use_scale_shift_norm:
            return shortcut + self.out_layers(hidden + modulation)
        scale, shift = modulation.chunk(2, dim=1)
        hidden = self.out_layers[0](hidden) * (1 + scale) + shift
        for layer in list(self.out_layers)[1:]:
            hidden = layer(hidden)
        return shortcut + hidden


class AttentionBlock(nn.Module):
    """Self-attention over all positions of a map.

    Args:
        channels: Channels of the map.
        num_heads: Number of heads; ignored when ``num_head_channels`` is given.
        num_head_channels: Channels of a head; -1: derived from ``num_heads``.
        use_new_attention_order: How the ``3 * channels`` outputs of ``qkv`` are laid out. True:
            first into q, k and v, each then into heads. False: first into heads, each then into
            q, k and v. A checkpoint loads with either, but is only right with its own.

    Raises:
        ValueError: If the channels do not divide into heads.
    """

    def __init__(
        self,
        channels: int,
        num_heads: int,
        num_head_channels: int,
        use_new_attention_order: bool,
    ) -> None:
        super().__init__()
        divisor = num_heads if num_head_channels == -1 else num_head_channels
        if divisor < 1 or channels % divisor:
            raise ValueError(
                f'an attention block of {channels} channels does not divide into heads with '
                f'num_heads={num_heads}, num_head_channels={num_head_channels}'
            )
        self.num_heads = num_heads if num_head_channels == -1 else channels // num_head_channels
        self.use_new_attention_order = use_new_attention_order
        self.norm = nn.GroupNorm(NORM_GROUPS, channels)
        self.qkv = nn.Conv1d(channels, 3 * channels, 1)
        self.proj_out = zeroed(nn.Conv1d(channels, channels, 1))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W)."""
        tokens = x.flatten(2)
        qkv = self.qkv(self.norm(tokens))
        if self.use_new_attention_order:
            qkv = qkv.unflatten(1, (3, self.num_heads, -1))
        else:
            qkv = qkv.unflatten(1, (self.num_heads, 3, -1)).transpose(1, 2)
        # PyTorch's kernels accumulate the logits and the softmax in float32 at any input dtype.
        # Its fused kernels want a last dimension of stride 1, or N x N logits are written out.
        query, key, value = qkv.transpose(-1, -2).contiguous().unbind(1)
        attended = F.scaled_dot_product_attention(query, key, value)
        attended = attended.transpose(-1, -2).flatten(1, 2)
        return (tokens + self.proj_out(attended)).view_as(x)


class ConditionedSequential(nn.Sequential):
    """A sequence that hands the timestep embedding to those of its layers that take one."""

    def forward(self, x: Tensor, embedding: Tensor) -> Tensor:
        """(B, C, H, W), (B, embed_channels) -> the last layer's map."""
        for layer in self:
            x = layer(x, embedding) if isinstance(layer, ResBlock) else layer(x)
        return x

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The U-Net of ADM (Dhariwal and Nichol, 2021: "Diffusion Models Beat GANs on Image Synthesis").

Modules carry the names of the guided-diffusion code base, so that its state dicts load strictly.
"""

from collections.abc import Collection, Sequence

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


def _zeroed(module: nn.Module) -> nn.Module:
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
            _zeroed(nn.Conv2d(out_channels, out_channels, 3, padding=1)),
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
        self.proj_out = _zeroed(nn.Conv1d(channels, channels, 1))

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


class ADMUNet(nn.Module):
    """U-Net of ADM.

    ``input_blocks[0]`` is the first convolution; then every level adds ``num_res_blocks`` blocks
    and, but for the last level, a block that halves the side. ``output_blocks`` mirror them, one
    for each input block, whose output is concatenated to their input; the last block of a level
    ends by doubling the side.

    Args:
        in_channels: Channels of the image.
        model_channels: Base width; ``channel_mult`` multiplies it.
        out_channels: Channels of the output (twice the image's when the variance is learned).
        num_res_blocks: Residual blocks per level on the way in; one more on the way out.
        channel_mult: Width multiplier of each level, from the highest resolution down.
        attention_strides: Strides relative to the image at which attention follows each block.
        num_classes: Number of classes of a class-conditional network; None: unconditional.
        dropout: Dropout probability within residual blocks.
        num_heads: Attention heads; ignored when ``num_head_channels`` is given.
        num_head_channels: Channels of an attention head; -1: derived from ``num_heads``.
        num_heads_upsample: Attention heads on the way out; -1: ``num_heads``.
        use_scale_shift_norm: See :class:`ResBlock`.
        resblock_updown: Residual blocks change the resolution, instead of plain convolutions.
        use_new_attention_order: See :class:`AttentionBlock`.

    Raises:
        ValueError: If some width is not a multiple of 32, the number of normalization groups.
    """

    def __init__(
        self,
        in_channels: int,
        model_channels: int,
        out_channels: int,
        num_res_blocks: int,
        channel_mult: Sequence[float],
        attention_strides: Collection[int],
        num_classes: int | None = None,
        dropout: float = 0.0,
        num_heads: int = 4,
        num_head_channels: int = -1,
        num_heads_upsample: int = -1,
        use_scale_shift_norm: bool = True,
        resblock_updown: bool = False,
        use_new_attention_order: bool = False,
    ) -> None:
        super().__init__()
        widths = [int(model_channels * multiplier) for multiplier in channel_mult]
        if any(width % NORM_GROUPS for width in widths):
            raise ValueError(
                f'every level needs a width that is a multiple of {NORM_GROUPS} (the number of '
                f'normalization groups); got {widths} from {model_channels} x {channel_mult}'
            )
        self.model_channels = model_channels
        embed_channels = 4 * model_channels
        self.time_embed = nn.Sequential(
            nn.Linear(model_channels, embed_channels),
            nn.SiLU(),
            nn.Linear(embed_channels, embed_channels),
        )
        if num_classes is not None:
            self.label_emb = nn.Embedding(num_classes, embed_channels)

        def res_block(width_in: int, width_out: int, resample: str = 'none') -> ResBlock:
            return ResBlock(
                width_in, width_out, embed_channels, dropout, use_scale_shift_norm, resample
            )

        def attention(width: int, heads: int) -> AttentionBlock:
            return AttentionBlock(width, heads, num_head_channels, use_new_attention_order)

        stem = nn.Conv2d(in_channels, widths[0], 3, padding=1)
        self.input_blocks = nn.ModuleList([ConditionedSequential(stem)])
        width = widths[0]
        skip_widths = [width]
        for level, level_width in enumerate(widths):
            for _ in range(num_res_blocks):
                layers: list[nn.Module] = [res_block(width, level_width)]
                width = level_width
                if 2**level in attention_strides:
                    layers.append(attention(width, num_heads))
                self.input_blocks.append(ConditionedSequential(*layers))
                skip_widths.append(width)
            if level < len(widths) - 1:
                down = (
                    res_block(width, width, 'down')
                    if resblock_updown
                    else Downsample(width, use_conv=True)
                )
                self.input_blocks.append(ConditionedSequential(down))
                skip_widths.append(width)

        self.middle_block = ConditionedSequential(
            res_block(width, width), attention(width, num_heads), res_block(width, width)
        )

        heads_out = num_heads if num_heads_upsample == -1 else num_heads_upsample
        self.output_blocks = nn.ModuleList()
        for level, level_width in reversed(list(enumerate(widths))):
            for index in range(num_res_blocks + 1):
                layers = [res_block(width + skip_widths.pop(), level_width)]
                width = level_width
                if 2**level in attention_strides:
                    layers.append(attention(width, heads_out))
                if level > 0 and index == num_res_blocks:
                    layers.append(
                        res_block(width, width, 'up')
                        if resblock_updown
                        else Upsample(width, use_conv=True)
                    )
                self.output_blocks.append(ConditionedSequential(*layers))

        self.out = nn.Sequential(
            nn.GroupNorm(NORM_GROUPS, width),
            nn.SiLU(),
            _zeroed(nn.Conv2d(width, out_channels, 3, padding=1)),
        )

    def forward(
        self, x: Tensor, timesteps: Tensor, label_embedding: Tensor | None = None
    ) -> Tensor:
        """Run the network, or what truncation left of it.

        Args:
            x: (B, in_channels, H, W), noised image; the sides divide by the largest stride.
            timesteps: (B,), as the network was trained to read them.
            label_embedding: (B, 4 * model_channels) or broadcastable to it; None: nothing is
                added to the timestep's embedding.

        Returns:
            (B, out_channels, H, W); the last kept block's map when truncated.
        """
        dtype = next(self.time_embed.parameters()).dtype
        embedding = self.time_embed(timestep_embedding(timesteps, self.model_channels).to(dtype))
        if label_embedding is not None:
            embedding = embedding + label_embedding
        hidden = x
        skips: list[Tensor] = []
        for block in self.input_blocks:
            hidden = block(hidden, embedding)
            skips.append(hidden)
        hidden = self.middle_block(hidden, embedding)
        # The deepest map comes first; a truncated network has fewer output blocks than maps.
        for block, skip in zip(self.output_blocks, reversed(skips)):
            hidden = block(torch.cat([hidden, skip], dim=1), embedding)
        return self.out(hidden)

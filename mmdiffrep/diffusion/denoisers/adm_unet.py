# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The U-Net of ADM (Dhariwal and Nichol, 2021: "Diffusion Models Beat GANs on Image Synthesis").

Modules carry the names of the guided-diffusion code base, so that its state dicts load strictly.
"""

from collections.abc import Collection, Sequence

import torch
from torch import Tensor, nn

from mmdiffrep.diffusion.denoisers.adm_blocks import (
    NORM_GROUPS,
    AttentionBlock,
    ConditionedSequential,
    Downsample,
    ResBlock,
    Upsample,
    timestep_embedding,
    zeroed,
)
from mmdiffrep.utils.checks import multiple_of


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
        for width in widths:
            multiple_of('each width (model_channels x channel_mult)', width, NORM_GROUPS)
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
            zeroed(nn.Conv2d(width, out_channels, 3, padding=1)),
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

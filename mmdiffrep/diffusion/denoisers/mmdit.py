# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Transformers that run prompt and image side by side: Stable Diffusion 3 / 3.5 and Flux."""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from diffusers import FluxTransformer2DModel, SD3Transformer2DModel
from torch import Tensor, nn

from mmdiffrep.diffusion.condition import Condition
from mmdiffrep.diffusion.denoisers.pass_inputs import Sides
from mmdiffrep.diffusion.denoisers.transformer import (
    BothStreams,
    TransformerDenoiser,
    positions,
)


class _TwoStreams(TransformerDenoiser):
    """A transformer whose blocks give (prompt, image)."""

    default_schedule = 'flow'

    @property
    def text_width(self) -> int:
        """See the base class."""
        return self.network.config.joint_attention_dim

    def example_condition(self, device: str | torch.device = 'meta') -> Condition:
        """See the base class."""
        pooled = self.network.config.pooled_projection_dim
        return Condition(
            prompt_embeds=torch.zeros(1, self.text_tokens, self.text_width, device=device),
            pooled_embeds=torch.zeros(1, pooled, device=device),
        )

    @property
    def _needed(self) -> tuple[str, ...]:
        return ('prompt_embeds', 'pooled_embeds')

    def _stand_in(self) -> nn.Module:
        return BothStreams()


class SD3Denoiser(_TwoStreams):
    """``SD3Transformer2DModel`` (Stable Diffusion 3 and 3.5).

    Timesteps are thousandths of the noise, 0 .. 999, which is what the network is told. Latents may
    have any sides that divide into patches, up to ``pos_embed_max_size`` patches.
    """

    network_class = SD3Transformer2DModel
    component = 'transformer'
    accepts: ClassVar[tuple[str, ...]] = ('prompt_embeds', 'pooled_embeds')

    @property
    def text_tokens(self) -> int:
        """77 of CLIP and 256 of T5."""
        return 333

    @property
    def _sides(self) -> Sides:
        greatest = self.network.config.pos_embed_max_size * self.patch_size
        return super()._sides._replace(high=greatest)

    def _call(self, network: Any, x_t: Tensor, t: Tensor, cond: Condition) -> Tensor:
        return network(
            hidden_states=x_t,
            timestep=t,
            encoder_hidden_states=cond.prompt_embeds,
            pooled_projections=cond.pooled_embeds,
            return_dict=False,
        )[0]


class FluxDenoiser(_TwoStreams):
    """``FluxTransformer2DModel`` (Flux.1).

    Latents (B, 16, h, w) of even sides are packed into patches of 2 x 2 cells. Taps: ``block.<i>``
    is the i-th block with a stream each for prompt and image, ``single.<i>`` the i-th of those
    behind them, in which both share one stream; the image's part is read.

    Timesteps are thousandths of the noise, 0 .. 999; the network is told a thousandth of them. One
    with guidance (Flux.1-dev) is told 3.5 (the pipeline's default) unless the condition says more.

    Args:
        image_size: Side of the latents in cells; None: 128, for 1024 pixels.
    """

    network_class = FluxTransformer2DModel
    component = 'transformer'
    block_lists: ClassVar[dict[str, str]] = {
        'transformer_blocks': 'block',
        'single_transformer_blocks': 'single',
    }
    accepts: ClassVar[tuple[str, ...]] = ('prompt_embeds', 'pooled_embeds', 'guidance')
    patch = 2

    @classmethod
    def default_size(cls, config: Mapping[str, Any]) -> int:
        """Return 128: the config does not say a size."""
        return 128

    @classmethod
    def latent_channels(cls, config: Mapping[str, Any]) -> int:
        """Return the channels of a latent: a patch has those of four cells."""
        return config['in_channels'] // 4

    @property
    def text_tokens(self) -> int:
        """512 of T5."""
        return 512

    def _call(self, network: Any, x_t: Tensor, t: Tensor, cond: Condition) -> Tensor:
        assert cond.prompt_embeds is not None
        guidance = cond.guidance
        if network.config.guidance_embeds and guidance is None:
            guidance = x_t.new_full((len(x_t),), 3.5)
        cells = self._cells(*x_t.shape[2:])
        packed = network(
            hidden_states=_pack(x_t, cells),
            timestep=t / 1000,
            encoder_hidden_states=cond.prompt_embeds,
            pooled_projections=cond.pooled_embeds,
            guidance=guidance,
            img_ids=positions(*cells, x_t.device),
            txt_ids=torch.zeros(cond.prompt_embeds.shape[1], 3, device=x_t.device),
            return_dict=False,
        )[0]
        return _unpack(packed, cells)

    def _check_cond(self, cond: Condition) -> None:
        super()._check_cond(cond)
        if cond.guidance is not None and not self.network.config.guidance_embeds:
            raise ValueError(f'{self.source} is not told a guidance scale: give none.')


def _pack(latents: Tensor, cells: tuple[int, int]) -> Tensor:
    """(B, C, 2h, 2w) -> (B, h * w, 4C)."""
    patches = latents.unflatten(3, (cells[1], 2)).unflatten(2, (cells[0], 2))
    return patches.permute(0, 2, 4, 1, 3, 5).flatten(3).flatten(1, 2)


def _unpack(patches: Tensor, cells: tuple[int, int]) -> Tensor:
    """(B, h * w, 4C) -> (B, C, 2h, 2w)."""
    grid = patches.unflatten(1, cells).unflatten(3, (-1, 2, 2))
    return grid.permute(0, 3, 1, 4, 2, 5).flatten(4).flatten(2, 3)

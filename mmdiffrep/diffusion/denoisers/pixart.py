# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""``PixArtTransformer2DModel`` (PixArt-alpha and -Sigma) as a denoiser."""

from typing import Any, ClassVar

import torch
from diffusers import PixArtTransformer2DModel
from torch import Tensor

from mmdiffrep.diffusion.condition import Condition
from mmdiffrep.diffusion.denoisers.transformer import TransformerDenoiser


class PixArtDenoiser(TransformerDenoiser):
    """PixArt, over latents of any sides that divide into patches.

    Keys and values of ``attn2`` belong to the prompt; its queries and output to the image. The
    1024 px models of PixArt-alpha are also told height, width and aspect ratio of the image, which
    follow from the latent.
    """

    network_class = PixArtTransformer2DModel
    component = 'transformer'
    default_schedule = 'linear'
    accepts: ClassVar[tuple[str, ...]] = ('prompt_embeds', 'prompt_mask')

    @property
    def text_width(self) -> int:
        """See the base class."""
        return self.network.config.caption_channels

    @property
    def text_tokens(self) -> int:
        """T5's 120 (PixArt-alpha; 300 in PixArt-Sigma)."""
        return 120

    def example_condition(self, device: str | torch.device = 'meta') -> Condition:
        """See the base class."""
        return Condition(
            prompt_embeds=torch.zeros(1, self.text_tokens, self.text_width, device=device)
        )

    def _call(self, network: Any, x_t: Tensor, t: Tensor, cond: Condition) -> Tensor:
        added: dict[str, Tensor | None] = dict(resolution=None, aspect_ratio=None)
        if network.use_additional_conditions:
            height, width = (side * self.pixels_per_cell for side in x_t.shape[2:])
            size = x_t.new_tensor([[height, width]]).expand(len(x_t), -1)
            added = dict(resolution=size, aspect_ratio=x_t.new_full((len(x_t), 1), height / width))
        return network(x_t, timestep=t, added_cond_kwargs=added, **self._prompt(cond))[0]

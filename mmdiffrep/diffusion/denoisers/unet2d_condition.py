# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""``UNet2DConditionModel`` (Stable Diffusion 1, 2 and XL) as a denoiser."""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from diffusers import UNet2DConditionModel
from torch import Tensor, nn

from mmdiffrep.diffusion.condition import Condition
from mmdiffrep.diffusion.denoisers.from_folder import FolderDenoiser
from mmdiffrep.diffusion.denoisers.unet_parts import SkipTaker, UNetBlocks, skip_taps
from mmdiffrep.diffusion.truncate import CutPlan
from mmdiffrep.utils.checks import one_of

_INPUTS = dict(  # config keys of further inputs, and their supported values
    addition_embed_type=(None, 'text_time'),
    class_embed_type=(None,),
    encoder_hid_dim_type=(None,),
)


class UNet2DConditionDenoiser(UNetBlocks, FolderDenoiser):
    """Stable Diffusion's U-Net, over latents of any height and width.

    Taps: ``enc.<i>`` is the i-th res block of the down path together with the transformer behind
    it, ``mid`` the middle block, ``dec.<i>`` the i-th res block (with transformer) of the up path,
    before an up-sampler. ``dift:<n>`` (DIFT's ``up_ft_index``) is the output of the n-th up block,
    ``module:up_blocks.<n>``, after its up-sampler. Queries, keys, values and outputs of attentions
    are read as maps, e.g. ``module:up_blocks.1.attentions.1.transformer_blocks.0.attn2.to_q``; keys
    and values of ``attn2`` belong to the prompt.

    SDXL is told the size of the image and of the crop; without ``time_ids`` that is the size of the
    latent in pixels, and no crop.

    Args:
        network: The network.
        schedule: Its noise schedule.
        source: Where the weights come from.
        image_size: Side of the latents that it was trained on, in cells.

    Raises:
        ValueError: A network with further inputs (image hints, class embeddings of another kind).
    """

    network_class = UNet2DConditionModel
    component = 'unet'
    default_schedule = 'scaled_linear'
    accepts: ClassVar[tuple[str, ...]] = (
        'labels',
        'prompt_embeds',
        'prompt_mask',
        'pooled_embeds',
        'time_ids',
        'time_vector',
    )

    def _check_config(self, config: Mapping[str, Any]) -> None:
        for key, known in _INPUTS.items():
            advice = 'Stable Diffusion 1, 2 and XL are supported, no networks with other inputs.'
            one_of(key, config.get(key), known, advice)

    @property
    def text_width(self) -> int:
        """See the base class."""
        width = self.network.config.cross_attention_dim
        return width if isinstance(width, int) else width[0]

    @property
    def text_tokens(self) -> int:
        """CLIP's 77."""
        return 77

    @property
    def skips(self) -> list[str]:
        """``conv_in``, the res blocks and the down-samplers, last first."""
        return skip_taps(self._anatomy[0])

    def example_condition(self, device: str | torch.device = 'meta') -> Condition:
        """See the base class."""
        labels = None
        if self.num_classes is not None:
            labels = torch.zeros(1, dtype=torch.long, device=device)
        pooled = None
        if self._is_xl:
            config = self.network.config
            width = (
                config.projection_class_embeddings_input_dim - 6 * config.addition_time_embed_dim
            )
            pooled = torch.zeros(1, width, device=device)
        prompt = torch.zeros(1, self.text_tokens, self.text_width, device=device)
        return Condition(labels=labels, prompt_embeds=prompt, pooled_embeds=pooled)

    @property
    def _is_xl(self) -> bool:
        return self.network.config.addition_embed_type == 'text_time'

    @property
    def _needed(self) -> tuple[str, ...]:
        return ('prompt_embeds', 'pooled_embeds') if self._is_xl else ('prompt_embeds',)

    def _call(self, network: Any, x_t: Tensor, t: Tensor, cond: Condition) -> Tensor:
        added = None
        if self._is_xl:
            time_ids = cond.time_ids
            if time_ids is None:
                height, width = (side * self.pixels_per_cell for side in x_t.shape[2:])
                sizes = [height, width, 0, 0, height, width]
                time_ids = torch.tensor([sizes], device=x_t.device).expand(len(x_t), -1)
            added = dict(text_embeds=cond.pooled_embeds, time_ids=time_ids)
        labels = cond.labels if cond.time_vector is None else cond.time_vector
        if cond.time_vector is not None and network.class_embedding is None:
            network.class_embedding = nn.Identity()
        if isinstance(network.class_embedding, nn.Identity) and cond.time_vector is None:
            width = network.time_embedding.linear_2.out_features
            labels = x_t.new_zeros(len(x_t), width)
        return network(x_t, t, class_labels=labels, added_cond_kwargs=added, **self._prompt(cond))[
            0
        ]

    def _aliases(self, skeleton: Any) -> dict[str, str]:
        return {f'dift:{n}': f'module:up_blocks.{n}' for n, _ in enumerate(skeleton.up_blocks)}

    def _cut(self, plan: CutPlan) -> bool:
        kept = self._kept(plan)
        number = len(kept['up_blocks'])
        behind = self.network.up_blocks[number:][:1] if number else []
        self._cut_paths(kept, plan)
        self.network.up_blocks.extend(SkipTaker(len(block.resnets)) for block in behind)
        self._cut_middle(plan)
        self._cut_ends(plan)
        return True

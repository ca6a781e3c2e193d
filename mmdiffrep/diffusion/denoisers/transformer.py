# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""What transformers over latents have in common: patches, and cuts between blocks."""

from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from mmdiffrep.diffusion.denoisers.from_folder import FolderDenoiser
from mmdiffrep.diffusion.denoisers.pass_inputs import Sides
from mmdiffrep.diffusion.taps import BlockPaths
from mmdiffrep.diffusion.truncate import CutPlan, PassThrough


class TransformerDenoiser(FolderDenoiser):
    """A transformer whose tokens are patches of the latent, row by row.

    Taps: ``block.<i>`` is the i-th block, read as a map (B, C, h / patch, w / patch). Submodules
    that give image tokens are read as maps too, e.g. ``module:transformer_blocks.9.attn.to_q``.
    """

    block_lists: ClassVar[dict[str, str]] = {'transformer_blocks': 'block'}
    """Lists of the network's blocks, in the order of a pass, and their names in taps."""
    patch: ClassVar[int | None] = None
    """Side of a patch in cells; None: as the config says."""

    @property
    def patch_size(self) -> int:
        """Side of a patch in cells of the latent."""
        return self.patch or self.network.config.patch_size

    def _cells(self, height: int, width: int) -> tuple[int, int]:
        return height // self.patch_size, width // self.patch_size

    @property
    def _sides(self) -> Sides:
        return Sides(self.patch_size, self.patch_size)

    def _blocks(self, skeleton: Any) -> dict[str, BlockPaths]:
        return {
            f'{name}.{index}': BlockPaths(f'{path}.{index}', f'{path}.{index}')
            for path, name in self.block_lists.items()
            for index, _ in enumerate(getattr(skeleton, path))
        }

    def _units(self, skeleton: Any) -> list[str]:
        return [
            f'{path}.{index}'
            for path in self.block_lists
            for index, _ in enumerate(getattr(skeleton, path))
        ]

    def _cut(self, plan: CutPlan) -> bool:
        # the layers behind the last block are small and stay
        for path in self.block_lists:
            blocks = getattr(self.network, path)
            kept = []
            for index, block in enumerate(blocks):
                if f'{path}.{index}' in plan.live:
                    kept.append(block)
                elif plan.needs(f'{path}.{index}'):
                    kept.append(self._stand_in())
            setattr(self.network, path, nn.ModuleList(kept))
        return True

    def _stand_in(self) -> nn.Module:
        """Return what stands for a block whose input alone is read."""
        return PassThrough()


class BothStreams(nn.Module):
    """Stands for a block of prompt and image whose input alone is read."""

    def forward(
        self, hidden_states: Tensor, encoder_hidden_states: Tensor, **kwargs: object
    ) -> tuple[Tensor, Tensor]:
        """Return both as a block does, the prompt first."""
        return encoder_hidden_states, hidden_states


def positions(height: int, width: int, device: torch.device) -> Tensor:
    """Return Flux's ids of the cells of a grid, (height * width, 3): 0, row, column."""
    rows = torch.arange(height, device=device).repeat_interleave(width)
    columns = torch.arange(width, device=device).repeat(height)
    return torch.stack([torch.zeros_like(rows), rows, columns], dim=1)

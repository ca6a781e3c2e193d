# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Read the tokens of a diffusion transformer as its own attention does (DiTF).

Gan et al., "Unleashing Diffusion Transformers for Visual Correspondence by Modulating Massive
Activations" (NeurIPS 2025): the input of a block is averaged over draws, channels of huge
activations are set to 0, and the block's adaptive layer norm is applied.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch.nn.functional as F
from torch import Tensor

from mmdiffrep.diffusion.denoisers.feature_model import FeatureModel
from mmdiffrep.diffusion.features import MapKey
from mmdiffrep.utils.checks import integer

_EPS = 1e-6  # of the adaptive norms of SD3 and Flux
_PREFIX = 'module:'


class ModulatedTokens:
    """Applies adaptive layer norms to maps that were averaged over draws before.

    Args:
        denoiser: SD3 or Flux, which the norms are looked up in and listened to.
        taps: The norms, such as ``'module:single_transformer_blocks.9.norm'`` of Flux or
            ``'module:transformer_blocks.9.norm1'``.
        discard: Channels that are set to 0.

    Attributes:
        taps: What has to be read: input and output of every norm. (The output is not used, but
            keeps the norm in a truncated network.)

    Raises:
        ValueError: A tap that is not an adaptive layer norm, or a channel below 0.
    """

    def __init__(self, denoiser: FeatureModel, taps: Sequence[str], discard: Sequence[int]) -> None:
        self.discard = [integer('discard', channel, 0) for channel in discard]
        self.norms = list(taps)
        self._emb: dict[str, Tensor] = {}
        self._modules: dict[str, Any] = {}
        for tap in self.norms:
            end = f'.{tap.removeprefix(_PREFIX)}'  # behind the network, or the denoiser of latents
            named = denoiser.named_modules()
            module: Any = next((part for name, part in named if name.endswith(end)), None)
            if not tap.startswith(_PREFIX) or not hasattr(module, 'linear'):
                raise ValueError(
                    f'discard needs taps that are adaptive layer norms, such as '
                    f"'module:single_transformer_blocks.9.norm', got {tap!r}."
                )
            self._modules[tap] = module
            module.register_forward_pre_hook(self._listener(tap), with_kwargs=True)

    @staticmethod
    def read_taps(taps: Sequence[str]) -> list[str]:
        """Return what has to be read: the input and the output of every norm."""
        return [name for tap in taps for name in (f'{tap}@in', tap)]

    def __call__(self, maps: Mapping[MapKey, Tensor]) -> dict[MapKey, Tensor]:
        """Modulate the inputs of the norms.

        Args:
            maps: ``{(timestep, tap): (B, C, h, w)}`` of :meth:`read_taps`, all images of one
                condition.

        Returns:
            The same for the norms alone.
        """
        timesteps = list(dict.fromkeys(timestep for timestep, _ in maps))
        result = {}
        for tap in self.norms:
            module = self._modules[tap]
            emb = self._emb[tap]
            per_time = len(emb) // len(timesteps)
            vectors = module.linear(module.silu(emb[::per_time]))
            for timestep, vector in zip(timesteps, vectors):
                tokens = maps[timestep, f'{tap}@in'].permute(0, 2, 3, 1).float().clone()
                tokens[..., self.discard] = 0
                width = tokens.shape[-1]
                shift, scale = vector[:width].float(), vector[width : 2 * width].float()
                tokens = F.layer_norm(tokens, (width,), eps=_EPS) * (1 + scale) + shift
                result[timestep, tap] = tokens.permute(0, 3, 1, 2)
        return result

    def _listener(self, tap: str) -> Any:
        def listen(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            emb = kwargs.get('emb', args[1] if len(args) > 1 else None)
            if emb is not None:
                self._emb[tap] = emb.detach()

        return listen

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Base of the backbones that read a denoiser: hold it without owning it, and record it."""

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn
from typing_extensions import Self

from mmdiffrep.diffusion.denoisers.feature_model import FeatureModel
from mmdiffrep.diffusion.noise import NoiseSource, build_noise
from mmdiffrep.diffusion.taps import tap_names
from mmdiffrep.diffusion.timesteps import resolve_timesteps

logger = logging.getLogger('mmdiffrep')


class UntrackedModule:
    """Hides a frozen module from the module that holds it.

    The holder's optimizer, state dict, DDP wrapper and ``train()`` do not see the module, and deep
    copies of the holder (which EMA makes) share it instead of doubling it.

    Args:
        module: A frozen module.
    """

    def __init__(self, module: nn.Module) -> None:
        self.module = module

    def __deepcopy__(self, memo: dict[int, object]) -> 'UntrackedModule':
        return self


class DenoiserBackbone(BaseModule):
    """Base of the backbones that read taps of a denoiser at one or more timesteps.

    A frozen denoiser is held by an :class:`UntrackedModule`: it moves with the model, and
    checkpoints record which one it is in the place of its weights.

    Args:
        denoiser (FeatureModel): The network, in which all taps can still be looked up.
        taps (sequence of str): What is read.
        timesteps (sequence of int, optional): Where it is read.
        noise_levels (sequence of float, optional): Instead of ``timesteps``.
        noise (str or dict): Noise source.
        test_noise (str or dict, optional): Noise source in evaluation mode; None: ``noise``.
        init_cfg (dict, optional): mmengine's initialization config.
    """

    frozen = True

    def __init__(
        self,
        denoiser: FeatureModel,
        taps: Sequence[str],
        timesteps: Sequence[int] | None,
        noise_levels: Sequence[float] | None,
        noise: str | Mapping[str, Any],
        test_noise: None | str | Mapping[str, Any],
        init_cfg: dict | None,
    ) -> None:
        super().__init__(init_cfg)
        self.taps = tap_names(taps)
        self.timesteps = resolve_timesteps(denoiser.schedule, timesteps, noise_levels)
        self.noise = build_noise(noise)
        self.test_noise = self.noise if test_noise is None else build_noise(test_noise)
        tapped = [denoiser.taps[tap] for tap in self.taps] * len(self.timesteps)
        self.out_channels = tuple(tap.channels for tap in tapped)
        self.out_strides = tuple(tap.stride for tap in tapped)

    @property
    def denoiser(self) -> FeatureModel:
        """The network, truncated after the last tap."""
        return self.network.module if self.frozen else self.network

    @property
    def noise_source(self) -> NoiseSource:
        """The noise source of the present mode."""
        return self.noise if self.training else self.test_noise

    def get_extra_state(self) -> Tensor:
        """Identify the denoiser in checkpoints."""
        return denoiser_fingerprint(self.denoiser)

    def set_extra_state(self, state: Tensor) -> None:
        """Check that a checkpoint was made with the frozen denoiser of this backbone.

        Raises:
            ValueError: If it was made with another one.
        """
        if self.frozen:
            check_fingerprint(state, self.denoiser)

    def extra_repr(self) -> str:
        """Return what printing the model shows of it."""
        return (
            f'denoiser={self.denoiser.source!r}, taps={self.taps}, timesteps={self.timesteps}, '
            f'out_channels={self.out_channels}'
        )

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Move the denoiser along with the model."""
        for held in vars(self).values():
            if isinstance(held, UntrackedModule):
                held.module._apply(fn, recurse)
        return super()._apply(fn, recurse)


def denoiser_fingerprint(denoiser: FeatureModel) -> Tensor:
    """Identify a denoiser, as JSON in a uint8 tensor: hosts' tools expect tensors."""
    record = dict(
        denoiser=denoiser.source,
        weights_hash=denoiser.weights_hash,
        precision=denoiser.precision,
    )
    if denoiser.condition is not None:
        record['condition'] = denoiser.condition.digest
    return torch.frombuffer(bytearray(json.dumps(record).encode()), dtype=torch.uint8)


def check_fingerprint(state: Tensor, denoiser: FeatureModel) -> None:
    """Check that a checkpoint was made with a denoiser; another precision is a warning.

    Args:
        state: What :func:`denoiser_fingerprint` gave for the checkpoint.
        denoiser: The one that the config builds.

    Raises:
        ValueError: The checkpoint was made with another one.
    """
    record = json.loads(bytes(state.tolist()))
    if record['weights_hash'] != denoiser.weights_hash:
        raise ValueError(
            f'the checkpoint was made with the frozen denoiser {record["denoiser"]} (weights '
            f'{record["weights_hash"]}), but this config builds {denoiser.source} '
            f'(weights {denoiser.weights_hash}); checkpoints do not hold frozen weights, '
            'so set `denoiser` to the one that was used'
        )
    own = None if denoiser.condition is None else denoiser.condition.digest
    if record.get('condition') != own:
        raise ValueError(
            f'the checkpoint was made with {record["denoiser"]} under another condition (prompt or '
            'label) than this config gives it; set the one that was used'
        )
    before = record.get('precision', denoiser.precision)
    if before != denoiser.precision:
        logger.warning(
            'The checkpoint was made with features in %s, here they are computed in %s, which '
            'changes them by about 0.5 %%; precision=%r in the backbone gives the same.',
            *(before, denoiser.precision, before),
        )

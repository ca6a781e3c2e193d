# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""A latent diffusion model (DiT, SiT) as the backbone of models that are given latents."""

from collections.abc import Callable, Sequence

import torch
from mmengine.model import BaseModule
from torch import Tensor

from mmdiffrep.diffusion.denoisers import Denoiser, load_denoiser
from mmdiffrep.diffusion.features import read_features, resolve_timesteps
from mmdiffrep.diffusion.noise import build_noise
from mmdiffrep.diffusion.taps import tap_names
from mmdiffrep.models.backbones.denoiser_record import check_record, record_of
from mmdiffrep.models.backbones.unregistered import Unregistered
from mmdiffrep.registry import MODELS


@MODELS.register_module()
class LatentDPMBackbone(BaseModule):
    """Reads the taps of a frozen denoiser of latents at one or more noise levels.

    What :class:`~mmdiffrep.models.backbones.DPMBackbone` is for images: the latents that a
    ``mmdiffrep.LatentDataset`` gives are noised and passed once through the denoiser, which is
    truncated after its last tap, sees the null label, and is in no checkpoint.

    Args:
        denoiser (str or dict): Folder, hub id or config, see
            :func:`mmdiffrep.diffusion.denoisers.load_denoiser`.
        taps (sequence of str): What to read, e.g. ``['block.13']``.
        timesteps (sequence of int, optional): Timesteps of the denoiser's schedule.
        noise_levels (sequence of float, optional): Standard deviations of the noise in (0, 1),
            instead of ``timesteps``.
        noise (str or dict): Noise source, see :func:`mmdiffrep.diffusion.noise.build_noise`.
            Defaults to ``'fresh'``, as DDAE does.
        test_noise (str or dict, optional): Noise source in evaluation mode. Defaults to None:
            ``noise`` (DDAE, so that a score depends on the draw).
        init_cfg (dict, optional): mmengine's initialization config.

    Attributes:
        out_channels (tuple of int): Channels of every output map.
        out_strides (tuple of int): Strides relative to the latent.

    Raises:
        ValueError: For an unknown tap, a timestep out of range, both or neither of ``timesteps``
            and ``noise_levels``, or a denoiser of images.
    """

    def __init__(
        self,
        denoiser: str | dict,
        taps: Sequence[str],
        timesteps: Sequence[int] | None = None,
        noise_levels: Sequence[float] | None = None,
        noise: str | dict = 'fresh',
        test_noise: None | str | dict = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.taps = tap_names(taps)
        self.noise = build_noise(noise)
        self.test_noise = self.noise if test_noise is None else build_noise(test_noise)
        network = load_denoiser(denoiser, taps=self.taps).freeze()
        if network.in_channels == 3:
            raise ValueError(
                f'{network.source} takes RGB images, no latents: use mmdiffrep.DPMBackbone.'
            )
        self.network = Unregistered(network)
        self.timesteps = resolve_timesteps(network.schedule, timesteps, noise_levels)
        tapped = [network.taps[tap] for tap in self.taps] * len(self.timesteps)
        self.out_channels = tuple(tap.channels for tap in tapped)
        self.out_strides = tuple(tap.stride for tap in tapped)

    @property
    def denoiser(self) -> Denoiser:
        """The network, truncated after the last tap."""
        return self.network.module

    @torch.no_grad()
    def forward(self, latents: Tensor | Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Compute the maps of all taps at the first timestep, then at the second, and so on.

        Args:
            latents (Tensor or list): ``(B, C, h, w)``, or a list of ``(C, h, w)``.

        Returns:
            tuple: Maps ``(B, c, h / patch, w / patch)``, float32.

        Raises:
            ValueError: Latents of several sizes, or with other channels than the denoiser's.
        """
        if not isinstance(latents, Tensor):
            shapes = sorted({tuple(one.shape) for one in latents})
            if len(shapes) > 1:
                raise ValueError(
                    f'A batch has latents of the shapes {shapes}: give images of one size.'
                )
            latents = torch.stack(list(latents))
        device = latents.device.type
        noise = self.noise if self.training else self.test_noise
        with torch.autocast(device, torch.bfloat16, enabled=device != 'cpu'):
            maps = read_features(self.denoiser, latents.float(), self.timesteps, self.taps, noise)
        return tuple(maps[t, tap].float() for t in self.timesteps for tap in self.taps)

    def get_extra_state(self) -> Tensor:
        """Identify the denoiser in checkpoints."""
        return record_of(self.denoiser)

    def set_extra_state(self, state: Tensor) -> None:
        """Check that a checkpoint was made with the denoiser that this backbone has.

        Raises:
            ValueError: If it was made with another one.
        """
        check_record(state, self.denoiser)

    def extra_repr(self) -> str:
        """Return what printing the model shows of it."""
        return (
            f'denoiser={self.denoiser.source!r}, taps={self.taps}, timesteps={self.timesteps}, '
            f'out_channels={self.out_channels}'
        )

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> 'LatentDPMBackbone':
        """Move the denoiser along with the model."""
        self.denoiser._apply(fn, recurse)
        return super()._apply(fn, recurse)

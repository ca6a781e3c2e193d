# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""A latent diffusion model (DiT, SiT) as the backbone of models that are given latents."""

from collections.abc import Sequence

import torch
from torch import Tensor

from mmdiffrep.diffusion.compiled import Compile
from mmdiffrep.diffusion.features import frozen_denoiser, read_features
from mmdiffrep.models.backbones.frozen_denoiser import DenoiserBackbone, UntrackedModule
from mmdiffrep.registry import MODELS
from mmdiffrep.utils.checks import alike, integer


@MODELS.register_module()
class LatentDPMBackbone(DenoiserBackbone):
    """Reads the taps of a frozen denoiser of latents at one or more noise levels.

    What :class:`~mmdiffrep.models.backbones.DPMBackbone` is for images: the latents that a
    ``mmdiffrep.LatentDataset`` gives are noised and passed once through the denoiser, which is
    truncated after its last tap, sees the null label, and is in no checkpoint.

    Args:
        denoiser (str or dict): Folder, hub id or config, see
            :func:`mmdiffrep.diffusion.denoisers.load_denoiser`; the VAE of a pipeline is not read.
        taps (sequence of str): What to read, e.g. ``['block.13']``.
        timesteps (sequence of int, optional): Timesteps of the denoiser's schedule.
        noise_levels (sequence of float, optional): Standard deviations of the noise in (0, 1),
            instead of ``timesteps``.
        noise (str or dict): Noise source, see :func:`mmdiffrep.diffusion.noise.build_noise`.
            Defaults to ``'fresh'``, as DDAE does.
        test_noise (str or dict, optional): Noise source in evaluation mode. Defaults to None:
            ``noise`` (DDAE, so that a score depends on the draw).
        precision (str, optional): What the denoiser computes in, see
            :class:`~mmdiffrep.models.backbones.DPMBackbone`. Defaults to None: float32 on a CPU,
            ``'auto'`` on a GPU.
        pass_size (int, optional): Greatest number of latents in a forward pass, counting one per
            timestep. Defaults to None: the whole batch.
        compile (bool or dict): Compile the passes of the network, True or arguments of
            ``torch.compile``: faster after a first pass of a minute or so, and features differ by
            rounding. Defaults to False.
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
        precision: str | None = None,
        pass_size: int | None = None,
        compile: Compile = False,
        init_cfg: dict | None = None,
    ) -> None:
        network = frozen_denoiser(denoiser, taps, precision, latents=True, compile=compile)
        if network.in_channels == 3:
            raise ValueError(
                f'{network.source} takes RGB images, not latents: use mmdiffrep.DPMBackbone.'
            )
        super().__init__(network, taps, timesteps, noise_levels, noise, test_noise, init_cfg)
        self.network = UntrackedModule(network)
        self.pass_size = None if pass_size is None else integer('pass_size', pass_size, 1)

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
            shapes = [tuple(latent.shape) for latent in latents]
            alike('Shapes of latents in a batch', shapes, 'give images of one size.')
            latents = torch.stack(list(latents))
        maps = read_features(
            self.denoiser,
            latents.float(),
            self.timesteps,
            self.taps,
            self.noise_source,
            pass_size=self.pass_size,
        )
        return tuple(maps[t, tap] for t in self.timesteps for tap in self.taps)

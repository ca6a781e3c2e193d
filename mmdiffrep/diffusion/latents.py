# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""From images to the latents that DiT, SiT and Stable Diffusion work on: the encoder of a VAE."""

from collections.abc import Callable
from functools import cached_property
from typing import Any

import torch
from diffusers import AutoencoderKL  # pyright: ignore[reportPrivateImportUsage]
from torch import Tensor, nn
from typing_extensions import Self

from mmdiffrep.diffusion.checkpoints import (
    component_folder,
    load_network,
    resolve_folder,
)
from mmdiffrep.diffusion.compiled import Compile, one_graph
from mmdiffrep.diffusion.precision import FrozenPrecision
from mmdiffrep.diffusion.stored_config import read_network
from mmdiffrep.diffusion.trace import Call, trace_calls
from mmdiffrep.diffusion.weights import hash_weights
from mmdiffrep.utils.checks import integer, of_shape


class LatentEncoder(nn.Module):
    """The frozen encoder of a diffusers ``AutoencoderKL``; its decoder is dropped.

    A model around it may be cast as it likes: the encoder computes in what :meth:`compute_in` says,
    without autocast. (In float16 that of SDXL gives NaN.)

    Args:
        vae: The autoencoder, which is changed.
        source: Where the weights come from, for logs and recipes.

    Attributes:
        channels: Of a latent, 4 for Stable Diffusion's VAEs.
        stride: Pixels of the image per cell of the latent, 8 for those.
    """

    def __init__(self, vae: AutoencoderKL, source: str = 'random weights') -> None:
        super().__init__()
        for dropped in ('decoder', 'post_quant_conv'):
            setattr(vae, dropped, None)
        self.vae = vae.requires_grad_(False).eval()
        self.config: Any = vae.config
        self.source = source
        self._precision = FrozenPrecision()
        self._encode = _encode
        self.channels: int = self.config.latent_channels
        self.stride = 2 ** (len(self.config.block_out_channels) - 1)

    @classmethod
    def from_pretrained(cls, path_or_id: str) -> 'LatentEncoder':
        """Load an encoder.

        Args:
            path_or_id: A pipeline's folder (``vae/``), that of a bare VAE (``config.json``), or a
                hub id such as ``stabilityai/sd-vae-ft-mse``.

        Raises:
            FileNotFoundError: No such model.
            ValueError: Another network, or weights that are damaged or do not fit.
        """
        folder = component_folder(resolve_folder(path_or_id), 'vae', 'VAE')
        read_network(folder, ['AutoencoderKL'], 'Latents are computed by no other.')
        vae = load_network(AutoencoderKL, folder)
        assert isinstance(vae, AutoencoderKL)
        return cls(vae, source=path_or_id)

    @cached_property
    def weights_hash(self) -> str:
        """Hash of the encoder's weights, as loaded: the decoder plays no part."""
        return hash_weights(self.vae)

    @property
    def precision(self) -> str:
        """Return the precision of a pass, such as ``'float32'``."""
        return self._precision.name_of(self.vae)

    def compute_in(self, precision: str | None) -> Self:
        """Fix what the encoder computes in, see :class:`FrozenPrecision`; it is cast at once."""
        self._precision = self._precision.changed_to(precision, self.vae, self.source)
        if self._precision.changes(self.vae):
            self.weights_hash  # noqa: B018, computed before the weights are rounded
        self._precision.settle(self.vae)
        return self

    def compile_pass(self, compile: Compile) -> None:
        """Compile the encoder; see :func:`~mmdiffrep.diffusion.compiled.one_graph`."""
        self._encode = one_graph(_encode, compile)

    @property
    def settings(self) -> dict[str, Any]:
        """The config of the VAE, as values that JSON has."""
        return {key: value for key, value in self.config.items() if key[0] != '_'}

    @cached_property
    def traced(self) -> tuple[dict[str, Call], int]:
        """The calls of the encoder's submodules for an image on the meta device, and its side."""
        side = 8 * self.stride
        with torch.device('meta'):
            vae: Any = AutoencoderKL.from_config(self.config)
            skeleton = vae.encoder.eval()
            image = torch.empty(1, self.config.in_channels, side, side)
        return trace_calls(skeleton, lambda: skeleton(image)), side

    def forward(self, images: Tensor, eps: Tensor | None = None) -> Tensor:
        """Compute latents, float32.

        Args:
            images: (B, 3, H, W), RGB in [-1, 1].
            eps: (B, channels, H // stride, W // stride) standard normal noise that draws from the
                posterior; None: its mean.

        Returns:
            Scaled latents, of that shape: what a latent diffusion model is trained on.

        Raises:
            ValueError: Images of a wrong shape.
        """
        of_shape('images', images, 'B', 3, 'H', 'W')
        integer('The sides of the images', min(images.shape[2:]), self.stride)
        with self._precision.frozen_pass(self.vae):
            dtype = next(self.vae.parameters()).dtype
            mean, std = self._encode(self.vae, images.to(dtype))
        latents = mean.float() if eps is None else mean.float() + std.float() * eps
        shift = self.config.shift_factor or 0.0
        return (latents - shift) * self.config.scaling_factor

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Move the encoder where ``fn`` moves tensors; its precision stays."""
        device = fn(torch.empty(0)).device
        return super()._apply(lambda tensor: tensor.to(device), recurse)


def _encode(vae: Any, images: Tensor) -> tuple[Tensor, Tensor]:
    """Return mean and standard deviation of the posterior; this is what is compiled."""
    posterior = vae.encode(images).latent_dist
    return posterior.mean, posterior.std

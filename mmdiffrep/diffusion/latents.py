# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""From images to the latents that DiT, SiT and Stable Diffusion work on: the encoder of a VAE."""

from functools import cached_property
from typing import Any

from diffusers import AutoencoderKL  # pyright: ignore[reportPrivateImportUsage]
from torch import Tensor, nn
from typing_extensions import Self

from mmdiffrep.diffusion.checkpoints import (
    hash_weights,
    load_network,
    read_json,
    resolve_folder,
)
from mmdiffrep.diffusion.precision import FrozenPrecision


class LatentEncoder(nn.Module):
    """The frozen encoder of a diffusers ``AutoencoderKL``; its decoder is dropped.

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
        root = resolve_folder(path_or_id)
        folder = root / 'vae' if (root / 'vae' / 'config.json').is_file() else root
        if not (folder / 'config.json').is_file():
            raise FileNotFoundError(
                f"'{root}' holds no VAE, that is vae/config.json or config.json, but "
                f'{sorted(entry.name for entry in root.iterdir())[:12]}.'
            )
        kind = read_json(folder / 'config.json').get('_class_name')
        if kind != 'AutoencoderKL':
            raise ValueError(
                f"'{folder / 'config.json'}' describes a {kind}; latents are computed by an "
                'AutoencoderKL.'
            )
        vae = load_network(AutoencoderKL, folder)
        assert isinstance(vae, AutoencoderKL)
        return cls(vae, source=path_or_id)

    @cached_property
    def weights_hash(self) -> str:
        """Hash of the encoder's weights, as loaded: the decoder plays no part."""
        return hash_weights(self.vae)

    @property
    def precision(self) -> str:
        """What a pass computes in, such as ``'float32'``."""
        return self._precision.name_of(self.vae)

    def compute_in(self, precision: str | None) -> Self:
        """Fix what the encoder computes in, see :class:`FrozenPrecision`; it is cast at once."""
        self._precision = self._precision.changed_to(precision, self.vae, self.source)
        if self._precision.changes(self.vae):
            self.weights_hash  # noqa: B018, computed before the weights are rounded
        self._precision.settle(self.vae)
        return self

    @property
    def settings(self) -> dict[str, Any]:
        """The config of the VAE, as values that JSON has."""
        return {key: value for key, value in self.config.items() if key[0] != '_'}

    def forward(self, images: Tensor, eps: Tensor | None = None) -> Tensor:
        """Compute latents, float32.

        Args:
            images: (B, 3, H, W), RGB in [-1, 1], sides multiples of ``stride``.
            eps: (B, channels, H / stride, W / stride) standard normal noise that draws from the
                posterior; None: its mean.

        Returns:
            Scaled latents, of that shape: what a latent diffusion model is trained on.

        Raises:
            ValueError: Images of a wrong shape.
        """
        if images.ndim != 4 or any(side % self.stride for side in images.shape[2:]):
            raise ValueError(
                f'Expected images (B, 3, H, W) with sides that are multiples of {self.stride}, got '
                f'shape {tuple(images.shape)}.'
            )
        with self._precision.frozen_pass(self.vae):
            dtype = next(self.vae.parameters()).dtype
            encoded: Any = self.vae.encode(images.to(dtype))
            posterior = encoded.latent_dist
        mean = posterior.mean.float()
        latents = mean if eps is None else mean + posterior.std.float() * eps
        shift = self.config.shift_factor or 0.0
        return (latents - shift) * self.config.scaling_factor

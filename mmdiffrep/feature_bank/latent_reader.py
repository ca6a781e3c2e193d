# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""From images as a host packs them to latents as a bank stores them."""

import hashlib
import json
from collections.abc import Sequence

import torch
from torch import Tensor

from mmdiffrep.diffusion.input_range import DenoiserInput
from mmdiffrep.diffusion.latents import LatentEncoder
from mmdiffrep.feature_bank.images import content_hash, rgb_batch
from mmdiffrep.feature_bank.reader import DTYPES, on_cpu, to_stored
from mmdiffrep.feature_bank.recipe import LATENT, LatentRecipe
from mmdiffrep.utils.checks import multiple_of, one_of

POSTERIORS = ('sample', 'mean')


class LatentReader:
    """Computes the latents that a :class:`~mmdiffrep.feature_bank.bank.FeatureBank` stores.

    Args:
        vae: Folder or hub id, see :class:`~mmdiffrep.diffusion.latents.LatentEncoder`; or one.
        size: Side in pixels that images are resized to, bilinearly with antialiasing. DiT-XL/2-256:
            256.
        posterior: ``'sample'`` draws from the VAE's posterior, once and for all per image (as
            DDAE's stored latents); ``'mean'`` takes its mean.
        seed: Of the draws, which depend on it and on the image alone.
        channel_order: Of the images given: ``'bgr'``, what mmcv's loaders give, or ``'rgb'``.
        dtype: What to store: ``'float16'``, ``'bfloat16'`` or ``'float32'``.
        device: Where the VAE runs; None: the CPU.
        batch_size: Images per pass.
        precision: What the VAE computes in, see
            :class:`~mmdiffrep.diffusion.precision.FrozenPrecision`. float32 by default, on a GPU
            too: latents are stored for good, and the VAE of SDXL overflows in float16.

    Attributes:
        recipe: What the latents depend on besides the image.
        shape: (C, h, w) of a latent.

    Raises:
        FileNotFoundError: No such VAE.
        ValueError: An unknown ``posterior`` or ``dtype``, or a size that the VAE's stride does not
            divide.
    """

    def __init__(
        self,
        vae: str | LatentEncoder,
        size: int = 256,
        posterior: str = 'sample',
        seed: int = 0,
        channel_order: str = 'bgr',
        dtype: str = 'float16',
        device: None | str | torch.device = None,
        batch_size: int = 8,
        precision: str = 'float32',
    ) -> None:
        one_of('posterior', posterior, POSTERIORS)
        one_of('dtype', dtype, DTYPES)
        encoder = LatentEncoder.from_pretrained(vae) if isinstance(vae, str) else vae
        multiple_of('size', size, encoder.stride)
        self.encoder = encoder.to(device).compute_in(precision)
        self.device = next(encoder.parameters()).device
        self.batch_size = batch_size
        self.to_rgb = DenoiserInput(channel_order=channel_order, size=size)
        self.shape = (encoder.channels, size // encoder.stride, size // encoder.stride)
        self.recipe = LatentRecipe(
            vae=encoder.weights_hash,
            settings=json.loads(json.dumps(encoder.settings)),
            size=size,
            channel_order=channel_order,
            posterior=posterior,
            seed=seed,
            dtype=dtype,
            precision=encoder.precision,
            model=encoder.source,
        )

    @property
    def bytes_per_image(self) -> int:
        """Bytes per image in the bank: 8 KiB for 4 x 32 x 32 in float16."""
        return torch.Size(self.shape).numel() * getattr(torch, self.recipe.dtype).itemsize

    @torch.no_grad()
    def __call__(self, images: Sequence[Tensor]) -> dict[tuple[int, str], Tensor]:
        """Compute the latents of images.

        Args:
            images: (3, H, W) each, 0 to 255, of any sizes.

        Returns:
            ``{(0, 'latent'): (B, h, w, C)}`` on the CPU, in the dtype to store.

        Raises:
            ValueError: Pixels that are not in 0 to 255, or latents that ``dtype`` cannot hold.
        """
        rgb = rgb_batch(images, self.to_rgb, self.device)
        eps = None
        if self.recipe.posterior == 'sample':
            eps = torch.stack([self._draw(image) for image in images]).to(self.device)
        latents = self.encoder(rgb, eps)
        return on_cpu({LATENT: to_stored(latents, None, getattr(torch, self.recipe.dtype))})

    def _draw(self, image: Tensor) -> Tensor:
        text = f'{self.recipe.seed} {content_hash(image)}'.encode()
        seed = int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), 'little') >> 1
        return torch.randn(self.shape, generator=torch.Generator().manual_seed(seed))

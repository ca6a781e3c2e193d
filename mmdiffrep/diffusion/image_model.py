# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""A latent diffusion model as a model of images: VAE, denoiser and condition in one."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from diffusers import AutoencoderKL
from torch import Tensor
from typing_extensions import Self

from mmdiffrep.diffusion.checkpoints import component_folder, read_json, resolve_folder
from mmdiffrep.diffusion.compiled import Compile
from mmdiffrep.diffusion.condition import Cond, Condition
from mmdiffrep.diffusion.denoisers.base import Denoiser
from mmdiffrep.diffusion.denoisers.feature_model import FeatureModel
from mmdiffrep.diffusion.denoisers.folders import family_of_folder
from mmdiffrep.diffusion.denoisers.from_folder import FolderDenoiser
from mmdiffrep.diffusion.latents import LatentEncoder
from mmdiffrep.diffusion.noise import PerImageNoise
from mmdiffrep.diffusion.tap_table import TapTable
from mmdiffrep.diffusion.text import PromptEncoder
from mmdiffrep.utils.checks import one_of

_POSTERIORS = ('mean', 'sample')


class LatentDiffusion(FeatureModel):
    """A denoiser of latents together with the VAE that makes them of images.

    Backbones, teachers, banks and extractors read it as they read a model of pixels. Noise is added
    to the latents: ``x_0 = clean(images)``, encoded once for all draws and timesteps, and ``x_t``
    are latents. ``image_size`` and strides count pixels of the image.

    Args:
        denoiser: The denoiser of latents.
        codec: The encoder.
        condition: What every pass is conditioned on unless it is given another condition.
        posterior: ``'mean'`` of the encoder's posterior, or a ``'sample'``, which depends on the
            image alone.

    Raises:
        ValueError: Latents of another number of channels than the denoiser takes.
    """

    reads_in_part = True
    network: Denoiser

    def __init__(
        self,
        denoiser: Denoiser,
        codec: LatentEncoder,
        condition: Condition | None = None,
        posterior: str = 'mean',
    ) -> None:
        if codec.channels != denoiser.in_channels:
            raise ValueError(
                f'The VAE {codec.source} gives latents of {codec.channels} channels, but '
                f'{denoiser.source} takes {denoiser.in_channels}: a network for inpainting or '
                'up-sampling needs more than an image, or this is the VAE of another model.'
            )
        super().__init__(
            denoiser,
            denoiser.schedule,
            image_size=denoiser.image_size * codec.stride,
            num_classes=denoiser.num_classes,
            source=denoiser.source,
        )
        self.codec = codec.compute_in('float32')
        self.condition = denoiser.condition = condition
        self.posterior = one_of('posterior', posterior, _POSTERIORS)
        self._posterior_noise = PerImageNoise(seed=1)  # another draw than that of x_t
        if isinstance(denoiser, FolderDenoiser):
            denoiser.pixels_per_cell = codec.stride

    @classmethod
    def build(
        cls,
        pretrained: str,
        prompt: str | None = None,
        condition: None | str | Condition = None,
        vae: str | None = None,
        posterior: str = 'mean',
        schedule: None | str | Mapping[str, Any] = None,
        variant: str | None = None,
        weights: str | None = None,
        dtype: None | str | torch.dtype = None,
        taps: Sequence[str] | None = None,
    ) -> Self:
        """Load a model from the folder of a pipeline.

        Args:
            pretrained: Folder or hub id.
            prompt: What the images are said to show; None: the empty prompt, if the model takes
                prompts.
            condition: In place of a prompt: a condition, or the path of one that
                :meth:`Condition.save` wrote.
            vae: Folder or hub id of the VAE; None: ``vae/`` of the pipeline.
            posterior: See the class.
            schedule: See :func:`~mmdiffrep.diffusion.schedule.build_schedule`; None: the folder's.
            variant: Of the network's files, such as ``'fp16'``.
            weights: A safetensors file of the network that is read in place of the folder's.
            dtype: Precision of the network's weights; None: float32. The VAE stays in float32.
            taps: Cut the network after the last of these; None: keep it whole.

        Raises:
            FileNotFoundError: No such model; a prompt for a folder without text encoders.
            ValueError: A prompt for a model without text, or prompt and condition at once.
            TapError: Unknown taps.
        """
        codec = LatentEncoder.from_pretrained(pretrained if vae is None else vae)
        denoiser = cls.load_latent(
            pretrained,
            prompt,
            condition,
            schedule=schedule,
            variant=variant,
            weights=weights,
            dtype=dtype,
            taps=taps,
        )
        return cls(denoiser.eval(), codec, denoiser.condition, posterior)

    @classmethod
    def load_latent(
        cls,
        pretrained: str,
        prompt: str | None = None,
        condition: None | str | Condition = None,
        schedule: None | str | Mapping[str, Any] = None,
        variant: str | None = None,
        weights: str | None = None,
        dtype: None | str | torch.dtype = None,
        taps: Sequence[str] | None = None,
    ) -> Denoiser:
        """Load the denoiser of latents alone, with its condition; see :meth:`build`."""
        family = family_of_folder(resolve_folder(pretrained))
        options: dict[str, Any] = dict(schedule=schedule, dtype=dtype, taps=taps)
        takes_text = issubclass(family, FolderDenoiser)
        if takes_text:
            options.update(variant=variant, weights=weights)
        elif prompt is not None:
            raise ValueError(f"'{pretrained}' takes no prompt: {family.__name__} reads labels.")
        if prompt is not None and condition is not None:
            raise ValueError('Give a prompt or a condition, not both.')
        if isinstance(condition, str):
            condition = Condition.load(condition)
        if condition is None and takes_text:
            condition = PromptEncoder(pretrained)(prompt or '')
        denoiser = family.build(pretrained=pretrained, **options)
        denoiser.condition = condition
        return denoiser

    @classmethod
    def without_weights(cls, path_or_id: str) -> Self:
        """Build the model of a pipeline's folder on the meta device; no weights are read.

        Raises:
            ValueError: A family that is not loaded in parts.
        """
        root = resolve_folder(path_or_id)
        family = family_of_folder(root)
        if not issubclass(family, FolderDenoiser):
            raise ValueError(f'{family.__name__} is built with its weights.')
        config = read_json(component_folder(root, 'vae', 'VAE') / 'config.json')
        with torch.device('meta'):
            vae: Any = AutoencoderKL.from_config(config)
        return cls(family.without_weights(path_or_id), LatentEncoder(vae, path_or_id))

    @property
    def denoiser(self) -> Denoiser:
        """The denoiser of latents."""
        return self.network

    def clean(self, images: Tensor) -> Tensor:
        """Return the latents (B, c, h, w) of RGB images (B, 3, H, W) in [-1, 1], float32."""
        if self.posterior == 'mean':
            return self.codec(images)
        stride = self.codec.stride
        shape = (self.codec.channels, *(side // stride for side in images.shape[2:]))
        return self.codec(images, self._posterior_noise(images, shape=shape))

    def forward(
        self, x_t: Tensor, t: Tensor | int, cond: Cond = None, taps: Sequence[str] | None = None
    ) -> dict[str, Tensor]:
        """Read feature maps of noised (or clean) latents; see :meth:`Denoiser.forward`."""
        return self.network(x_t, t, cond, taps)

    def predict(self, x_t: Tensor, t: Tensor | int, cond: Cond = None) -> Tensor:
        """Return the whole network's output for latents; see :meth:`Denoiser.predict`."""
        return self.network.predict(x_t, t, cond)

    def network_output(self, image: Tensor, time: Tensor | float) -> Tensor:
        """Refuse: samplers here give images, and this model makes latents."""
        raise ValueError(f"{self.source} is sampled with diffusers' own pipeline.")

    def truncate(self, taps: Sequence[str]) -> Self:
        """Cut the network; see :meth:`Denoiser.truncate`."""
        self.network.truncate(taps)
        return self

    @property
    def taps(self) -> TapTable:
        """The readable taps, with strides in pixels of the image."""
        return self.network.taps.at_size(self.image_size)

    @property
    def settings(self) -> dict[str, Any]:
        """Those of the network and of the VAE, the condition and the posterior."""
        return {
            **self.network.settings,
            'vae': self.codec.settings,
            'condition': None if self.condition is None else self.condition.digest,
            'posterior': self.posterior,
        }

    @property
    def weights_hash(self) -> str:
        """Hash of network, VAE, condition and posterior: of all that x_t and t do not say."""
        if self._whole_hash is None:
            facts = [self.network.weights_hash, self.codec.weights_hash, self.posterior]
            facts += [] if self.condition is None else [self.condition.digest]
            self._whole_hash = hashlib.sha256(' '.join(facts).encode()).hexdigest()
        return self._whole_hash

    def freeze(self) -> Self:
        """Freeze network and VAE."""
        self.network.freeze()
        super().freeze()
        return self

    def compute_in(self, precision: str | None = None) -> Self:
        """Fix what the network computes in; the VAE stays in float32."""
        self.network.compute_in(precision)
        return self

    @property
    def precision(self) -> str:
        """Return the precision of a pass of the network."""
        return self.network.precision

    def settle_precision(self) -> Self:
        """Cast the network's weights; see :meth:`Denoiser.settle_precision`."""
        self.network.settle_precision()
        return self

    def compile_pass(self, compile: Compile) -> Self:
        """Compile the passes of network and VAE; see :meth:`FeatureModel.compile_pass`."""
        self.network.compile_pass(compile)
        self.codec.compile_pass(compile)
        return self

    @property
    def _needs_label(self) -> bool:
        return self.network._needs_label

    def _check_sides(self, height: int, width: int) -> None:
        self.network._check_sides(height // self.codec.stride, width // self.codec.stride)

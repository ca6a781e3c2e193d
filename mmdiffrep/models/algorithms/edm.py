# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Train a diffusion model in the formulation of EDM."""

import os
from typing import NamedTuple

import torch
import torch.nn.functional as F
from diffusers import EDMEulerScheduler, UNet2DModel
from torch import Tensor, nn

from mmdiffrep.diffusion.edm_schedule import EDMSchedule, precondition
from mmdiffrep.models.algorithms.diffusion_model import DiffusionModel
from mmdiffrep.models.algorithms.edm_augment import NUM_DRAWS, NUM_LABELS, GeometricAugment
from mmdiffrep.registry import MODELS
from mmdiffrep.utils.arguments import check_arguments
from mmdiffrep.utils.checks import of_shape, of_type, one_of, positive


class EDMDraw(NamedTuple):
    """Random numbers of one iteration.

    Attributes:
        sigma: (B,) standard deviations of the noise.
        noise: Standard normal (B, C, H, W).
        augment: (B, 14) uniform numbers for the augmentation, on the CPU; None: not augmented.
    """

    sigma: Tensor
    noise: Tensor
    augment: Tensor | None = None


@MODELS.register_module()
class EDM(DiffusionModel):
    """Diffusion model in the formulation of EDM (Karras et al. 2022, table 1, last column).

    The noise level of an image is log-normal, the network is preconditioned, and its loss is
    weighted to the same size at every level. The exported folder has a ``UNet2DModel`` and an
    ``EDMEulerScheduler``, whose ``num_train_timesteps`` (18) is the number of timesteps of the
    denoiser.

    Args:
        unet: Keyword arguments of ``diffusers.UNet2DModel``. ``sample_size`` is required.
        scheduler: Keyword arguments of ``diffusers.EDMEulerScheduler``: ``sigma_data``,
            ``sigma_min``, ``sigma_max``, ``rho``. Defaults to the official 0.5, 0.002, 80 and 7,
            and 18 timesteps.
        data_preprocessor: It must give RGB images in [-1, 1], which is checked on the first
            batches; ``ImgDataPreprocessor`` with mean and std 127.5 does.
        p_mean: Mean of ln(sigma) in training. Defaults to the official -1.2.
        p_std: Standard deviation of ln(sigma). Defaults to the official 1.2.
        augment_prob: Probability of each geometric augmentation, which is a condition of the
            network. Defaults to 0: none (official for the augmented models of EDM and DDAE: 0.12).
            The nine labels enter through a Linear whose output is added to the time embedding
            (official: before the embedding's two layers). Zero labels add nothing, so that the
            network is unconditional in sampling, export and feature extraction.
        seed: Seed of the random numbers in training.
        bf16: Train the U-Net under bfloat16 autocast, without loss scaling and on CPUs too
            (``AmpOptimWrapper`` refuses CPUs). ``'auto'``: where the device has matrix units for
            bfloat16, see :func:`~mmdiffrep.diffusion.precision.fastest_dtype`. Defaults to False.
        zero_init: Start each residual branch and the output at zero. Defaults to True.
        init_cfg: mmengine's initialization config.

    Raises:
        ValueError: If ``unet`` has no ``sample_size`` in pixels or a time embedding that cannot
            take ln(sigma), or a number or the ``prediction_type`` is out of range.
    """

    def __init__(
        self,
        unet: dict,
        scheduler: dict | None = None,
        data_preprocessor: dict | nn.Module | None = None,
        p_mean: float = -1.2,
        p_std: float = 1.2,
        augment_prob: float = 0.0,
        seed: int = 0,
        bf16: bool | str = False,
        zero_init: bool = True,
        init_cfg: dict | None = None,
    ) -> None:
        # the times ln(sigma) / 4 are neither whole nor positive
        kind = of_type('unet', unet, dict).get('time_embedding_type', 'positional')
        one_of("EDM's unet.time_embedding_type", kind, ('positional',))
        augment = None if augment_prob == 0 else GeometricAugment(augment_prob)
        if augment is not None:
            unet = dict(unet, class_embed_type='identity')
        check_arguments(scheduler or {}, EDMEulerScheduler, 'scheduler')
        with torch.device('cpu'):  # a network built on the meta device needs real noise levels
            built = EDMEulerScheduler(**{'num_train_timesteps': 18, **(scheduler or {})})
            schedule = EDMSchedule.from_scheduler(built)
        super().__init__(unet, built, data_preprocessor, seed, bf16, zero_init, init_cfg)
        self.schedule = schedule
        self.p_mean = p_mean
        self.p_std = positive('p_std', p_std)
        self.augment = augment
        if augment is not None:
            embedding = self.unet.time_embedding.linear_2.out_features
            self.label_embed = nn.Linear(NUM_LABELS, embedding, bias=False)

    def draw(self, images: Tensor) -> EDMDraw:
        """Draw noise levels, noise and augmentation of this iteration for this rank's images.

        Args:
            images: Batch (B, C, H, W), for size and device.
        """
        streams = self.streams(images)
        uniform = streams.uniforms(1 if self.augment is None else 1 + NUM_DRAWS)
        sigma = (self.p_mean + self.p_std * torch.special.ndtri(uniform[:, 0])).exp()
        return EDMDraw(
            sigma=sigma.to(images.device, torch.float32, non_blocking=True),
            noise=streams.noise(images),
            augment=None if self.augment is None else uniform[:, 1:],
        )

    def output(self, images: Tensor, draw: EDMDraw) -> Tensor:
        """Return the network's output F for the noised, augmented images (B, C, H, W)."""
        images, labels = self._augmented(images, draw)
        return self._network_of(images, draw, labels)

    def loss(self, images: Tensor, draw: EDMDraw) -> dict[str, Tensor]:
        """Compute EDM's weighted mean squared error.

        ``(sigma^2 + sigma_data^2) / (sigma * sigma_data)^2 * (D - image)^2`` is computed as the
        squared error of the network itself, ``(F - (image - c_skip x) / c_out)^2``, which is equal
        and loses no digits at small sigma.

        Args:
            images: Clean RGB images (B, C, H, W) in [-1, 1].
            draw: See :meth:`draw`.

        Returns:
            ``{'loss_denoise': scalar}``.
        """
        images, labels = self._augmented(images, draw)
        output = self._network_of(images, draw, labels)
        sigma = draw.sigma.view(-1, 1, 1, 1)
        c = precondition(sigma, self.schedule.sigma_data)
        # 1 - c_skip = c_out^2 / sigma_data^2, so (image - c_skip x) / c_out is:
        data = self.schedule.sigma_data
        target = c.out / data**2 * images - data * c.inward * draw.noise
        if self.schedule.prediction_type == 'v_prediction':
            target = -target
        return {'loss_denoise': F.mse_loss(output.float(), target)}

    def network(self, image: Tensor, time: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return the network's output.

        Args:
            image: Network input (B, C, H, W), c_in times the noised image.
            time: ln(sigma) / 4, (B,) or a scalar.
            labels: Augmentation labels (B, 9). Defaults to None: without augmentation.

        Raises:
            ValueError: Labels of a wrong shape, or for a model without augmentation.
        """
        if self.augment is None:
            if labels is not None:
                raise ValueError('The model was built with augment_prob=0 and takes no labels.')
            return self.unet(image, time).sample
        if labels is None:
            labels = image.new_zeros(len(image), NUM_LABELS)
        of_shape('augmentation labels', labels, len(image), NUM_LABELS)
        return self.unet(image, time, class_labels=self.label_embed(labels)).sample

    def _augmented(self, images: Tensor, draw: EDMDraw) -> tuple:
        if self.augment is None:
            return images, None
        return self.augment(images, draw.augment)

    def _network_of(self, images: Tensor, draw: EDMDraw, labels: Tensor | None) -> Tensor:
        sigma = draw.sigma.view(-1, 1, 1, 1)
        c = precondition(sigma, self.schedule.sigma_data)
        with self.precision(images.device.type):
            return self.network(c.inward * (images + sigma * draw.noise), c.noise.flatten(), labels)

    def _write(self, folder: str, unet: UNet2DModel) -> None:
        """Write unet/ and scheduler/; diffusers has no pipeline for EDM's unconditional models."""
        unet.register_to_config(class_embed_type=None)
        unet.save_pretrained(os.path.join(folder, 'unet'))
        self.scheduler.save_pretrained(os.path.join(folder, 'scheduler'))

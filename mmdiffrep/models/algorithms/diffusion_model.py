# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Base class for training a diffusion model, independent of its objective.

The network and the schedulers are diffusers' own. The result is a folder that diffusers can load.
"""

import copy
from abc import ABCMeta, abstractmethod
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from logging import WARNING
from typing import Any

import torch
from diffusers import SchedulerMixin, UNet2DModel
from mmengine.dist import get_rank, get_world_size
from mmengine.logging import print_log
from mmengine.model import BaseModel
from torch import Tensor, nn

from mmdiffrep.diffusion.images import check_unit_range
from mmdiffrep.diffusion.precision import fastest_dtype
from mmdiffrep.diffusion.sampling import Sampler, build_sampler, run_sampler
from mmdiffrep.diffusion.weights import cast
from mmdiffrep.utils.atomic_file import replace_files
from mmdiffrep.utils.checks import integer, of_shape, of_type, one_of
from mmdiffrep.utils.random_streams import ImageStreams

RESIZE = 'Resize in the pipeline, or set unet.sample_size.'
NORMALIZE = (
    "give the model data_preprocessor=dict(type='ImgDataPreprocessor', mean=[127.5] * 3, "
    'std=[127.5] * 3, bgr_to_rgb=True).'
)


class DiffusionModel(BaseModel, metaclass=ABCMeta):
    """An unconditional diffusion model of square images, in training.

    The random numbers of an image depend on the seed and on its position in the run alone, and the
    number of images seen so far is a buffer of the checkpoint. A resumed run therefore draws the
    same numbers as an undisturbed run, and N processes, or N accumulated batches, the same as one
    batch of N times the size.

    Args:
        unet: Keyword arguments of ``diffusers.UNet2DModel``. ``sample_size`` is required.
        scheduler: The diffusers scheduler of the model.
        data_preprocessor: It must give RGB images in [-1, 1], which is checked on the first
            batches; ``ImgDataPreprocessor`` with mean and std 127.5 does.
        seed: Seed of the random numbers in training.
        bf16: Train the U-Net under bfloat16 autocast, without loss scaling and on CPUs too
            (``AmpOptimWrapper`` refuses CPUs). ``'auto'``: where the device has matrix units for
            bfloat16, see :func:`~mmdiffrep.diffusion.precision.fastest_dtype`.
        zero_init: Start each residual branch and the output at zero.
        init_cfg: mmengine's initialization config.

    Raises:
        ValueError: If ``unet`` has no ``sample_size`` in pixels, or is conditional.
    """

    def __init__(
        self,
        unet: dict,
        scheduler: SchedulerMixin,
        data_preprocessor: dict | nn.Module | None,
        seed: int,
        bf16: bool | str,
        zero_init: bool,
        init_cfg: dict | None,
    ) -> None:
        super().__init__(data_preprocessor=data_preprocessor, init_cfg=init_cfg)
        if not of_type('unet', unet, dict):
            raise ValueError(
                'unet must hold the arguments of diffusers.UNet2DModel, with sample_size, got {}.'
            )
        side = unet.get('sample_size')
        integer('unet.sample_size (side of the training images)', side, 1)
        only = 'Only unconditional models are trained here: leave it out.'
        one_of('unet.num_class_embeds', unet.get('num_class_embeds'), (None,), only)
        self.unet = UNet2DModel(**unet)
        self.scheduler = scheduler
        self.seed = integer('seed', seed, 0)
        self.bf16 = one_of('bf16', bf16, (True, False, 'auto'))
        self.batches_to_check = 2
        self.register_buffer('images_seen', torch.zeros((), dtype=torch.long))
        self._seen_on_host: int | None = None
        if zero_init:
            _zero_residual_branches(self.unet)

    @abstractmethod
    def draw(self, images: Tensor) -> Any:
        """Draw the random numbers of this iteration for this rank's images (B, C, H, W)."""

    @abstractmethod
    def output(self, images: Tensor, draw: Any) -> Tensor:
        """Return the network's output (B, C, H, W) for images and a draw."""

    @abstractmethod
    def loss(self, images: Tensor, draw: Any) -> dict[str, Tensor]:
        """Return ``{'loss_denoise': scalar}`` for images and a draw."""

    def forward(
        self,
        inputs: Tensor,
        data_samples: list | None = None,
        mode: str = 'tensor',
    ) -> dict[str, Tensor] | Tensor | list[Tensor]:
        """Run the model in one of mmengine's three modes.

        Args:
            inputs: RGB images (B, C, H, W) in [-1, 1].
            data_samples: Not read: the model is unconditional.
            mode: ``'loss'``: the training loss of this iteration's draw, which also counts the
                images in training mode. ``'tensor'``: the network's output (B, C, H, W) for the
                same draw. ``'predict'``: one freshly sampled image (C, H, W) in [-1, 1] for each
                input, seeded by ``seed``.

        Returns:
            A dict of losses, a tensor or a list of images, by mode.

        Raises:
            ValueError: If the mode is unknown, or the images of the first training batches have
                the wrong size or range.
        """
        if one_of('mode', mode, ('loss', 'tensor', 'predict')) == 'loss':
            self._check_images(inputs)
            losses = self.loss(inputs, self.draw(inputs))
            if self.training:
                batch = len(inputs) * get_world_size()
                self._seen_on_host = self._seen() + batch
                self.images_seen += batch
            return losses
        if mode == 'tensor':
            return self.output(inputs, self.draw(inputs))
        generator = torch.Generator(inputs.device).manual_seed(self.seed)
        return list(self.sample(len(inputs), generator=generator))

    def streams(self, images: Tensor) -> ImageStreams:
        """Return the random numbers of this rank's images (B, C, H, W) in the current iteration."""
        first = self._seen() + get_rank() * len(images)
        return ImageStreams(self.seed, first, len(images))

    def precision(self, device_type: str) -> AbstractContextManager[None]:
        """Return the context of the network's passes in training."""
        bf16 = self.bf16
        if bf16 == 'auto':
            bf16 = fastest_dtype(torch.device(device_type)) == torch.bfloat16
        if not bf16:
            return nullcontext()  # an AmpOptimWrapper's autocast stays in force
        return torch.autocast(device_type, dtype=torch.bfloat16)

    def build_sampler(self, name: str) -> Sampler:
        """Return the sampler of that name for this model.

        Raises:
            ValueError: An unknown name, or a sampler for another kind of model.
        """
        return build_sampler(name, self.scheduler.config)

    @torch.no_grad()
    def sample(
        self,
        num: int,
        generator: torch.Generator | None = None,
        num_inference_steps: int = 50,
        sampler: str = 'ddim',
    ) -> Tensor:
        """Sample images from the model.

        Args:
            num: Number of images.
            generator: Generator on the model's device; the result is a function of it. Defaults to
                None, the global one.
            num_inference_steps: Steps of the sampler. Defaults to 50.
            sampler: ``'ddim'`` (deterministic given the first noise), ``'heun'`` (likewise, of
                second order: two network evaluations per step) or, not for EDM, ``'ddpm'``
                (ancestral; use as many steps as the schedule has).

        Returns:
            RGB images (num, C, H, W) in [-1, 1].

        Raises:
            ValueError: If the sampler is unknown or not for this model, or steps are out of range.
        """
        config, device = self.unet.config, self.unet.device
        shape = (num, config.in_channels, config.sample_size, config.sample_size)
        noise = torch.randn(shape, generator=generator, device=device)
        was_training = self.training
        self.eval()
        images = run_sampler(
            self.build_sampler(sampler),
            lambda image, time: self.network(image, time.to(device)),
            noise,
            num_inference_steps,
            generator,
        )
        self.train(was_training)
        return images

    def network(self, image: Tensor, time: Tensor) -> Tensor:
        """Return the unconditional network's output for its own image and time."""
        return self.unet(image, time).sample

    def save_pretrained(self, folder: str, dtype: torch.dtype = torch.float16) -> None:
        """Write a diffusers folder.

        Its files replace those of an older export when all are complete and on the disk; other
        files in the folder stay.

        Args:
            folder: Where to write.
            dtype: Type of the stored weights (safetensors). Defaults to half precision.

        Raises:
            OSError: The disk is full or the folder is not writable.
        """
        with replace_files(folder) as temporary:
            self._write(str(temporary), cast(copy.deepcopy(self.unet), dtype))

    @abstractmethod
    def _write(self, folder: str, unet: UNet2DModel) -> None:
        """Write network and scheduler."""

    def _seen(self) -> int:
        """Return the images of all ranks so far; read from the device once, as that waits."""
        if self._seen_on_host is None:
            self._seen_on_host = int(self.images_seen)
        return self._seen_on_host

    def _load_from_state_dict(self, *args: Any, **kwargs: Any) -> None:
        """Load the buffers, and forget the host's copy of the images seen."""
        super()._load_from_state_dict(*args, **kwargs)
        self._seen_on_host = None

    def _check_images(self, images: Tensor) -> None:
        """Check size and range; on the first batches only, as the range is read back."""
        if self.batches_to_check == 0:
            return
        self.batches_to_check -= 1
        channels, side = self.unet.config.in_channels, self.unet.config.sample_size
        of_shape('images', images, 'B', channels, side, side, advice=RESIZE)
        check_unit_range(images, NORMALIZE, partial(print_log, logger='current', level=WARNING))


def _zero_residual_branches(unet: UNet2DModel) -> None:
    """Zero the last layer of each residual branch, and the output layer."""
    for module in unet.modules():
        if module.__class__.__name__ == 'ResnetBlock2D':
            nn.init.zeros_(module.conv2.weight)
            nn.init.zeros_(module.conv2.bias)
        elif module.__class__.__name__ == 'Attention':
            nn.init.zeros_(module.to_out[0].weight)
            nn.init.zeros_(module.to_out[0].bias)
    nn.init.zeros_(unet.conv_out.weight)
    nn.init.zeros_(unet.conv_out.bias)

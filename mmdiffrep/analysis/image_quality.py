# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Distance of a diffusion model's images to real ones, in the features of some network."""

import copy
from collections.abc import Callable, Iterable
from pathlib import Path

import torch
from mmengine.dist import get_rank, get_world_size
from rich.progress import track
from torch import Tensor

from mmdiffrep.analysis.data import ImageSource
from mmdiffrep.analysis.encoder import Encoder
from mmdiffrep.diffusion.denoisers import Denoiser
from mmdiffrep.diffusion.input_range import DistortionWatch
from mmdiffrep.diffusion.sampling import image_seeds, sample_images
from mmdiffrep.measures.frechet import FeatureMoments
from mmdiffrep.utils.checks import integer
from mmdiffrep.utils.fail_together import fail_together
from mmdiffrep.utils.versions import install_extra

# RGB images (B, 3, H, W), uint8, to features (B, D).
Embedding = Callable[[Tensor], Tensor]


class InceptionEmbedding:
    """The features of FID: torch-fidelity's Inception network, 2048 numbers.

    Args:
        weights: File of torch-fidelity's weights; None: torch-fidelity fetches them.
        device: Where it runs.

    Raises:
        ImportError: torch-fidelity is not installed.
        FileNotFoundError: The weights are not there, and cannot be fetched.
    """

    def __init__(
        self, weights: None | str | Path = None, device: str | torch.device = 'cpu'
    ) -> None:
        try:
            from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
        except ImportError as error:
            raise ImportError(
                f'FID needs torch-fidelity. {install_extra("fid")} Without it give the config (and '
                'checkpoint) of any mmpretrain model, for the Frechet distance in its features.'
            ) from error
        try:
            network = FeatureExtractorInceptionV3(
                'inception-v3-compat',
                ['2048'],
                feature_extractor_weights_path=None if weights is None else str(weights),
            )
        except OSError as error:  # urllib's errors are of this kind
            raise FileNotFoundError(
                f"The weights of FID's Inception network ({weights or 'from torch-fidelity'}) "
                f'could not be read: {error}. Give their file, '
                'pt_inception-2015-12-05-6726825d.pth.'
            ) from error
        self.network = network.to(device).eval()
        self.device = device

    @torch.no_grad()
    def __call__(self, images: Tensor) -> Tensor:
        """(B, 2048) features of RGB images (B, 3, H, W), uint8; it resizes them itself."""
        return self.network(images.to(self.device))[0]


class EncoderEmbedding:
    """The averaged last map of an mmpretrain backbone.

    Args:
        config: See :class:`~mmdiffrep.analysis.encoder.Encoder`.
        checkpoint: Its weights; None: those of the config's ``init_cfg``, or random ones.
        size: Side that images are resized to; None: the config's.
        device: Where it runs.
    """

    def __init__(
        self,
        config: str,
        checkpoint: None | str | Path = None,
        size: int | None = None,
        device: str | torch.device = 'cpu',
    ) -> None:
        self.encoder = Encoder(config, checkpoint, size, channel_order='rgb', device=device)

    def __call__(self, images: Tensor) -> Tensor:
        """(B, C) features of RGB images (B, 3, H, W), uint8."""
        maps = self.encoder(list(images))[self.encoder.layers[-1]]
        return maps.float().mean(dim=(2, 3))


def moments_of_samples(
    denoiser: Denoiser,
    embed: Embedding,
    num_images: int,
    sampler: str = 'ddim',
    num_steps: int = 50,
    seed: int = 0,
    batch_size: int = 64,
) -> FeatureMoments:
    """Sample images and embed them; several processes share the work.

    Args:
        denoiser: Whole, unconditional, of RGB images.
        embed: The embedding.
        num_images: Images, at least 2. Image i is a function of (seed, i).
        sampler: See :func:`~mmdiffrep.diffusion.sampling.sample_images`.
        num_steps: Its steps.
        seed: Of the images.
        batch_size: Images sampled at once.

    Returns:
        The same in all processes.

    Raises:
        ValueError: A number out of range, fewer images than processes, or a model or sampler that
            does not fit.
        RuntimeError: Another process failed; says which and why.
    """
    ranks = get_world_size()
    integer('num_images', num_images, max(2, ranks))
    integer('batch_size', batch_size, 1)
    integer('seed', seed, 0)

    def batches() -> Iterable[Tensor]:
        mine = range(get_rank(), num_images, ranks)
        parts = torch.tensor(mine).split(batch_size)
        for part in track(parts, 'sampling', disable=get_rank() > 0):
            seeds = image_seeds(seed, part.tolist())
            images = sample_images(denoiser, seeds, sampler, num_steps)
            yield ((images + 1) * 127.5).round().to(torch.uint8)

    return _moments(batches(), embed)


def moments_of_dataset(
    source: ImageSource, embed: Embedding, size: int, batch_size: int = 64
) -> FeatureMoments:
    """Embed the images of a data set; several processes share the work.

    Args:
        source: The images.
        embed: The embedding.
        size: Side in pixels that images are resized to: that of the images they are compared with.
        batch_size: Images embedded at once.

    Returns:
        The same in all processes.

    Raises:
        ValueError: Fewer images than processes, or than two.
        RuntimeError: Another process failed; says which and why.
    """
    ranks = get_world_size()
    integer(f'The number of images of the {source.name}', len(source), max(2, ranks))
    part = copy.copy(source)
    part.indices = source.indices[get_rank() :: ranks]
    distortion = DistortionWatch('the comparison', 'compare with square images')

    def batches() -> Iterable[Tensor]:
        for batch in part.batches(batch_size):
            for image in batch.inputs:
                distortion.check(image.shape[1:], (size, size))
            images = torch.cat([_resized(image, size) for image in batch.inputs])
            yield images.flip(1) if source.channel_order == 'bgr' else images

    return _moments(track(batches(), 'reading', disable=get_rank() > 0), embed)


def _moments(batches: Iterable[Tensor], embed: Embedding) -> FeatureMoments:
    moments = FeatureMoments()
    with fail_together():
        for images in batches:
            moments.update(embed(images))
    return moments.reduce()


def _resized(image: Tensor, size: int) -> Tensor:
    """Return an image (1, 3, size, size), uint8."""
    if tuple(image.shape[1:]) == (size, size):
        return image[None]
    resized = torch.nn.functional.interpolate(
        image[None].float(), size=(size, size), mode='bicubic', antialias=True
    )
    return resized.round().clamp(0, 255).to(torch.uint8)

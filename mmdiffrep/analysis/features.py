# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Features of many images, from a teacher at several timesteps and from a trained student."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

import torch
from mmengine.config import Config
from rich.progress import track
from torch import Tensor
from torch.nn import functional as F

from mmdiffrep.analysis.data import ImageBatch, ImageSource
from mmdiffrep.analysis.encoder import Encoder
from mmdiffrep.diffusion.denoisers.feature_model import FeatureModel
from mmdiffrep.diffusion.feature_extractor import FeatureExtractor
from mmdiffrep.diffusion.features import frozen_denoiser
from mmdiffrep.diffusion.input_range import DenoiserInput
from mmdiffrep.measures import labels_of
from mmdiffrep.models.layer_taps import LayerTaps
from mmdiffrep.utils.checks import distinct, integer
from mmdiffrep.utils.host_models import build_host_model, find_config, load_host_weights


class FeatureKey(NamedTuple):
    """Where a feature comes from.

    Attributes:
        layer: The teacher's tap or the student's layer.
        timestep: None for a student.
        noise: Noise source of the teacher's input; None for a student.
    """

    layer: str
    timestep: int | None = None
    noise: str | None = None

    def __str__(self) -> str:
        if self.timestep is None:
            return self.layer
        noise = 'clean' if self.noise == 'none' else self.noise
        return f'{self.layer} t={self.timestep} {noise}'


class Reader(Protocol):
    """Reads features of a batch."""

    keys: tuple[FeatureKey, ...]

    def __call__(self, batch: ImageBatch) -> dict[FeatureKey, Tensor]:
        """Return float32 (B, D) on the CPU for each of ``keys``."""


class TeacherReader:
    """Reads taps of a diffusion model at several timesteps, clean and noised.

    Args:
        model: Folder, hub id, ``mmdiffrep://<name>`` or config, or a
            :class:`~mmdiffrep.diffusion.FeatureModel`.
        taps: What to read.
        timesteps: Where to read it. All of them are folded into one pass.
        noises: Noise sources, see :func:`~mmdiffrep.diffusion.noise.build_noise`: ``'none'`` is
            the clean image, of which the network is only told the timestep.
        grid: Maps are averaged over ``grid`` x ``grid`` cells and flattened; 1 is the
            global average. None: flattened as they are.
        channel_order: Of the images, ``'bgr'`` or ``'rgb'``.
        pass_size: Greatest number of images in a pass, counting one per timestep.
        device: Where the model runs.
        precision: What the model computes in, see
            :class:`~mmdiffrep.diffusion.feature_extractor.FeatureExtractor`.

    Raises:
        FileNotFoundError: No such model.
        ValueError: Unknown taps, timesteps out of range, or a grid below 1.
    """

    def __init__(
        self,
        model: str | dict | FeatureModel,
        taps: Sequence[str],
        timesteps: Sequence[int],
        noises: Sequence[str] = ('none',),
        grid: int | None = 1,
        channel_order: str = 'bgr',
        pass_size: int = 64,
        device: None | str | torch.device = None,
        precision: str | None = None,
    ) -> None:
        _check_grid(grid)
        distinct('taps', taps)
        distinct('noises', noises)
        denoiser = frozen_denoiser(model, taps, precision)
        self.extractors = {
            noise: FeatureExtractor(
                denoiser,
                taps,
                timesteps,
                noise=noise,
                device=device,
                batch_size=max(1, pass_size // max(1, len(timesteps))),
                precision=precision,
            )
            for noise in noises
        }
        self.grid = grid
        self.to_rgb = DenoiserInput(channel_order=channel_order, size=denoiser.image_size)
        self.keys = tuple(
            FeatureKey(tap, int(t), noise) for noise in noises for tap in taps for t in timesteps
        )

    def __call__(self, batch: ImageBatch) -> dict[FeatureKey, Tensor]:
        """Read a batch, see :class:`Reader`."""
        images = torch.cat([self.to_rgb(image[None]) for image in batch.inputs])
        return {
            FeatureKey(tap, timestep, noise): pool_map(feature, self.grid)
            for noise, extract in self.extractors.items()
            for (timestep, tap), feature in extract(images).items()
        }


class StudentReader:
    """Reads layers of a trained host model, on images that its own data preprocessor prepares.

    Args:
        config: The training config, see :func:`~mmdiffrep.utils.host_models.find_config`.
        checkpoint: What it trained.
        layers: Layers, such as ``'backbone'`` or ``'backbone[1]'``, see
            :mod:`mmdiffrep.models.layer_taps`.
        grid: See :class:`TeacherReader`.
        device: Where the model runs; None: the CPU.

    Raises:
        FileNotFoundError: No such config or checkpoint.
        ValueError: Weights that do not fit the model, or a layer that does not exist.
    """

    def __init__(
        self,
        config: str | Path | Config,
        checkpoint: str | Path,
        layers: Sequence[str],
        grid: int | None = 1,
        device: None | str | torch.device = None,
    ) -> None:
        _check_grid(grid)
        self.model = build_host_model(find_config(config))
        load_host_weights(self.model, checkpoint)
        self.model.eval().requires_grad_(False).to(device or 'cpu')
        self.taps = LayerTaps(self.model, layers)
        self.grid = grid
        self.keys = tuple(FeatureKey(layer) for layer in layers)

    @torch.no_grad()
    def __call__(self, batch: ImageBatch) -> dict[FeatureKey, Tensor]:
        """Read a batch, see :class:`Reader`."""
        data = dict(inputs=list(batch.inputs), data_samples=list(batch.data_samples))
        inputs = self.model.data_preprocessor(data, False)['inputs']
        with self.taps.attached():
            self.model(inputs, None, mode='tensor')
            features = self.taps.take(batch_size=len(batch.inputs))
        return {key: pool_map(map_, self.grid) for key, map_ in zip(self.keys, features)}


class EncoderFeatures:
    """Reads the layers of trained encoders.

    Args:
        encoders: What is read.
        grid: See :class:`TeacherReader`.
    """

    def __init__(self, encoders: Sequence[Encoder], grid: int | None = 1) -> None:
        _check_grid(grid)
        self.encoders = tuple(encoders)
        self.grid = grid
        self.keys = tuple(
            FeatureKey(f'{encoder.name} {layer}')
            for encoder in self.encoders
            for layer in encoder.layers
        )

    def __call__(self, batch: ImageBatch) -> dict[FeatureKey, Tensor]:
        """Read a batch, see :class:`Reader`."""
        maps = [map_ for encoder in self.encoders for map_ in encoder(batch.inputs).values()]
        return {key: pool_map(map_, self.grid) for key, map_ in zip(self.keys, maps)}


def pool_map(feature: Tensor, grid: int | None = 1) -> Tensor:
    """Turn maps into vectors.

    Args:
        feature: (B, C, h, w), or (B, C), which stays as it is.
        grid: Average over ``grid`` x ``grid`` cells; None: no average.

    Returns:
        (B, C * grid^2) or (B, C * h * w), float32 on the CPU.
    """
    if feature.ndim == 4:
        if grid is not None:
            feature = F.adaptive_avg_pool2d(feature.float(), grid)
        feature = feature.flatten(1)
    return feature.float().cpu()


def stream_features(
    source: ImageSource, readers: Sequence[Reader], batch_size: int = 64, title: str = 'features'
) -> Iterator[tuple[ImageBatch, dict[FeatureKey, Tensor]]]:
    """Read all images batch by batch, with a progress bar.

    Args:
        source: The images.
        readers: What reads them; their keys must differ.
        batch_size: Greatest number of images in a batch.
        title: Of the progress bar.

    Yields:
        The batch and its features (B, D).

    Raises:
        ValueError: Two readers have a key in common.
    """
    distinct('names of features', [key for reader in readers for key in reader.keys])
    number = -(-len(source) // batch_size) if batch_size > 0 else None
    for batch in track(source.batches(batch_size), description=title, total=number):
        features: dict[FeatureKey, Tensor] = {}
        for reader in readers:
            features.update(reader(batch))
        yield batch, features


def collect_features(
    source: ImageSource, readers: Sequence[Reader], batch_size: int = 64, title: str = 'features'
) -> tuple[dict[FeatureKey, Tensor], Tensor]:
    """Read all images and their classes.

    Args:
        source: The images, with class labels.
        readers: See :func:`stream_features`.
        batch_size: See :func:`stream_features`.
        title: See :func:`stream_features`.

    Returns:
        Features (N, D) by key, and the classes (N,).

    Raises:
        ValueError: The data set has no labels, see :func:`~mmdiffrep.measures.labels_of`.
    """
    parts: dict[FeatureKey, list[Tensor]] = {}
    labels = []
    for batch, features in stream_features(source, readers, batch_size, title):
        labels.append(labels_of(batch.data_samples))
        for key, feature in features.items():
            parts.setdefault(key, []).append(feature)
    return {key: torch.cat(part) for key, part in parts.items()}, torch.cat(labels)


def _check_grid(grid: int | None) -> None:
    if grid is not None:
        integer('grid', grid, 1)

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Segment your own images with a trained model."""

import io
from collections.abc import Callable, Iterable, Iterator
from itertools import groupby, islice
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.device import get_device
from mmengine.registry import DefaultScope
from PIL import Image, UnidentifiedImageError

from mmdiffrep.apis.array_pipeline import FROM_RGB, loaded_order, split_pipeline
from mmdiffrep.utils.checks import integer, of_shape, one_of
from mmdiffrep.utils.existing_files import require_file
from mmdiffrep.utils.host_models import build_host_model, find_config, load_host_weights
from mmdiffrep.utils.jpeg_damage import naming_jpeg_damage

ImageInput = str | Path | np.ndarray

FITS = ('as_is', 'crop', 'stretch')


class Segmentation(NamedTuple):
    """The labels of an image.

    Attributes:
        name: Its file, or ``''`` of an array.
        image: RGB uint8 ``(H, W, 3)``, as segmented: upright, and cropped if that was asked for.
        labels: ``(H, W)`` int64.
        uncertainty: ``(H, W)`` float32 in nats; None for a model that gives none.
        score: The image's uncertainty, the mean of its highest tenth; None likewise.
    """

    name: str
    image: np.ndarray
    labels: np.ndarray
    uncertainty: np.ndarray | None
    score: float | None


class Failure(NamedTuple):
    """An image that could not be segmented.

    Attributes:
        name: Its file, or ``''`` of an array.
        reason: The error.
    """

    name: str
    reason: str


class Prepared(NamedTuple):
    """An image on its way into the model: file, RGB image, and what the pipeline packs."""

    name: str
    image: np.ndarray
    packed: dict[str, Any]


class SegmentationInferencer:
    """Labels images with ``mmdiffrep.PixelEnsembleSegmentor`` or any model of mmseg.

    Example:
        >>> segment = SegmentationInferencer('ddpm_seg/toyfaces_64_fewshot.py', 'iter_5262.pth')
        >>> result = segment('face.png')
        >>> result.labels.shape, result.score
        >>> for result in segment.stream(['a.jpg', 'b.jpg']):
        ...     print(result.name, result.score)

    Images pass through the config's test pipeline, without what loads files and masks, in the
    channel order that it loads. Label maps come at the size of the image.

    Args:
        config: The config that the model was trained with: a file, the name of one that comes with
            mmdiffrep, or the config itself.
        checkpoint: Its weights. Those of a run on a feature bank fit the config without the bank.
        device: Where the model runs. Defaults to None: an accelerator if there is one.
        fit: What happens to images that are not square: ``'as_is'``, nothing, which diffusion
            models refuse; ``'crop'``, the largest square in the middle is taken; ``'stretch'``, the
            model sees them squeezed, and labels are stretched back. Defaults to ``'as_is'``.
        batch_size: Images in a pass; those in a row that have the same size go together. Defaults
            to 1.
        trust: Also load a checkpoint that runs code. Only for files whose origin you trust.

    Attributes:
        classes (tuple of str): Names of the labels.
        palette (list): RGB color of every class.

    Raises:
        FileNotFoundError: No such config or checkpoint.
        ValueError: The config has no test pipeline or one that loads images in an unknown channel
            order, the checkpoint does not fit it or does not say the classes, or an unknown
            ``fit``.
        pickle.UnpicklingError: Reading the checkpoint would run code and ``trust`` is False.
    """

    def __init__(
        self,
        config: str | Path | Config,
        checkpoint: str | Path,
        device: str | None = None,
        fit: str = 'as_is',
        batch_size: int = 1,
        trust: bool = False,
    ) -> None:
        self.fit = one_of('fit', fit, FITS)
        self.batch_size = integer('batch_size', batch_size, low=1)
        cfg = find_config(config)
        with DefaultScope.overwrite_default_scope(cfg.get('default_scope', 'mmseg')):
            loading, following = split_pipeline(cfg)
            self._from_rgb = FROM_RGB[loaded_order(cfg, loading)]
            self.pipeline = Compose(following)
            self.model = build_host_model(cfg)
        loaded = load_host_weights(self.model, checkpoint, trust=trust)
        self.classes, self.palette = _classes_and_palette(loaded, checkpoint)
        self.model.to(device or get_device()).eval()

    def __call__(self, image: ImageInput) -> Segmentation:
        """Label one image: a file, or an RGB uint8 array ``(H, W, 3)``.

        Raises:
            FileNotFoundError: No such file.
            ValueError: No image, or one that the model cannot take.
        """
        return next(self.stream([image]))

    def stream(
        self, images: Iterable[ImageInput], failures: list[Failure] | None = None
    ) -> Iterator[Segmentation]:
        """Label many images; only one batch is in memory.

        Args:
            images: See :meth:`__call__`.
            failures: Images that cannot be read or segmented are skipped, and appended here.
                Default: the first one is an error.

        Yields:
            The labels of each image, in order.

        Raises:
            FileNotFoundError: No such file, without ``failures``.
            ValueError: No image, or one that the model cannot take, without ``failures``.
        """
        images = iter(images)
        while chunk := list(islice(images, self.batch_size)):
            prepared = [
                item for image in chunk for item in self._attempt(self._prepare, [image], failures)
            ]
            for _, group in groupby(prepared, key=lambda item: item.packed['inputs'].shape):
                yield from self._attempt(self._segment, list(group), failures)

    def _attempt(
        self, step: Callable[[list], list], items: list, failures: list[Failure] | None
    ) -> list:
        """Run a step; name the images in its errors, or note them and return nothing."""
        try:
            return step(items)
        except (OSError, ValueError) as error:
            names = [_name_of(item) for item in items]
            if failures is None:
                text = str(error)
                missing = [name for name in names if name and name not in text]
                if not missing:
                    raise
                kind = ValueError if isinstance(error, ValueError) else OSError
                raise kind(f'{", ".join(missing)}: {text}') from error
            failures += [Failure(name, str(error)) for name in names]
            return []

    def _prepare(self, images: list[ImageInput]) -> list[Prepared]:
        return [self._prepared(image) for image in images]

    def _prepared(self, given: ImageInput) -> Prepared:
        name, image = _read_image(given)
        height, width = image.shape[:2]
        side = min(height, width)
        if self.fit == 'crop':
            top, left = (height - side) // 2, (width - side) // 2
            image = image[top : top + side, left : left + side]
        seen = image
        if self.fit == 'stretch':
            seen = cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)
        packed = self.pipeline(
            dict(
                img=self._from_rgb(seen),
                img_path=name,
                img_shape=seen.shape[:2],
                ori_shape=image.shape[:2],
            )
        )
        packed['data_samples'].set_metainfo(dict(ori_shape=image.shape[:2]))
        return Prepared(name, image, packed)

    @torch.no_grad()
    def _segment(self, items: list[Prepared]) -> list[Segmentation]:
        batch = {key: [item.packed[key] for item in items] for key in ('inputs', 'data_samples')}
        results = []
        for (name, image, _), sample in zip(items, self.model.test_step(batch)):
            uncertainty = sample.get('uncertainty')
            score = sample.get('uncertainty_score')
            results.append(
                Segmentation(
                    name=name,
                    image=image,
                    labels=sample.pred_sem_seg.data[0].cpu().numpy(),
                    uncertainty=None if uncertainty is None else uncertainty.data[0].cpu().numpy(),
                    score=None if score is None else float(score),
                )
            )
        return results


def _read_image(given: ImageInput) -> tuple[str, np.ndarray]:
    if isinstance(given, np.ndarray):
        one_of('dtype of an RGB image', str(given.dtype), ('uint8',))
        return '', of_shape('an RGB image', given, 'H', 'W', 3)
    require_file(given, 'Give an image.')
    content = Path(given).read_bytes()
    image = None
    if content:
        with naming_jpeg_damage(lambda: str(given)):
            # upright, BGR
            image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
    if image is None or _is_cut(content):
        raise ValueError(
            f'{given} cannot be read as an image: damaged, cut, or of an unknown format'
        )
    return str(given), np.ascontiguousarray(image[..., ::-1])


def _is_cut(content: bytes) -> bool:
    """Return whether a file ends too early, which OpenCV may fill with gray."""
    try:
        with Image.open(io.BytesIO(content)) as image:
            image.load()
    except UnidentifiedImageError:  # a format that Pillow does not know
        return False
    except OSError:
        return True
    return False


def _name_of(item: ImageInput | Prepared) -> str:
    name = item.name if isinstance(item, Prepared) else item
    return '' if isinstance(name, np.ndarray) else str(name)


def _classes_and_palette(
    checkpoint: dict[str, Any], file: str | Path
) -> tuple[tuple[str, ...], list[list[int]]]:
    meta = checkpoint.get('meta', {}).get('dataset_meta') or {}
    if 'classes' not in meta:
        raise ValueError(
            f'{file} does not say its classes (meta.dataset_meta): take a checkpoint as a run of '
            'tools/train.py writes it'
        )
    classes = tuple(meta['classes'])
    palette = meta.get('palette')
    if palette is None or len(palette) != len(classes):
        palette = np.random.default_rng(0).integers(0, 256, (len(classes), 3)).tolist()
    return classes, [list(color) for color in palette]

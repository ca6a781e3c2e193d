# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Images of a data set: read, identified by their content, named in messages."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Subset

from mmdiffrep.diffusion.input_range import DenoiserInput
from mmdiffrep.utils.checks import of_shape
from mmdiffrep.utils.jpeg_damage import naming_jpeg_damage

_MAX_WORKERS = 4
_WORTH_WORKERS = 1024  # images; for fewer, starting processes takes longer than reading
_CHUNK = 64  # images that a worker sends at a time


class ImageDataset(Protocol):
    """A data set whose samples are packed by a host, ``dict(inputs, data_samples)``."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> dict[str, Any]: ...


class HashedImage(NamedTuple):
    """An image as packed, (3, H, W), and its content hash."""

    hash: str
    image: Tensor


def content_hash(image: Tensor) -> str:
    """Return 32 hex digits that stand for the pixels of an image, its shape and its dtype.

    Args:
        image: (3, H, W), as packed: after the host's pipeline, before its data preprocessor.
    """
    head = f'{image.dtype} {tuple(image.shape)} '.encode()
    digest = hashlib.blake2b(head, digest_size=16)
    digest.update(image.detach().cpu().contiguous().view(torch.uint8).numpy().data)
    return digest.hexdigest()


def read_sample(dataset: ImageDataset, index: int) -> dict[str, Any]:
    """Read a sample and check that it holds an image.

    Args:
        dataset: Whose pipeline ends in a ``Pack...`` transform.
        index: Of the sample.

    Returns:
        The sample; ``inputs`` is (3, H, W), 0 to 255.

    Raises:
        ValueError: The image cannot be read, or the pipeline packs none; names the image.
    """
    try:
        with naming_jpeg_damage(lambda: image_name(dataset, index)):
            sample = dataset[index]
    except Exception as error:
        raise ValueError(
            f'{image_name(dataset, index)} cannot be read: {type(error).__name__}: {error}. '
            'Replace the file, or leave it out of the data set.'
        ) from error
    check_packed(sample, image_name(dataset, index))
    of_shape(f'{image_name(dataset, index)} as an image', sample['inputs'], 3, 'H', 'W')
    return sample


def check_packed(sample: Any, name: str) -> None:
    """Check that a pipeline packs an image.

    Args:
        sample: What the pipeline gives.
        name: What it is of, for the error.

    Raises:
        ValueError: It is not a dict with a tensor ``inputs``.
    """
    if not isinstance(sample, dict) or not isinstance(sample.get('inputs'), Tensor):
        given = sorted(sample) if isinstance(sample, dict) else type(sample).__name__
        raise ValueError(
            'The pipeline must end in a Pack... transform, which gives dict(inputs=tensor, '
            f'data_samples); for {name} it gives {given}.'
        )


def read_images(
    dataset: ImageDataset, indices: Sequence[int], num_workers: int | None = None
) -> Iterator[HashedImage]:
    """Read and hash images in order; the global random state stays as it is.

    Args:
        dataset: See :func:`read_sample`.
        indices: Of the samples.
        num_workers: Processes that read ahead; None: up to 4, none for few images or on one core.

    Raises:
        ValueError: See :func:`read_sample`.
    """
    if num_workers is None:
        cores = len(os.sched_getaffinity(0))  # the main process waits meanwhile
        worth = cores > 1 and len(indices) >= _WORTH_WORKERS
        num_workers = min(_MAX_WORKERS, cores) if worth else 0
    source = _HashedImages(dataset)
    if num_workers == 0:
        for index in indices:
            yield _checked(source[index])
        return
    loader = DataLoader(
        source,
        batch_size=_CHUNK,
        sampler=indices,
        num_workers=num_workers,
        collate_fn=_packed,
        generator=torch.Generator(),
    )
    for hashes, images in loader:
        for pair in zip(hashes, images):
            yield _checked(pair)


def rgb_batch(images: Sequence[Tensor], to_rgb: DenoiserInput, device: torch.device) -> Tensor:
    """Convert images as packed, of any sizes, to one batch on a device.

    Args:
        images: (3, H, W) each, 0 to 255.
        to_rgb: Gives them one size.
        device: Where they are converted.

    Returns:
        (B, 3, h, w) float32, RGB in [-1, 1].

    Raises:
        ValueError: Pixels outside 0 to 255.
    """
    if len({(image.shape, image.dtype) for image in images}) == 1:
        return to_rgb(torch.stack(list(images)).to(device))
    return torch.cat([to_rgb(image[None].to(device)) for image in images])


def image_name(dataset: Any, index: int) -> str:
    """Name a sample in a message: its number, and its file if the data set tells."""
    if isinstance(dataset, Subset):
        return image_name(dataset.dataset, dataset.indices[index])
    describe = getattr(dataset, 'get_data_info', None)
    path = describe(index).get('img_path') if describe else None
    return f'image {index}' if path is None else f'image {index} ({path})'


class _HashedImages(Dataset):
    """Pairs of hash and image; of one that cannot be read, the error in the place of the image.

    (An exception would leave a worker process as a traceback in the message of another.)
    """

    def __init__(self, dataset: ImageDataset) -> None:
        self.dataset = dataset

    def __getitem__(self, index: int) -> tuple[str, Tensor | ValueError]:
        try:
            image = read_sample(self.dataset, index)['inputs']
        except ValueError as error:
            return '', error
        return content_hash(image), image


def _checked(pair: tuple[str, Tensor | ValueError]) -> HashedImage:
    image_hash, image = pair
    if isinstance(image, ValueError):
        raise image
    return HashedImage(image_hash, image)


def _packed(
    pairs: Sequence[tuple[str, Tensor | ValueError]],
) -> tuple[list[str], Tensor | list[Tensor | ValueError]]:
    """Pack the images of a chunk into one tensor where they have one size: one transfer."""
    hashes, images = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    tensors = [image for image in images if isinstance(image, Tensor)]
    if len(tensors) == len(images) and len({(x.shape, x.dtype) for x in tensors}) == 1:
        return hashes, torch.stack(tensors)
    return hashes, images

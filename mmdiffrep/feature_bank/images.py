# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Images of a data set, known by what they show and named for messages."""

import hashlib
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.utils.data import Subset


class ImageDataset(Protocol):
    """A data set whose samples are packed by a host, ``dict(inputs, data_samples)``."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> dict[str, Any]: ...


def content_hash(image: Tensor) -> str:
    """Give 32 hex digits that stand for the pixels of an image, its shape and its dtype.

    Args:
        image: (3, H, W), as packed: after the host's pipeline, before its data preprocessor.
    """
    head = f'{image.dtype} {tuple(image.shape)} '.encode()
    digest = hashlib.blake2b(head, digest_size=16)
    digest.update(image.detach().cpu().contiguous().view(torch.uint8).numpy())
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
        sample = dataset[index]
    except Exception as error:
        raise ValueError(
            f'{image_name(dataset, index)} cannot be read: {type(error).__name__}: {error}. '
            'Replace the file, or leave it out of the data set.'
        ) from error
    image = sample.get('inputs') if isinstance(sample, dict) else None
    if not isinstance(image, Tensor):
        given = sorted(sample) if isinstance(sample, dict) else type(sample).__name__
        raise ValueError(
            'The pipeline must end in a Pack... transform, which gives dict(inputs=tensor, '
            f'data_samples); for {image_name(dataset, index)} it gives {given}.'
        )
    if image.ndim != 3 or image.shape[0] != 3 or not image.numel():
        raise ValueError(
            f'{image_name(dataset, index)} is no image (3, H, W): its shape is '
            f'{tuple(image.shape)}.'
        )
    return sample


def image_name(dataset: ImageDataset, index: int) -> str:
    """Names a sample for a message: its number, and its file if the data set tells."""
    if isinstance(dataset, Subset):
        return image_name(dataset.dataset, dataset.indices[index])
    describe = getattr(dataset, 'get_data_info', None)
    path = describe(index).get('img_path') if describe else None
    return f'image {index}' if path is None else f'image {index} ({path})'

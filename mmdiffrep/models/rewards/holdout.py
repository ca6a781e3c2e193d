# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Which images are kept from the reward's decoder."""

import hashlib
from collections.abc import Sequence

import torch
from mmengine.structures import BaseDataElement
from torch import Tensor

# What identifies an image, in the words of the hosts.
IDENTITIES = ('img_path', 'sample_idx', 'img_id')


def held_out(data_samples: Sequence[BaseDataElement] | None, share: float) -> Tensor:
    """Says which images of a batch are held out.

    An image is held out for good: its path (or index) decides, by a hash. So a decoder that sees
    the training images many times never learns the held-out ones by heart, and any number of
    processes holds out the same.

    Args:
        data_samples (sequence): The host's data samples, with ``img_path``, ``sample_idx`` or
            ``img_id`` among their meta information.
        share (float): Expected share of held-out images, in (0, 1).

    Returns:
        Tensor: bool ``(B,)``, on the CPU.

    Raises:
        ValueError: Samples without such meta information, or none at all.
    """
    flags: list[bool] = []
    for sample in data_samples or []:
        key = next((key for key in IDENTITIES if sample.metainfo.get(key) is not None), None)
        if key is None:
            break
        digest = hashlib.sha256(str(sample.metainfo[key]).encode()).digest()
        flags.append(int.from_bytes(digest[:8], 'little') < share * 2**64)
    if not data_samples or len(flags) < len(data_samples):
        found = sorted(data_samples[len(flags)].metainfo) if data_samples else 'no data samples'
        raise ValueError(
            f'holdout={share} keeps images apart by one of {IDENTITIES} in the meta information of '
            f'every data sample, but there is {found}: add one to `meta_keys` of the packing '
            'transform, or set holdout=0'
        )
    return torch.tensor(flags)

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""What a checkpoint holds of a frozen denoiser: not its weights, but which ones they were."""

import json

import torch
from torch import Tensor

from mmdiffrep.diffusion.denoisers import Denoiser


def record_of(denoiser: Denoiser) -> Tensor:
    """Identify a denoiser, as JSON in a uint8 tensor: hosts' tools expect tensors."""
    record = dict(denoiser=denoiser.source, weights_hash=denoiser.weights_hash)
    return torch.frombuffer(bytearray(json.dumps(record).encode()), dtype=torch.uint8)


def check_record(state: Tensor, denoiser: Denoiser) -> None:
    """Check that a checkpoint was made with a denoiser.

    Args:
        state: What :func:`record_of` gave for the checkpoint.
        denoiser: The one that the config builds.

    Raises:
        ValueError: The checkpoint was made with another one.
    """
    record = json.loads(bytes(state.tolist()))
    if record['weights_hash'] != denoiser.weights_hash:
        raise ValueError(
            f'the checkpoint was made with the frozen denoiser {record["denoiser"]} (weights '
            f'{record["weights_hash"]}), but this config builds {denoiser.source} '
            f'(weights {denoiser.weights_hash}); checkpoints do not hold frozen weights, '
            'so set `denoiser` to the one that was used'
        )

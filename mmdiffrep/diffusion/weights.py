# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Read, hash and name the precision of weights: .pt and .safetensors files, networks.

Nothing here runs code from a checkpoint: pickles are read with ``weights_only=True``.
"""

import hashlib
import pickle
import struct
from pathlib import Path
from typing import TypeVar

import safetensors.torch
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from mmdiffrep.utils.existing_files import require_file

Network = TypeVar('Network', bound=nn.Module)


def load_weights(path: str | Path, origin: str = '') -> dict[str, Tensor]:
    """Read a state dict from a ``.safetensors`` file or a ``torch.save`` file, on the CPU.

    Args:
        path: The file.
        origin: A sentence that says where to get it, for the error if it is missing.

    Raises:
        FileNotFoundError: No such file.
        ValueError: Damaged or incomplete, no state dict, or a pickle that needs code.
    """
    path = Path(path).expanduser()
    require_file(path, f'Give the path where it is (`checkpoint` in a config). {origin}'.rstrip())
    try:
        if path.suffix == '.safetensors':
            return safetensors.torch.load_file(str(path))
        state = torch.load(str(path), map_location='cpu', weights_only=True)
    except pickle.UnpicklingError as error:
        raise ValueError(
            f"'{path}' is damaged, or holds Python objects besides tensors, which are not loaded "
            'because reading them can run code. Convert it where you trust it: '
            'torch.save(model.state_dict(), ...) or safetensors.'
        ) from error
    except (SafetensorError, RuntimeError, EOFError, IndexError, struct.error) as error:
        raise ValueError(
            f"'{path}' ({path.stat().st_size} bytes) is damaged or incomplete: {error}. "
            'Fetch or save it again.'
        ) from error
    if not isinstance(state, dict) or not all(isinstance(v, Tensor) for v in state.values()):
        raise ValueError(
            f"'{path}' is not a plain state dict (name -> tensor); save the network's state_dict()."
        )
    return state


def hash_weights(network: nn.Module) -> str:
    """Return a sha256 over the sorted names and fp32 bytes of a network's state dict.

    The hash does not depend on the device, nor on whether fp16 weights were widened to fp32.

    Raises:
        ValueError: The network is on the meta device and has no values.
    """
    digest = hashlib.sha256()
    for name, value in sorted(network.state_dict().items()):
        if value.is_meta:
            raise ValueError('A network on the meta device has no weights to hash.')
        value = value.detach().float() if value.is_floating_point() else value.detach()
        digest.update(f'{name} {tuple(value.shape)} '.encode())
        digest.update(value.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def as_dtype(dtype: None | str | torch.dtype) -> torch.dtype:
    """Turn ``'float16'`` and the like into a torch dtype; None means fp32.

    Raises:
        ValueError: No floating-point dtype of torch has this name.
    """
    found: object | None = torch.float32 if dtype is None else dtype
    if isinstance(dtype, str):
        found = getattr(torch, dtype, None)
    if not isinstance(found, torch.dtype) or not found.is_floating_point:
        raise ValueError(f"dtype must be one like 'float32' or 'bfloat16', got {dtype!r}.")
    return found


def cast(network: Network, dtype: None | str | torch.dtype) -> Network:
    """Cast a network and return it; see :func:`as_dtype`.

    diffusers' own ``to`` warns of modules to be kept in float32, also where there are none (0.39).
    """
    nn.Module.to(network, as_dtype(dtype))
    return network

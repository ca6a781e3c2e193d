# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Convert any checkpoint to a small file of weights that loads without running code."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor

from mmdiffrep.utils.atomic_file import write_atomically
from mmdiffrep.utils.checkpoint_io import load_checkpoint_file
from mmdiffrep.utils.checks import one_of
from mmdiffrep.utils.host_models import weights_of
from mmdiffrep.utils.near_names import near_names
from mmdiffrep.utils.plain_state import to_plain

# What OpenMMLab's inferencers read besides the weights.
_META = ('dataset_meta', 'CLASSES', 'PALETTE')


def convert_checkpoint(
    source: str | Path,
    target: str | Path,
    trust: bool = False,
    prefix: str = '',
    rename: Sequence[tuple[str, str]] = (),
) -> int:
    """Convert a checkpoint to weights only; optimizer, log and config are left behind.

    Args:
        source: ``.pth``, ``.pt`` or ``.safetensors`` file of any training code.
        target: ``.pth`` (``state_dict`` and the data set's meta information, as OpenMMLab's
            inferencers read them) or ``.safetensors`` (weights only).
        trust: Also load a pickle that runs code. Only for files whose origin you trust.
        prefix: Keep only the weights whose names start with it, without it; e.g. ``'backbone.'``.
        rename: Pairs (old, new) of prefixes, tried in order after ``prefix``; the first that fits
            is replaced.

    Returns:
        Number of tensors written.

    Raises:
        ValueError: No weights are found, none has the prefix, two get the same name, or the
            target's ending is another one.
        FileNotFoundError: There is no such file.
        RuntimeError: The file is not complete.
        pickle.UnpicklingError: Reading the source would run code and ``trust`` is False.
    """
    target = Path(target)
    one_of(f'the ending of {target}', target.suffix, ('.pth', '.safetensors'))
    checkpoint = load_checkpoint_file(source, trust=trust)
    weights = _select(weights_of(checkpoint, source), prefix, rename)
    if target.suffix == '.safetensors':
        write_atomically(save(weights), target)
    else:
        write_weights(weights, checkpoint.get('meta') or {}, target)
    return len(weights)


def write_weights(weights: dict[str, Tensor], meta: dict[str, Any], target: Path) -> None:
    """Write a ``.pth`` file that plain mmseg, mmpose and mmpretrain load.

    Args:
        weights: The state dict.
        meta: A checkpoint's ``meta``; what describes the data set is kept.
        target: The file.
    """
    kept = {key: meta[key] for key in _META if key in meta}
    content = {'state_dict': weights, 'meta': to_plain(kept, arrays_as_lists=True, where='meta')}
    with io.BytesIO() as buffer:
        torch.save(content, buffer)
        write_atomically(buffer.getvalue(), target)


def _select(
    weights: dict[str, Tensor], prefix: str, rename: Sequence[tuple[str, str]]
) -> dict[str, Tensor]:
    selected: dict[str, Tensor] = {}
    for name, tensor in weights.items():
        if not name.startswith(prefix):
            continue
        name = name[len(prefix) :]
        for old, new in rename:
            if name.startswith(old):
                name = new + name[len(old) :]
                break
        if name in selected:
            raise ValueError(f'Two weights would be called {name!r}; check the renaming {rename}.')
        selected[name] = tensor.detach().clone().contiguous()
    if not selected:
        present = {
            name[: at + 1] for name in weights for at, sign in enumerate(name) if sign == '.'
        }
        near = near_names(prefix, present) or sorted(present, key=len)[:5]
        raise ValueError(f'No weight starts with {prefix!r}. Prefixes in this file: {near}.')
    return selected

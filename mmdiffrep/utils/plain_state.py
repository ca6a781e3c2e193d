# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Training state as tensors and plain containers, which load with ``weights_only=True``."""

import enum
from collections import OrderedDict, deque
from pathlib import PurePath
from typing import Any

import numpy as np
import torch
from mmengine.logging import HistoryBuffer

_KIND = '__plain__'
_ATOMS = (
    type(None),
    bool,
    int,
    float,
    complex,
    str,
    bytes,
    torch.Tensor,
    torch.Size,
    torch.dtype,
    torch.device,
)


def to_plain(state: Any, arrays_as_lists: bool = False, where: str = 'state') -> Any:
    """Convert nested training state into what ``torch.load(weights_only=True)`` reads back.

    Tensors, numbers, strings, tuples, lists and dicts stay what they are. Config dicts become
    dicts, NumPy scalars Python numbers, enum members their values, paths strings, deques lists and
    frozen sets sets. NumPy arrays and mmengine's ``HistoryBuffer`` become marked dicts of tensors,
    which :func:`from_plain` turns back.

    Args:
        state: The state, e.g. a checkpoint. It is not changed; tensors are shared with the result.
        arrays_as_lists: Turn NumPy arrays into nested lists instead, for good. For data set meta
            information, which OpenMMLab's inferencers read without calling :func:`from_plain`.
        where: How error messages name ``state``.

    Returns:
        The plain equivalent.

    Raises:
        TypeError: Something has no plain form, e.g. a function. Says where it is and what it is.
        ValueError: Something contains itself.
    """
    try:
        return _to_plain(state, arrays_as_lists, where)
    except RecursionError:
        raise ValueError(_cyclic(where)) from None


def from_plain(state: Any) -> Any:
    """Turn the marked dicts of :func:`to_plain` back into NumPy arrays and history buffers.

    Args:
        state: What :func:`to_plain` returned, possibly saved and loaded (onto any device).

    Returns:
        The same nested state; everything that is not marked is returned as it is.

    Raises:
        ValueError: Something contains itself.
    """
    try:
        return _from_plain(state)
    except RecursionError:
        raise ValueError(_cyclic('the checkpoint')) from None


def _cyclic(where: str) -> str:
    return f'{where} holds a list or dict that contains itself, or is nested too deeply.'


def _to_plain(state: Any, arrays_as_lists: bool, where: str) -> Any:
    if isinstance(state, enum.Enum):
        return _to_plain(state.value, arrays_as_lists, where)
    if isinstance(state, np.generic):
        return state.item()
    if isinstance(state, _ATOMS):
        return _without_subclass(state)
    if isinstance(state, np.ndarray):
        return _plain_array(state, arrays_as_lists, where)
    if isinstance(state, HistoryBuffer):
        values, counts = (torch.from_numpy(np.array(column)) for column in state.data)
        return {
            _KIND: 'HistoryBuffer',
            'values': values,
            'counts': counts,
            'max_length': state.max_length,
        }
    if isinstance(state, dict):
        return _plain_dict(state, arrays_as_lists, where)
    if isinstance(state, PurePath):
        return str(state)
    for kind, result in ((tuple, tuple), ((list, deque), list), ((set, frozenset), set)):
        if isinstance(state, kind):
            return result(
                _to_plain(item, arrays_as_lists, f'{where}[{i}]') for i, item in enumerate(state)
            )
    raise TypeError(
        f'{where} is a {type(state).__module__}.{type(state).__qualname__}, which a checkpoint '
        'cannot hold without becoming a file that runs code when it is loaded. Store tensors, '
        'numbers, strings, lists or dicts instead (in the hook or model that put it there).'
    )


def _from_plain(state: Any) -> Any:
    if isinstance(state, dict):
        kind = state.get(_KIND)
        if kind == 'ndarray':
            return state['values'].cpu().numpy()
        if kind == 'HistoryBuffer':
            return HistoryBuffer(
                state['values'].cpu().numpy(), state['counts'].cpu().numpy(), state['max_length']
            )
        return _rebuild(state, {key: _from_plain(value) for key, value in state.items()})
    if type(state) in (tuple, list, set):
        return type(state)(_from_plain(item) for item in state)
    return state


def _plain_array(array: np.ndarray, as_list: bool, where: str) -> Any:
    if as_list or array.dtype.kind not in 'biufc':
        return _to_plain(array.tolist(), as_list, where)
    return {_KIND: 'ndarray', 'values': torch.from_numpy(array.copy())}


def _plain_dict(state: dict[Any, Any], arrays_as_lists: bool, where: str) -> dict[Any, Any]:
    items = {
        _to_plain(key, arrays_as_lists, f'a key of {where}'): _to_plain(
            value, arrays_as_lists, f'{where}[{key!r}]'
        )
        for key, value in state.items()
    }
    return _rebuild(state, items)


def _rebuild(original: dict[Any, Any], items: dict[Any, Any]) -> dict[Any, Any]:
    """Return a dict of the same kind, with the ``_metadata`` of a state dict."""
    if not isinstance(original, OrderedDict):
        return items
    rebuilt: dict[Any, Any] = OrderedDict(items)
    vars(rebuilt).update(vars(original))
    return rebuilt


def _without_subclass(value: Any) -> Any:
    """``torch.__version__`` and the like pass as strings, but their pickles name their class."""
    for plain in (str, bytes, float, int):
        if isinstance(value, plain) and not isinstance(value, bool):
            return plain(value)
    return value

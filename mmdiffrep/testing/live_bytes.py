# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Count the bytes of the tensors that are alive at once, without what an allocator keeps."""

import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class LiveBytes(TorchDispatchMode):
    """Counts the tensors that are made inside the context, on any device.

    Attributes:
        live: Bytes that are alive.
        peak: The most that were alive at once.
    """

    def __init__(self) -> None:
        super().__init__()
        self.live = self.peak = 0
        self._seen: set[int] = set()

    def __torch_dispatch__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Run an operation and count the storages that it made."""
        given = {_key(value) for value in tree_leaves((args, kwargs)) if isinstance(value, Tensor)}
        made = func(*args, **(kwargs or {}))
        for value in tree_leaves(made):
            if not isinstance(value, Tensor) or _key(value) in given | self._seen:
                continue
            storage = value.untyped_storage()
            key, size = _key(value), storage.nbytes()
            self._seen.add(key)
            self.live += size
            self.peak = max(self.peak, self.live)
            weakref.finalize(storage, self._free, key, size)
        return made

    def _free(self, key: int, size: int) -> None:
        self._seen.discard(key)
        self.live -= size


def _key(value: Tensor) -> int:
    return value.untyped_storage()._cdata

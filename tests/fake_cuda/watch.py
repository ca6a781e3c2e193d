# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Watch what a pass would do on a GPU: kernels, bytes, copies, waits, memory. Computes nothing."""

import collections
import contextlib
import importlib
import traceback
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
import torch.utils._foreach_utils as foreach
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

# What launches nothing.
VIEWS = frozenset(
    'view _unsafe_view expand permute transpose t slice select unsqueeze squeeze detach alias '
    'split chunk unbind as_strided unfold diagonal _reshape_alias split_with_sizes lift_fresh '
    'view_as real narrow unsafe_split expand_as squeeze_ unsqueeze_ device sym_size sym_stride '
    'sym_numel size stride is_contiguous layout dim numel empty empty_like empty_strided '
    'new_empty resize_ set_ new_empty_strided is_same_size _assert_async sym_storage_offset'.split()
)
WAITS = frozenset('nonzero masked_select _unique2 unique_dim equal is_nonzero bincount'.split())


class _Mode(FakeTensorMode):
    avoid_device_init = True  # else constants would be put on the card


class Watch(TorchDispatchMode):
    """Counts what reaches the card.

    Attributes:
        kernels: Number of launches; multi-tensor kernels count by 60 tensors.
        bytes: What the kernels read and write.
        copies: Blocking copies between host and card, by place in the code.
        waits: What has to wait for the card (``.item()``, masks), likewise.
        ops: Launches by name.
        conv_dtypes: Of the inputs of convolutions.
        conv_backends: What torch chooses for them.
        peak: Greatest sum of live storages, in bytes.
    """

    def __init__(self) -> None:
        super().__init__()
        self.ops: collections.Counter[str] = collections.Counter()
        self.copies: collections.Counter[str] = collections.Counter()
        self.waits: collections.Counter[str] = collections.Counter()
        self.conv_dtypes: set[str] = set()
        self.conv_backends: set[str] = set()
        self.peak = self._live = 0
        self.kernels = self.bytes = 0
        self._storages: dict[int, weakref.ref] = {}

    def reset(self) -> None:
        """Start the counts anew; memory that is alive stays counted."""
        for counter in (self.ops, self.copies, self.waits):
            counter.clear()
        self.conv_dtypes, self.conv_backends = set(), set()
        self.kernels = self.bytes = 0
        self.peak = self._live

    def report(self) -> dict[str, Any]:
        """Return the counts as JSON values."""
        return dict(
            kernels=self.kernels,
            gigabytes=self.bytes / 1e9,
            peak=self.peak / 2**30,
            copies=dict(self.copies),
            waits=dict(self.waits),
            ops=dict(self.ops),
            conv_dtypes=sorted(self.conv_dtypes),
            conv_backends=sorted(self.conv_backends),
        )

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        name = func._schema.name.split('::')[1]
        given = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        on_card = any(tensor.device.type == 'cuda' for tensor in given)
        stand_in = self._answer(func, name, args, on_card)
        if stand_in is not None:
            return stand_in
        out = func(*args, **kwargs)
        results = [leaf for leaf in tree_leaves(out) if isinstance(leaf, Tensor)]
        if name in ('_to_copy', 'copy_'):
            self._watch_copy(name, args, kwargs, out)
        if 'convolution' in name and name != 'convolution_backward':
            self._watch_convolution(args)
        on_card = on_card or any(result.device.type == 'cuda' for result in results)
        if on_card and name not in VIEWS:
            multi = name.startswith(('_foreach', '_fused'))
            self.kernels += max(1, len(given) // 60) if multi else 1
            self.ops[name] += 1
            inputs = {id(x): x for x in given if x.device.type == 'cuda'}.values()
            self.bytes += sum(map(_extent, inputs)) + sum(map(_extent, results))
        for result in results:
            if result.device.type == 'cuda':
                self.track(result)
        return out

    def _answer(self, func: Any, name: str, args: tuple, on_card: bool) -> Any:
        """Return something in the place of a value that only a computation would give."""
        if name == '_local_scalar_dense' and isinstance(args[0], FakeTensor):
            if on_card:
                self.waits[f'item {_place()}'] += 1
            dtype = args[0].dtype
            if dtype == torch.bool:
                return True
            # 0.0: no gradient is infinite; 1.0: the first step of an optimizer
            return float(not on_card) if dtype.is_floating_point else 1
        if not any(isinstance(x, FakeTensor) for x in tree_leaves(args)):
            return None
        if name in WAITS:
            if on_card:
                self.waits[f'{name} {_place()}'] += 1
            first = args[0]
            some = max(1, first.numel() // 2)
            if name == 'nonzero':
                return torch.zeros(some, first.dim(), dtype=torch.long, device=first.device)
            one = first.flatten()[:1]
            known = dict(equal=True, is_nonzero=True, _unique2=(one, one.long(), one.long()))
            return known.get(name)
        if name in ('index', 'index_put', 'index_put_') and on_card:
            return self._mask(name, *args[:2])
        return None

    def _mask(self, name: str, values: Tensor, indices: Any) -> Tensor | None:
        chosen = [i for i in indices if isinstance(i, Tensor)]
        if any(i.device.type == 'cpu' for i in chosen):
            self.copies[f'index on the CPU {_place()}'] += 1
        masks = [i for i in chosen if i.dtype in (torch.bool, torch.uint8)]
        if masks:
            self.waits[f'mask {_place()}'] += 1
            if name == 'index':
                at = next(place for place, i in enumerate(indices) if i is not None)
                flat = values.flatten(at, at + masks[0].dim() - 1)
                return flat.narrow(at, 0, max(1, masks[0].numel() // 2)).clone()
        return None

    def _watch_copy(self, name: str, args: tuple, kwargs: dict, out: Tensor) -> None:
        source, target = (args[1], args[0]) if name == 'copy_' else (args[0], out)
        later = args[2] if name == 'copy_' and len(args) > 2 else kwargs.get('non_blocking')
        kinds = source.device.type, target.device.type
        if set(kinds) == {'cpu', 'cuda'} and not later:
            self.copies[f'{kinds[0]} to {kinds[1]} {_place()}'] += 1

    def _watch_convolution(self, args: tuple) -> None:
        inputs = args[0]
        if inputs.device.type != 'cuda':
            return
        self.conv_dtypes.add(str(inputs.dtype).removeprefix('torch.'))
        backend = torch._C._select_conv_backend(*args[:9], None)
        self.conv_backends.add(str(backend).rpartition('.')[-1])

    def track(self, tensor: Tensor) -> None:
        """Count a storage as alive until it is freed."""
        storage = tensor.untyped_storage()
        key = id(storage)
        known = self._storages.get(key)
        if known is not None and known() is storage:
            return
        size = -(-storage.nbytes() // 512) * 512

        def freed(_: object) -> None:
            self._live -= size
            self._storages.pop(key, None)

        self._storages[key] = weakref.ref(storage, freed)
        self._live += size
        self.peak = max(self.peak, self._live)


@contextlib.contextmanager
def fake_card() -> Iterator[Watch]:
    """Have all tensors fake, and watch those on the card."""
    for module in (foreach, importlib.import_module('torch.optim.optimizer')):
        types = module._foreach_supported_types
        if FakeTensor not in types:
            types.append(FakeTensor)
    FakeTensor.numpy = lambda self, **_: _zeros(self)
    FakeTensor.tolist = lambda self: _zeros(self).tolist()
    apply = nn.Module._apply
    nn.Module._apply = _apply
    try:
        with _Mode(allow_non_fake_inputs=True), Watch() as watch:
            yield watch
    finally:
        nn.Module._apply = apply


def _apply(self: nn.Module, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> nn.Module:
    """Stand for ``nn.Module._apply``, which cannot change fake tensors in place."""
    for child in self.children() if recurse else ():
        child._apply(fn)
    for key, value in self._parameters.items():
        if value is not None:
            self._parameters[key] = nn.Parameter(fn(value.detach()), value.requires_grad)
    for key, value in self._buffers.items():
        if value is not None:
            self._buffers[key] = fn(value)
    return self


def _zeros(tensor: Tensor) -> np.ndarray:
    kind = 'f4' if tensor.is_floating_point() else 'u1' if tensor.dtype == torch.uint8 else 'i8'
    return np.zeros(tuple(tensor.shape), kind)


def _extent(tensor: Tensor) -> int:
    """Bytes that a kernel touches of a tensor, expanded dimensions once."""
    elements = 1
    for size, stride in zip(tensor.shape, tensor.stride()):
        elements *= size if stride else 1
    return elements * tensor.element_size()


def _place() -> str:
    """Return the file and line of ours, or else of a host, that this comes from."""
    frames = [f for f in traceback.extract_stack() if '/torch/' not in f.filename]
    ours = [f for f in frames if '/mmdiffrep/' in f.filename]
    hosts = [f for f in frames if 'site-packages/' in f.filename]
    frame = (ours or hosts or frames)[-1]
    file = frame.filename.rpartition('/mmdiffrep/' if ours else 'site-packages/')[2]
    return f'{file}:{frame.lineno}'

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""What a network's submodules are given and give, read with forward hooks.

:func:`trace_calls` records order and shapes of one pass (on the meta device: no memory, no
arithmetic); :class:`TapRecorder` catches tensors during real passes.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle


class Call(NamedTuple):
    """One submodule's call: its place in the pass, its shapes, and how often it is called.

    ``start`` and ``end`` count the starts and ends of all calls; a shape is () for a non-tensor.
    """

    start: int
    end: int
    in_shape: tuple[int, ...]
    out_shape: tuple[int, ...]
    count: int


class StopPass(Exception):
    """Ends a pass early once every tap has been read; caught by the denoiser."""


def first_tensor(values: Any) -> Any:
    """Return the tensor that a module is given or give: the value, or the first one inside it."""
    if isinstance(values, (tuple, list)):
        return next((value for value in values if isinstance(value, Tensor)), None)
    return values


def _given(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    return first_tensor([*args, *kwargs.values()])


def _shape(value: Any) -> tuple[int, ...]:
    return tuple(value.shape) if isinstance(value, Tensor) else ()


def trace_calls(network: nn.Module, run: Callable[[], Any]) -> dict[str, Call]:
    """Record the calls of all submodules during one pass.

    Args:
        network: The network whose submodules are watched.
        run: Runs one pass of the network.

    Returns:
        Dotted path -> :class:`Call`, for every submodule that the pass called.
    """
    calls: dict[str, Call] = {}
    clock = iter(range(10**9))

    def before(path: str) -> Callable[..., None]:
        def hook(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            seen = calls[path].count if path in calls else 0
            calls[path] = Call(next(clock), -1, _shape(_given(args, kwargs)), (), seen + 1)

        return hook

    def after(path: str) -> Callable[..., None]:
        def hook(module: nn.Module, args: tuple[Any, ...], output: Any) -> None:
            shape = _shape(first_tensor(output))
            calls[path] = calls[path]._replace(end=next(clock), out_shape=shape)

        return hook

    with ExitStack() as hooks, torch.no_grad():
        for path, module in network.named_modules():
            if path:
                pre_hook = module.register_forward_pre_hook(before(path), with_kwargs=True)
                hooks.callback(pre_hook.remove)
                hooks.callback(module.register_forward_hook(after(path)).remove)
        run()
    return calls


class _Catch:
    """A forward hook that stores one tensor; a class, so that copies of a network copy it too."""

    def __init__(self, store: dict[str, Tensor], names: list[str], stop_at: int) -> None:
        self.store = store
        self.names = names
        self.stop_at = stop_at

    def given(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self._keep(_given(args, kwargs))

    def gives(self, module: nn.Module, args: tuple[Any, ...], output: Any) -> None:
        self._keep(first_tensor(output))

    def _keep(self, value: Tensor) -> None:
        for name in self.names:
            self.store[name] = value
        if len(self.store) == self.stop_at:
            raise StopPass


class TapRecorder:
    """Catches the tensors of chosen taps while a network runs.

    The hooks stay in place between passes, so that a compiled network keeps its graph as long as
    the same taps are read.

    Args:
        stop: Raise :class:`StopPass` as soon as all taps are read: for networks that cannot be cut.
    """

    def __init__(self, stop: bool = False) -> None:
        self.stop = stop
        self.sites: dict[str, tuple[str, str]] = {}
        self.store: dict[str, Tensor] = {}
        self._handles: list[RemovableHandle] = []

    def watch(self, network: nn.Module, sites: Mapping[str, tuple[str, str]]) -> None:
        """Watches ``sites`` (tap name -> path and side) in place of earlier ones."""
        for handle in self._handles:
            handle.remove()
        self._handles.clear()
        self.sites = dict(sites)
        names: dict[tuple[str, str], list[str]] = {}
        for name, site in sites.items():
            names.setdefault(tuple(site), []).append(name)
        for (path, side), group in names.items():
            module = network.get_submodule(path)
            catch = _Catch(self.store, group, len(sites) if self.stop else -1)
            if side == 'in':
                handle = module.register_forward_pre_hook(catch.given, with_kwargs=True)
            else:
                handle = module.register_forward_hook(catch.gives)
            self._handles.append(handle)

    def collect(self) -> dict[str, Tensor]:
        """Return the caught tensors by tap name and forgets them."""
        caught = {name: self.store[name] for name in self.sites}
        self.store.clear()
        return caught

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Forgets what is caught meanwhile, such as maps that a backward pass computes again."""
        before = dict(self.store)
        try:
            yield
        finally:
            self.store.clear()
            self.store.update(before)

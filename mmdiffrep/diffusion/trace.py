# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Inputs and outputs of a network's submodules, read with forward hooks.

:func:`trace_calls` records order and shapes of one pass (on the meta device: no memory, no
arithmetic); :class:`TapRecorder` catches tensors during real passes.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

# Path, side and optionally the member of a tap, see ``taps.TapSite``.
Site = tuple[Any, ...]


class Call(NamedTuple):
    """One submodule's call: its place in the pass, its shapes, and how often it is called.

    Attributes:
        start: Moment of its start: starts and ends of all calls are counted together.
        end: Moment of its end.
        in_shape: Shape of its input; () for a non-tensor.
        out_shape: Shape of its output.
        count: Number of calls in a pass.
        in_member: Which of the tensors it is given the input is; None: the first.
        out_member: Which of the tensors it gives the output is; None: the first.
    """

    start: int
    end: int
    in_shape: tuple[int, ...]
    out_shape: tuple[int, ...]
    count: int
    in_member: int | None = None
    out_member: int | None = None


class StopPass(Exception):
    """Ends a pass early once every tap has been read; caught by the denoiser."""


# Picks, for a path and its side, one of the shapes of the tensors there: its place and the shape
# that it is read as. Shapes are () for what is not a tensor.
PickMember = Callable[[str, str, Sequence[tuple[int, ...]]], tuple[int | None, tuple[int, ...]]]


def first_member(
    path: str, side: str, shapes: Sequence[tuple[int, ...]]
) -> tuple[int | None, tuple[int, ...]]:
    """Pick the first tensor, see ``PickMember``."""
    return None, next((shape for shape in shapes if shape), ())


def trace_calls(
    network: nn.Module, run: Callable[[], Any], pick: PickMember = first_member
) -> dict[str, Call]:
    """Record the calls of all submodules during one pass.

    Args:
        network: The network whose submodules are watched.
        run: Runs one pass of the network.
        pick: Which tensor counts where a module is given or gives several.

    Returns:
        Dotted path -> :class:`Call`, for every submodule that the pass called.
    """
    calls: dict[str, Call] = {}
    clock = iter(range(10**9))

    def before(path: str) -> Callable[..., None]:
        def hook(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            seen = calls[path].count if path in calls else 0
            member, shape = pick(path, 'in', _shapes(_given(args, kwargs)))
            calls[path] = Call(next(clock), -1, shape, (), seen + 1, in_member=member)

        return hook

    def after(path: str) -> Callable[..., None]:
        def hook(module: nn.Module, args: tuple[Any, ...], output: Any) -> None:
            member, shape = pick(path, 'out', _shapes(_gives(output)))
            calls[path] = calls[path]._replace(end=next(clock), out_shape=shape, out_member=member)

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

    def __init__(
        self, store: dict[str, Tensor], names: list[str], member: int | None, stop_at: int
    ) -> None:
        self.store = store
        self.names = names
        self.member = member
        self.stop_at = stop_at

    def given(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self._keep(_given(args, kwargs))

    def gives(self, module: nn.Module, args: tuple[Any, ...], output: Any) -> None:
        self._keep(_gives(output))

    def _keep(self, values: Sequence[Any]) -> None:
        if self.member is None:
            value = next(value for value in values if isinstance(value, Tensor))
        else:
            value = values[self.member]
        for name in self.names:
            self.store[name] = value
        if len(self.store) == self.stop_at:
            raise StopPass


def _given(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Sequence[Any]:
    return [*args, *kwargs.values()]


def _gives(output: Any) -> Sequence[Any]:
    return output if isinstance(output, (tuple, list)) else [output]


def _shapes(values: Sequence[Any]) -> list[tuple[int, ...]]:
    return [tuple(value.shape) if isinstance(value, Tensor) else () for value in values]


class TapRecorder:
    """Catches the tensors of chosen taps while a network runs.

    The hooks stay in place between passes, so that a compiled network keeps its graph as long as
    the same taps are read.

    Args:
        stop: Raise :class:`StopPass` as soon as all taps are read: for networks that cannot be cut.
    """

    def __init__(self, stop: bool = False) -> None:
        self.stop = stop
        self.sites: dict[str, Site] = {}
        self.store: dict[str, Tensor] = {}
        self._handles: list[RemovableHandle] = []

    def watch(self, network: nn.Module, sites: Mapping[str, Site]) -> None:
        """Watch ``sites`` (tap name -> path, side and member) in place of earlier ones."""
        for handle in self._handles:
            handle.remove()
        self._handles.clear()
        self.sites = dict(sites)
        names: dict[Site, list[str]] = {}
        for name, site in sites.items():
            names.setdefault(tuple(site), []).append(name)
        for (path, side, *member), group in names.items():
            module = network.get_submodule(path)
            stop_at = len(sites) if self.stop else -1
            catch = _Catch(self.store, group, member[0] if member else None, stop_at)
            if side == 'in':
                handle = module.register_forward_pre_hook(catch.given, with_kwargs=True)
            else:
                handle = module.register_forward_hook(catch.gives)
            self._handles.append(handle)

    def collect(self) -> dict[str, Tensor]:
        """Return the caught tensors by tap name and forget them."""
        caught = {name: self.store[name] for name in self.sites}
        self.store.clear()
        return caught

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Forget what is caught meanwhile, such as maps that a backward pass computes again."""
        before = dict(self.store)
        try:
            yield
        finally:
            self.store.clear()
            self.store.update(before)

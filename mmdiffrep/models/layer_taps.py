# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Read layers of any model during its own forward pass.

A layer is named by its dotted path in the model:

================  ====================================================
``path``          its output; the last one if it returns several
``path[i]``       its output number ``i``; negative numbers count from the end
``path@in``       its input (the first tensor that it is given)
================  ====================================================
"""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from mmdiffrep.utils.checks import as_many, within
from mmdiffrep.utils.near_names import near_names

_GRAMMAR = re.compile(r'([^\[\]@]+)(?:\[(-?\d+)\]|@(in))?')
# What one call of a module gave or was given, and the tensors' versions at that moment.
Captured = tuple[tuple[object, ...], list[int]]


class Layer(NamedTuple):
    """A layer that is read.

    Attributes:
        path (str): Dotted path of a submodule, such as ``'backbone.layer4'``.
        side (str): ``'out'`` or ``'in'``.
        index (int): Which of its outputs, if it returns several.
    """

    path: str
    side: str = 'out'
    index: int = -1

    @classmethod
    def parse(cls, name: str) -> 'Layer':
        """Parse ``'path'``, ``'path[i]'`` or ``'path@in'``.

        Raises:
            ValueError: Anything else.
        """
        match = _GRAMMAR.fullmatch(name)
        if match is None:
            raise ValueError(
                f"{name!r} is not a layer: expected 'module.path', 'module.path[index]' or "
                "'module.path@in'"
            )
        path, index, side = match.groups()
        if side:
            return cls(path, 'in', 0)
        return cls(path) if index is None else cls(path, index=int(index))

    def __str__(self) -> str:
        return f'{self.path}@in' if self.side == 'in' else self.path


def find_module(model: nn.Module, path: str) -> nn.Module:
    """Return a submodule by its dotted path.

    Raises:
        ValueError: There is none; the nearest paths are listed.
    """
    modules = dict(model.named_modules())
    if path in modules and path:
        return modules[path]
    near = near_names(path, modules, n=5, cutoff=0.4)
    top = [child for child, _ in model.named_children()]
    raise ValueError(
        f'{type(model).__name__} has no layer {path!r}. '
        + (f'Did you mean one of {near}? ' if near else '')
        + f'Name a layer inside one of its top-level layers {top}.'
    )


class LayerTaps:
    """Holds the features of one forward pass until they are taken.

    Args:
        model (nn.Module): The model, already unwrapped from DDP.
        names (sequence of str): Layers, see :meth:`Layer.parse`.
        role (str): What errors call the model. Defaults to ``'student'``.

    Raises:
        ValueError: A name that is not a layer, or a layer that the model does not have.
    """

    def __init__(self, model: nn.Module, names: Sequence[str], role: str = 'student') -> None:
        self.role = role
        self.layers = [Layer.parse(name) for name in names]
        self._sites = {
            (layer.path, layer.side): find_module(model, layer.path) for layer in self.layers
        }
        self._captured: dict[tuple[str, str], list[Captured]] = {}
        self._handles: list[RemovableHandle] = []

    def attach(self) -> None:
        """Register the forward hooks."""
        for site, module in self._sites.items():
            capture = self._capture(site)
            if site[1] == 'in':
                handle = module.register_forward_pre_hook(capture, with_kwargs=True)
            else:
                handle = module.register_forward_hook(capture)
            self._handles.append(handle)

    def detach(self) -> None:
        """Remove the forward hooks and drop what they captured."""
        for handle in self._handles:
            handle.remove()
        self._handles.clear()
        self.clear()

    @contextmanager
    def attached(self) -> Iterator[None]:
        """Have the forward hooks in place for the length of a ``with`` block."""
        self.attach()
        try:
            yield
        finally:
            self.detach()

    def clear(self) -> None:
        """Drop features that nobody took, such as those of a pass in tensor mode."""
        self._captured.clear()

    def _capture(self, site: tuple[str, str]) -> Callable[..., None]:
        def hook(module: nn.Module, args: tuple[Any, ...], other: Any) -> None:
            if site[1] == 'in':  # other: the keyword arguments
                given = [*args, *other.values()]
                values = tuple(value for value in given if isinstance(value, Tensor))[:1]
            else:
                values = tuple(other) if isinstance(other, (tuple, list)) else (other,)
            captured = (values, [_version(value) for value in values])
            self._captured.setdefault(site, []).append(captured)

        return hook

    def take(
        self, batch_size: int, to_map: Callable[[Tensor], Tensor] | None = None
    ) -> tuple[Tensor, ...]:
        """Hand over the features, one per layer, and forget them.

        Args:
            batch_size (int): Length of their first dimension.
            to_map (callable, optional): Makes a map ``(B, C, H, W)`` of tokens ``(B, N, C)``.
                Defaults to None: tokens are refused.

        Returns:
            tuple: Features ``(B, C, H, W)`` or ``(B, C)``.

        Raises:
            RuntimeError: A layer did not run, ran twice, or its output was changed in place (a
                compiled model is not checked for the last).
            ValueError: The output is not a feature, has no such index or another batch size.
        """
        captured, self._captured = self._captured, {}
        return tuple(
            self._pick(layer, captured.get((layer.path, layer.side), []), batch_size, to_map)
            for layer in self.layers
        )

    def _pick(
        self,
        layer: Layer,
        captured: list[Captured],
        batch_size: int,
        to_map: Callable[[Tensor], Tensor] | None,
    ) -> Tensor:
        name = f'{self.role} layer {str(layer)!r}'
        if len(captured) != 1:
            raise RuntimeError(
                f'{name} ran {len(captured)} times in one step, expected once. '
                + (
                    'Tap a layer that is called once.'
                    if captured
                    else 'Is it part of the forward pass? A module that the model calls by its '
                    'forward(), as mmseg does with decode_head, is not seen: tap a layer inside, '
                    'such as decode_head.conv_seg.'
                )
            )
        values, versions = captured[0]
        does = 'is given' if layer.side == 'in' else 'returns'
        last = len(values) - 1
        within(f'{name} {does} {len(values)} features: its index', layer.index, -last - 1, last)
        feature = values[layer.index]
        if to_map is not None and isinstance(feature, Tensor) and feature.dim() == 3:
            try:
                feature = to_map(feature)
            except ValueError as error:
                raise ValueError(f'{name} {does} {error}') from error
        if not isinstance(feature, Tensor) or feature.dim() not in (2, 4):
            what = tuple(feature.shape) if isinstance(feature, Tensor) else type(feature).__name__
            raise ValueError(f'{name} {does} {what}, expected a feature (B, C, H, W) or (B, C)')
        as_many(f'what {name} {does}', feature, 'the images', range(batch_size))
        if _version(values[layer.index]) > versions[layer.index]:
            raise RuntimeError(
                f'the {"input" if layer.side == "in" else "output"} of {name} was changed in place '
                'after it was read (most likely by an in-place ReLU or addition): tap the block or '
                'stage around it'
            )
        return feature


def _version(value: object) -> int:
    """Count the in-place operations on a tensor."""
    if not isinstance(value, Tensor):
        return 0
    # `is_inference` would split a compiled model's graph at each layer.
    if not torch.compiler.is_compiling() and value.is_inference():
        return 0
    return value._version

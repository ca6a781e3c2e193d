# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Reads features of a student while its own forward pass runs."""

import difflib
from collections.abc import Callable, Sequence
from typing import NamedTuple

from torch import Tensor, nn

# The outputs of one call of a module and their versions at that moment.
Captured = tuple[tuple[object, ...], list[int]]


class StudentTap(NamedTuple):
    """Where a student is tapped.

    Attributes:
        module (str): Dotted name of a submodule, e.g. ``'backbone.layer4'``.
        index (int): Which of its outputs, if it returns a tuple.
    """

    module: str
    index: int = -1

    @classmethod
    def parse(cls, name: str) -> 'StudentTap':
        """Parse ``'backbone'``, its last output, or ``'backbone[2]'``."""
        module, bracket, index = name.partition('[')
        if not bracket:
            return cls(module)
        if not (index.endswith(']') and index[:-1].lstrip('-').isdigit()):
            raise ValueError(
                f"{name!r} is no layer: expected 'module.path' or 'module.path[index]'"
            )
        return cls(module, int(index[:-1]))


def find_module(model: nn.Module, name: str) -> nn.Module:
    """Return a submodule by its dotted name.

    Raises:
        ValueError: The name does not exist; the nearest names are listed.
    """
    modules = dict(model.named_modules())
    if name in modules and name:
        return modules[name]
    near = difflib.get_close_matches(name, modules, n=5, cutoff=0.4)
    top = [child for child, _ in model.named_children()]
    raise ValueError(
        f'{type(model).__name__} has no layer {name!r}. '
        + (f'Near matches: {near}. ' if near else '')
        + f'Top-level layers: {top}.'
    )


class StudentTaps:
    """Holds the tapped features of one forward pass, until they are taken.

    Args:
        model (nn.Module): The student, already unwrapped from DDP.
        names (sequence of str): Student layers, see :meth:`StudentTap.parse`.
        role (str): What errors call the model. Defaults to ``'student'``.
    """

    def __init__(self, model: nn.Module, names: Sequence[str], role: str = 'student') -> None:
        self.role = role
        self.taps = [StudentTap.parse(name) for name in names]
        self._modules = {tap.module: find_module(model, tap.module) for tap in self.taps}
        self._captured: dict[str, list[Captured]] = {}
        self._handles: list = []

    def attach(self) -> None:
        """Register the forward hooks."""
        for name, module in self._modules.items():
            self._handles.append(module.register_forward_hook(self._capture(name)))

    def detach(self) -> None:
        """Remove the forward hooks and drop what they captured."""
        for handle in self._handles:
            handle.remove()
        self._handles.clear()
        self.clear()

    def clear(self) -> None:
        """Drop features that nobody took, e.g. of a pass in tensor mode."""
        self._captured.clear()

    def _capture(self, name: str) -> Callable[..., None]:
        def hook(module: nn.Module, args: tuple, output: object) -> None:
            outputs = output if isinstance(output, (tuple, list)) else (output,)
            # An operation in place raises a tensor's version: see take.
            versions = [
                out._version if isinstance(out, Tensor) and not out.is_inference() else 0
                for out in outputs
            ]
            self._captured.setdefault(name, []).append((tuple(outputs), versions))

        return hook

    def take(self, batch_size: int) -> tuple[Tensor, ...]:
        """Hands the features over, one a tap, and forgets them.

        Args:
            batch_size (int): What the features must have as their first dimension.

        Raises:
            RuntimeError: A layer did not run, ran twice, or its output was changed in place.
            ValueError: The output is not a feature, has no such index or another batch size.
        """
        captured, self._captured = self._captured, {}
        return tuple(self._pick(tap, captured.get(tap.module, []), batch_size) for tap in self.taps)

    def _pick(self, tap: StudentTap, captured: list[Captured], batch_size: int) -> Tensor:
        name = f'{self.role} layer {tap.module!r}'
        if len(captured) != 1:
            raise RuntimeError(
                f'{name} ran {len(captured)} times in one step, expected once. '
                + (
                    'Tap a layer that is called once.'
                    if captured
                    else 'Is it part of the training pass?'
                )
            )
        outputs, versions = captured[0]
        if not -len(outputs) <= tap.index < len(outputs):
            raise ValueError(
                f'{name} returns {len(outputs)} features, index {tap.index} is out of range'
            )
        feature = outputs[tap.index]
        if not isinstance(feature, Tensor) or feature.dim() not in (2, 4):
            what = tuple(feature.shape) if isinstance(feature, Tensor) else type(feature).__name__
            raise ValueError(f'{name} returns {what}, expected a feature (B, C, H, W) or (B, C)')
        if len(feature) != batch_size:
            raise ValueError(f'{name} returns {len(feature)} features for {batch_size} images')
        if not feature.is_inference() and feature._version != versions[tap.index]:
            raise RuntimeError(
                f'the output of {name} was changed in place after it was read (by '
                'an in-place ReLU or addition, most likely): tap the block or stage around it'
            )
        return feature

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Precision of a frozen network: weights cast once, without autocast.

Autocast recasts every weight in every pass and normalizes groups in float32. A frozen network has
no use for either: half-precision weights give the same rounding error in about half the time.
"""

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import nn
from torch.amp.autocast_mode import is_autocast_available

from mmdiffrep.utils.checks import one_of

PRECISIONS = ('auto', 'float32', 'bfloat16', 'float16', 'float64')


class FrozenPrecision:
    """The dtype of a frozen network, decided where the network first runs and kept from then on.

    Args:
        name: ``'float32'``, ``'bfloat16'``, ``'float16'`` (``'float64'``, to check numerics), or
            ``'auto'``: the fastest that the device is made for, see :func:`fastest_dtype`. None: as
            loaded on a CPU (float32, the same numbers on every CPU); elsewhere ``'auto'``, unless
            the weights were loaded in half precision.

    Raises:
        ValueError: Another name.
    """

    def __init__(self, name: str | None = None) -> None:
        self.name = None if name is None else one_of('precision', name, PRECISIONS)
        self._settled: torch.dtype | None = None

    @property
    def settled(self) -> bool:
        """Return whether the weights have been cast."""
        return self._settled is not None

    def changes(self, module: nn.Module) -> bool:
        """Return whether settling would round the weights."""
        dtype = self.dtype_of(module)
        return any(weight.dtype != dtype for weight in module.parameters())

    def dtype_of(self, module: nn.Module) -> torch.dtype:
        """Return the dtype that a frozen network computes in, or will at its first pass."""
        if self._settled is not None:
            return self._settled
        dtypes = [weight.dtype for weight in module.parameters()]
        device = next(module.parameters()).device
        if self.name is None and (device.type in ('cpu', 'meta') or torch.float32 not in dtypes):
            return dtypes[0]
        if self.name in (None, 'auto'):
            return fastest_dtype(device)
        return getattr(torch, self.name)

    def changed_to(self, name: str | None, module: nn.Module, source: str) -> 'FrozenPrecision':
        """Return the precision that another reader of the network asks for.

        Args:
            name: See the class.
            module: The network.
            source: What it is called in the message.

        Raises:
            ValueError: An unknown precision, or the weights were cast to another one.
        """
        wanted = FrozenPrecision(name)
        if self._settled is None:
            return wanted
        if name is not None and wanted.dtype_of(module) != self._settled:
            raise ValueError(
                f'{source} already computes in {self.name_of(module)}, which another reader of it '
                f'was given; load it again for precision={name!r}.'
            )
        return self

    def name_of(self, module: nn.Module) -> str:
        """Return :meth:`dtype_of` as text, such as ``'float32'``, for records."""
        return str(self.dtype_of(module)).removeprefix('torch.')

    def settle(self, module: nn.Module) -> None:
        """Cast the weights, unless that has happened; call it when they are where they will run."""
        if self._settled is None:
            dtype = self.dtype_of(module)
            _cast(module, dtype)  # pyright: ignore[reportCallIssue]
            self._settled = dtype

    def frozen_pass(self, module: nn.Module) -> AbstractContextManager[object]:
        """Return the context of a pass: weights cast, the host's autocast off."""
        self.settle(module)
        return no_autocast(next(module.parameters()).device)


def fastest_dtype(device: torch.device) -> torch.dtype:
    """Return the fastest dtype that a device has matrix units for.

    bfloat16 on NVIDIA GPUs from Ampere on (compute capability 8.0) and on CPUs with AMX or
    AVX512-BF16, float16 on Volta and Turing (7.0, 7.5: bfloat16 is emulated there), else float32.
    """
    if device.type == 'cuda':
        major, _ = torch.cuda.get_device_capability(device)
        return {7: torch.float16}.get(major, torch.bfloat16 if major > 7 else torch.float32)
    if device.type == 'cpu' and _cpu_multiplies_bfloat16():
        return torch.bfloat16
    return torch.float32


def no_autocast(device: torch.device) -> AbstractContextManager[object]:
    """Return a context without autocast on a device."""
    if not is_autocast_available(device.type):
        return nullcontext()
    return torch.autocast(device.type, enabled=False)


@torch.compiler.disable
def _cast(module: nn.Module, dtype: torch.dtype) -> None:
    """Cast the weights; bfloat16 ones on a CPU get the layout of oneDNN's faster kernels."""
    module.to(dtype)
    for weight in module.parameters():
        if dtype == torch.bfloat16 and weight.device.type == 'cpu' and weight.ndim == 4:
            weight.data = weight.data.contiguous(memory_format=torch.channels_last)


def _cpu_multiplies_bfloat16() -> bool:
    checks = ('_is_amx_tile_supported', '_is_avx512_bf16_supported')
    return any(getattr(torch.cpu, check, bool)() for check in checks)

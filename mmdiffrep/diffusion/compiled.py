# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""``torch.compile`` for the pass of a frozen network, as one graph.

Only the network is compiled: images are checked, resized and noised before it. Features agree with
those of the pass as it is up to rounding.
"""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, ParamSpec, TypeAlias, TypeVar

import torch
from torch import Tensor
from torch.utils._pytree import tree_map_only

from mmdiffrep.utils.arguments import check_arguments
from mmdiffrep.utils.checks import of_type

P = ParamSpec('P')
R = TypeVar('R')

Compile: TypeAlias = bool | dict[str, Any]
"""Whether to compile, or arguments of ``torch.compile``, such as ``dict(mode='max-autotune')``."""

_CUDA_GRAPHS = ('reduce-overhead', 'max-autotune')  # modes


def one_graph(function: Callable[P, R], compile: Compile) -> Callable[P, R]:
    """Compile a function as one graph, at its first call.

    CUDA graphs overwrite in each call what the one before it returned, so the tensors of their
    results are copied.

    Args:
        function: The function.
        compile: False: it is returned as it is. True, or arguments of ``torch.compile``.

    Raises:
        TypeError: ``compile`` is neither a bool nor a dict.
        ValueError: An argument that ``torch.compile`` does not have, or ``fullgraph``, which is
            always True.
    """
    of_type('compile', compile, bool, dict)
    options: dict[str, Any] = {} if isinstance(compile, bool) else compile
    check_arguments(options, torch.compile, 'compile', hidden=['model', 'fullgraph'])
    if compile is False:
        return function
    graph = torch.compile(function, fullgraph=True, **options)
    if not _has_cuda_graphs(options):
        return graph

    @wraps(function)
    def copied(*args: P.args, **kwargs: P.kwargs) -> R:
        return tree_map_only(Tensor, Tensor.clone, graph(*args, **kwargs))

    return copied


def _has_cuda_graphs(options: Mapping[str, Any]) -> bool:
    asked = options.get('options') or {}
    return (
        options.get('mode') in _CUDA_GRAPHS
        or options.get('backend') == 'cudagraphs'
        or bool(asked.get('triton.cudagraphs'))
    )

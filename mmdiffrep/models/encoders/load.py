# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""From a name such as ``'timm:resnet18'`` to a network."""

from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from typing import Any

from torch import nn

from mmdiffrep.models.encoders.base import LoadedEncoder
from mmdiffrep.models.encoders.timm_encoder import load_timm
from mmdiffrep.models.encoders.torchvision_encoder import load_torchvision
from mmdiffrep.models.encoders.transformers_encoder import load_transformers
from mmdiffrep.utils.checks import of_type, one_of
from mmdiffrep.utils.host_models import load_host_weights

LOADERS: dict[str, Callable[[str, bool, dict[str, Any]], LoadedEncoder]] = {
    'timm': load_timm,
    'torchvision': load_torchvision,
    'transformers': load_transformers,
}


def load_encoder(
    network: str | nn.Module,
    init: str = 'pretrained',
    checkpoint: str | None = None,
    options: dict[str, Any] | None = None,
) -> LoadedEncoder:
    """Build a network.

    Args:
        network: ``'timm:NAME'``, ``'torchvision:NAME'``, ``'transformers:FOLDER'``,
            ``'python:package.module:function'`` (a function without arguments that returns a
            module), or a module.
        init: ``'pretrained'``: the weights of ``checkpoint``, or those of the library;
            ``'random'``: as the library initializes it. A module keeps the weights that it has.
        checkpoint: File of weights that fit key by key; those of a classifier may be there.
        options: Further arguments for the library.

    Raises:
        ImportError: The library is not installed.
        OSError: Weights cannot be fetched or read.
        ValueError: An unknown name, weights that do not fit, or a checkpoint that is not read.
    """
    pretrained = one_of('init', init, ('pretrained', 'random')) == 'pretrained'
    if isinstance(network, nn.Module):
        if checkpoint is not None or options:
            raise ValueError(
                f'A module given in Python keeps its weights: leave out checkpoint={checkpoint!r} '
                f'and options={options!r}.'
            )
        return LoadedEncoder(network, source=f'{type(network).__name__} (given in Python)')
    if checkpoint is not None and not pretrained:
        raise ValueError(
            f"init='random' does not read the checkpoint {checkpoint!r}: leave one of them out."
        )
    library, _, name = of_type('name of a network', network, str).partition(':')
    arguments = of_type('options', options, dict, type(None)) or {}
    if library != 'python' and library not in LOADERS:
        known = ', '.join(f'{key}:' for key in ('python', *LOADERS))
        raise ValueError(f'The name of a network must begin with one of {known}; got {network!r}.')
    try:
        if library == 'python':
            loaded = _from_python(name, arguments)
        else:
            loaded = LOADERS[library](name, pretrained and checkpoint is None, arguments)
    except TypeError as error:
        raise ValueError(f'Check the options {arguments!r} of {network}: {error}') from error
    if pretrained and checkpoint is not None:
        load_host_weights(loaded.network, checkpoint, extra=True)
        loaded = replace(loaded, source=f'{network}={checkpoint}')
    elif not pretrained:
        loaded = replace(loaded, source=f'{network} (random weights)')
    return loaded


def _from_python(name: str, options: dict[str, Any]) -> LoadedEncoder:
    module, _, function = name.rpartition(':')
    try:
        found = getattr(import_module(module), function)
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(
            f"'python:{name}' names no function: expected 'python:package.module:function' "
            f'({error}).'
        ) from error
    network = found(**options)
    if not isinstance(network, nn.Module):
        raise ValueError(f"'python:{name}' returned {type(network).__name__}, not a module.")
    return LoadedEncoder(network, source=f'python:{name}')

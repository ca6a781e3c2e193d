# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Find the config of a host's model, build the model, load its weights."""

from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from mmengine.config import Config, ConfigDict
from mmengine.hub import get_config
from mmengine.registry import DefaultScope
from torch import Tensor, nn

from mmdiffrep.registry import MODELS
from mmdiffrep.utils.checkpoint_io import load_checkpoint_file, load_checkpoint_url
from mmdiffrep.utils.config_path import config_file
from mmdiffrep.utils.state_fit import check_fit, differences
from mmdiffrep.utils.versions import require_host

# Where training codes keep the weights inside a checkpoint.
CONTAINERS = ('state_dict', 'model', 'module')


def find_config(
    config: str | Path | Mapping[str, Any], options: Mapping[str, Any] | None = None
) -> Config:
    """Return a config.

    Args:
        config: A file; the name of a config that comes with mmdiffrep
            (``'repfusion/cifar10_r18_scratch.py'``); the name of a host's config
            (``'mmpretrain::resnet/resnet18_8xb16_cifar10.py'``); or the config itself.
        options: Entries to override, as in ``tools/train.py --cfg-options``.

    Returns:
        Config: A host's config by name says its host as ``default_scope``.

    Raises:
        FileNotFoundError: There is no such config; the message lists the nearest names.
        ImportError: The host is not installed.
    """
    if isinstance(config, Config):
        cfg = config
    elif isinstance(config, Mapping):
        cfg = Config(dict(config))
    else:
        package, separator, _ = str(config).partition('::')
        if separator and package != 'mmdiffrep':
            require_host(package)
            cfg = get_config(str(config))
            cfg.setdefault('default_scope', package)
        else:
            cfg = Config.fromfile(config_file(config))
    if options:
        cfg.merge_from_dict(dict(options))
    return cfg


def model_config(cfg: Config) -> dict[str, Any]:
    """Return the config of the model with its data preprocessor, as a runner builds it."""
    model = cfg.model.to_dict()
    if 'data_preprocessor' in cfg:
        model.setdefault('data_preprocessor', cfg.data_preprocessor.to_dict())
    return model


def build_host_model(cfg: Config) -> nn.Module:
    """Build the model of a config as a runner would, in the scope of its host.

    Raises:
        ImportError: The host is not installed.
    """
    scope = cfg.get('default_scope')
    if scope:
        require_host(scope)
    with DefaultScope.overwrite_default_scope(scope) if scope else nullcontext():
        return MODELS.build(ConfigDict(model_config(cfg)))  # hosts read it by attribute


def load_host_weights(
    model: nn.Module,
    checkpoint: str | Path,
    trust: bool = False,
    prefix: str = '',
    extra: bool = False,
) -> dict[str, Any]:
    """Load a checkpoint into a model; no code in the file is run.

    What identifies the frozen parts of a model (``_extra_state``) may be missing: a run on stored
    features does not know it.

    Args:
        model: The model, or a part of it such as its backbone.
        checkpoint: A ``.pth``, ``.pt`` or ``.safetensors`` file, or its ``http(s)://`` address.
        trust: Also load a file that runs code. Only for files whose origin you trust.
        prefix: If weights start with it, only these are taken, without the prefix.
        extra: Whether the file may have weights that the model has not.

    Returns:
        dict: The whole checkpoint.

    Raises:
        FileNotFoundError: There is no such file.
        pickle.UnpicklingError: Reading it would run code and ``trust`` is False.
        ValueError: The weights do not fit the model, key by key.
    """
    address = str(checkpoint)
    if address.startswith(('http://', 'https://')):
        loaded = load_checkpoint_url(address, 'cpu', trust)
    else:
        loaded = load_checkpoint_file(checkpoint, trust=trust)
    weights = weights_of(loaded, checkpoint)
    if prefix and any(name.startswith(prefix) for name in weights):
        weights = {
            name.removeprefix(prefix): value
            for name, value in weights.items()
            if name.startswith(prefix)
        }
    own = model.state_dict()
    weights = {k: v for k, v in own.items() if k.endswith('_extra_state')} | weights
    problems = differences(own, weights)
    if extra:
        problems = {**problems, 'unexpected': ()}
    network, advice = type(model).__name__, 'Give the config that it was trained with.'
    check_fit(f'The checkpoint {checkpoint}', f'the {network} of its config', problems, advice)
    model.load_state_dict(weights, strict=not extra)
    return loaded


def weights_of(checkpoint: Any, source: str | Path) -> dict[str, Tensor]:
    """Find the state dict in a loaded checkpoint, without the prefix of DDP.

    Args:
        checkpoint: What the file held.
        source: The file, for errors.

    Raises:
        ValueError: There are no weights in it.
    """
    if not isinstance(checkpoint, dict):
        raise ValueError(
            f'{source} holds a {type(checkpoint).__name__}, not a checkpoint: save a state dict, '
            'torch.save(model.state_dict(), ...).'
        )
    for name in CONTAINERS:
        if isinstance(checkpoint.get(name), dict):
            checkpoint = checkpoint[name]
            break
    weights = {
        name.removeprefix('module.'): value
        for name, value in checkpoint.items()
        if isinstance(value, Tensor)
    }
    if not weights:
        raise ValueError(
            f'{source} holds no weights: neither at the top nor under one of {CONTAINERS}. Its '
            f'entries are {sorted(map(str, checkpoint))[:10]}.'
        )
    return weights

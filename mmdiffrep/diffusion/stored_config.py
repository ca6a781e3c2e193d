# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Read the json files of diffusers folders, and refuse sizes that no network has."""

import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

from mmdiffrep.utils.checks import one_of

# A damaged or malicious file must not make us build a network of any size.
_GREATEST = {
    'sample_size': 65_536,
    'in_channels': 65_536,
    'out_channels': 65_536,
    'latent_channels': 65_536,
    'block_out_channels': 65_536,
    'layers_per_block': 256,
    'num_layers': 1024,
    'num_single_layers': 1024,
    'num_attention_heads': 1024,
    'norm_num_groups': 65_536,
    'patch_size': 1024,
    'num_train_timesteps': 1_000_000,
}
_BLOCKS = ('down_block_types', 'up_block_types', 'block_out_channels')


def read_network(folder: Path, kinds: Collection[str], advice: str = '') -> dict[str, Any]:
    """Read the ``config.json`` of a network.

    Args:
        folder: Of the network.
        kinds: Classes of diffusers that it may describe.
        advice: What to do about another class, for the error.

    Raises:
        ValueError: It describes another class; see also :func:`read_json`.
    """
    config = read_json(folder / 'config.json')
    one_of(f"_class_name in '{folder / 'config.json'}'", config.get('_class_name'), kinds, advice)
    return config


def read_json(path: Path) -> dict[str, Any]:
    """Read the config of a network or scheduler.

    Raises:
        ValueError: Not a json object, or a size that is not a positive integer or beyond any
            network; the message names file and key.
    """
    try:
        config = json.loads(path.read_text())
    except ValueError as error:
        raise ValueError(f"'{path}' is damaged or incomplete: {error}. Fetch it again.") from error
    if not isinstance(config, dict) or not config:
        raise ValueError(
            f"'{path}' should hold the keys of a network or scheduler, got {str(config)[:40]!r}. "
            'Fetch it again.'
        )
    for key, greatest in _GREATEST.items():
        value = config.get(key)
        if value is None:
            continue
        numbers = value if isinstance(value, list) and value else [value]
        if any(type(number) is not int or not 1 <= number <= greatest for number in numbers):
            raise ValueError(
                f"'{path}': {key} must be made of integers from 1 to {greatest}, got "
                f'{str(value)[:80]}'
            )
    levels = {key: config[key] for key in _BLOCKS if isinstance(config.get(key), list)}
    if len(set(map(len, levels.values()))) > 1:
        raise ValueError(f"'{path}': one entry per level is expected, got {levels}")
    groups = config.get('norm_num_groups')
    channels = config.get('block_out_channels')
    if groups and isinstance(channels, list) and channels and channels[0] % groups:
        raise ValueError(
            f"'{path}': block_out_channels={channels} must start with a multiple of "
            f'norm_num_groups={groups}'
        )
    return config

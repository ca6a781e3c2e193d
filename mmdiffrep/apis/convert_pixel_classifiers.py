# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Convert the published pixel classifiers of DDPM-Seg to our head."""

import re
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from mmdiffrep.apis.convert_checkpoint import write_weights
from mmdiffrep.datasets.ddpm_seg_classes import DDPM_SEG_PROTOCOLS
from mmdiffrep.models.necks import LazyHypercolumn
from mmdiffrep.utils.checkpoint_io import load_checkpoint_file
from mmdiffrep.utils.checks import equal, one_of

# Official maps: blocks 5, 6, 7, 8 and 12 of ADM-256 at t = 50, then at 150, then at 250.
OFFICIAL_CHANNELS = (1024, 512, 512, 512, 256) * 3
OFFICIAL_STRIDES = (8, 8, 8, 4, 2) * 3
_LINEARS = (0, 3, 6)  # of Linear, ReLU, BatchNorm, Linear, ReLU, BatchNorm, Linear
_NORMS = (2, 5)
_STATISTICS = ('weight', 'bias', 'running_mean', 'running_var')


def convert_pixel_classifiers(
    source: str | Path,
    target: str | Path,
    category: str,
    in_channels: Sequence[int] = OFFICIAL_CHANNELS,
    in_strides: Sequence[int] = OFFICIAL_STRIDES,
) -> int:
    """Write the members of a published ensemble as a checkpoint of ``PixelEnsembleSegmentor``.

    The members' logits stay what they are, up to the order in which the columns are summed:
    columns are reordered, as ``LazyHypercolumn`` joins the maps by stride. The output of a label
    that means "no class" (bedroom_28: the first of 29) is left out: it is never a target, and our
    labels do not have it.

    Args:
        source: Folder of ``model_0.pth``, ``model_1.pth``, ... (``pixel_classifiers.tar``).
        target: ``.pth`` file to write; ``load_from`` and ``tools/test.py`` take it.
        category: The data set, such as ``'bedroom_28'``.
        in_channels: Channels of the maps in the official order. Defaults to the official maps.
        in_strides: Strides of the maps. Defaults to the official strides.

    Returns:
        Number of members.

    Raises:
        FileNotFoundError: The folder has no ``model_<i>.pth``.
        ValueError: An unknown category, or members that do not fit it or the maps.
    """
    protocol = DDPM_SEG_PROTOCOLS[one_of('category', category, DDPM_SEG_PROTOCOLS)]
    files = {
        int(match.group(1)): path
        for path in Path(source).glob('model_*.pth')
        if (match := re.fullmatch(r'model_(\d+)\.pth', path.name))
    }
    if not files:
        raise FileNotFoundError(
            f'{source} has no model_0.pth: give the folder of a data set that '
            'pixel_classifiers.tar of DDPM-Seg unpacks to'
        )
    members = [_load_member(files[number]) for number in sorted(files)]
    columns = _column_order(in_channels, in_strides)
    outputs = len(protocol.classes) + (protocol.unlabeled is not None)
    for number, member in zip(sorted(files), members):
        found = (member['layers.0.weight'].shape[1], member['layers.6.weight'].shape[0])
        equal(f'Inputs and outputs of {files[number]}', found, (len(columns), outputs))
    weights = _stacked(members)
    weights['linears.0.weight'] = weights['linears.0.weight'][:, :, columns]
    if protocol.unlabeled is not None:
        kept = [label for label in range(outputs) if label != protocol.unlabeled]
        for name in ('linears.2.weight', 'linears.2.bias'):
            weights[name] = weights[name][:, kept]
    write_weights(
        {f'decode_head.mlp.{name}': weight.contiguous() for name, weight in weights.items()},
        dict(dataset_meta=dict(classes=protocol.classes)),
        Path(target),
    )
    return len(members)


def _load_member(path: Path) -> dict[str, Tensor]:
    """Return a member's state dict without the prefix of ``DataParallel``."""
    content = load_checkpoint_file(path)
    state = content.get('model_state_dict', content)
    state = {name.removeprefix('module.'): weight for name, weight in state.items()}
    if any(f'layers.{index}.weight' not in state for index in (*_LINEARS, *_NORMS)):
        raise ValueError(
            f'{path} is not a pixel classifier of DDPM-Seg with layers 0, 2, 3, 5 and 6; it has '
            f'{sorted(state)[:6]}'
        )
    return state


def _column_order(in_channels: Sequence[int], in_strides: Sequence[int]) -> Tensor:
    """Return the official column of each of our columns."""
    maps = torch.arange(sum(in_channels)).split(list(in_channels))
    groups = LazyHypercolumn(in_channels, in_strides).groups
    return torch.cat([maps[index] for group in groups for index in group])


def _stacked(members: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
    """Return the state of ``StackedMLP`` for plain members."""

    def stack(layer: int, name: str) -> Tensor:
        return torch.stack([member[f'layers.{layer}.{name}'].float() for member in members])

    weights = {}
    for index, layer in enumerate(_LINEARS):
        weights[f'linears.{index}.weight'] = stack(layer, 'weight')
        weights[f'linears.{index}.bias'] = stack(layer, 'bias')[:, :, None]
    for index, layer in enumerate(_NORMS):
        for name in _STATISTICS:
            weights[f'norms.{index}.{name}'] = stack(layer, name)
    return weights

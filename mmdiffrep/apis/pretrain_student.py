# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""From ``--student`` to the config of a backbone and the layers that are distilled."""

import copy
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

import torch
from mmengine.config import Config, ConfigDict
from mmengine.registry import DefaultScope
from mmengine.utils import get_installed_path
from torch import nn

from mmdiffrep.models.encoders import find_map_layers, is_encoder_name, stages
from mmdiffrep.models.encoders.base import IMAGENET_MEAN, IMAGENET_STD
from mmdiffrep.registry import MODELS
from mmdiffrep.utils.host_models import find_config, model_config
from mmdiffrep.utils.near_names import did_you_mean
from mmdiffrep.utils.pixel_facts import network_normalization

_ADVICE = 'give the student as a backbone config with mean and std'


class Student(NamedTuple):
    """What is trained.

    Attributes:
        backbone (dict): Its config; the type names its library.
        mean (list of float): Of its input, RGB on the 0..255 scale.
        std (list of float): Likewise.
        layers (list of str): Layers of a model with this ``backbone`` that are distilled.
        strides (list of int): Pixels per cell of their maps.
        parameters (int): Their number.
        is_transformer (bool): Whether it has attention over tokens.
    """

    backbone: dict[str, Any]
    mean: list[float]
    std: list[float]
    layers: list[str]
    strides: list[int]
    parameters: int
    is_transformer: bool


def find_student(student: str | Mapping[str, Any], size: int) -> Student:
    """Find the backbone, its normalization and the layers to distill.

    Args:
        student: ``'timm:NAME'`` or ``'torchvision:NAME'``; a config with a ``model.backbone``
            (a file, ``'mmpretrain::resnet/resnet18_8xb32_in1k.py'``); the name of one of
            mmpretrain's (``'resnet18_8xb32_in1k'``); or the config of a backbone.
        size: Side of the images that it will see.

    Raises:
        FileNotFoundError: No such config.
        ImportError: The library of the student is not installed.
        ValueError: No backbone, one that gives no maps, or an unknown normalization.
    """
    mean, std = list(IMAGENET_MEAN), list(IMAGENET_STD)
    if is_encoder_name(student):
        backbone = dict(type='mmdiffrep.LibraryBackbone', name=student)
    elif isinstance(student, Mapping):
        backbone = dict(student)
    else:
        cfg = find_config(_host_config_name(str(student)))
        backbone = _backbone_of(cfg, str(student))
        mean, std = _rgb_normalization(cfg, mean, std)
    with DefaultScope.overwrite_default_scope('mmengine'):
        network = MODELS.build(ConfigDict(copy.deepcopy(backbone)))
    layers = _layers(network, size)
    return Student(
        backbone=backbone,
        mean=mean,
        std=std,
        layers=[name for name, _ in layers],
        strides=[stride for _, stride in layers],
        parameters=sum(parameter.numel() for parameter in network.parameters()),
        is_transformer=any('attn' in name for name, _ in network.named_modules()),
    )


def _host_config_name(student: str) -> str:
    """Complete the bare name of a config of mmpretrain."""
    if '/' in student or '::' in student or student.endswith('.py') or Path(student).exists():
        return student
    if find_spec('mmpretrain') is None:
        raise ImportError(
            f'{student!r} is taken as the name of a config of mmpretrain, which is not installed: '
            "give 'timm:NAME' or 'torchvision:NAME', or install mmpretrain."
        )
    root = Path(get_installed_path('mmpretrain')) / '.mim' / 'configs'
    known = {path.stem: path for path in sorted(root.rglob('*.py'))}
    if student not in known:
        raise FileNotFoundError(
            f'mmpretrain has no config {student!r}.{did_you_mean(student, known)} A network of '
            "another library is given as 'timm:NAME' or 'torchvision:NAME'."
        )
    return f'mmpretrain::{known[student].relative_to(root)}'


def _backbone_of(cfg: Config, name: str) -> dict[str, Any]:
    backbone = model_config(cfg).get('backbone')
    if not backbone:
        raise ValueError(f'{name} has no model.backbone to train.')
    backbone = {key: value for key, value in backbone.items() if key != 'init_cfg'}
    scope = cfg.get('default_scope')
    if scope and '.' not in str(backbone['type']):
        backbone['type'] = f'{scope}.{backbone["type"]}'
    # Detection configs freeze what they expect to be pre-trained.
    free = dict(frozen_stages=-1, norm_eval=False)
    return backbone | {key: value for key, value in free.items() if key in backbone}


def _rgb_normalization(
    cfg: Config, mean: list[float], std: list[float]
) -> tuple[list[float], list[float]]:
    """Return mean and std in the order RGB, in which images are read here."""
    try:
        found = network_normalization(cfg, _ADVICE)
    except ValueError:
        return mean, std
    if found['mean'] is None:
        return [0.0] * 3, [1.0] * 3
    step = -1 if found['channel_order'] == 'bgr' else 1
    return [float(v) for v in found['mean'][::step]], [float(v) for v in found['std'][::step]]


@torch.no_grad()
def _layers(network: nn.Module, size: int) -> list[tuple[str, int]]:
    """Return the layers to distill with their strides: outputs of the backbone, or its stages."""
    training = network.training
    network.eval()  # of the hosts' networks it returns None
    outputs = network(torch.zeros(1, 3, size, size))
    network.train(training)
    outputs = outputs if isinstance(outputs, (tuple, list)) else (outputs,)
    maps = [x.shape[2] if isinstance(x, torch.Tensor) and x.ndim == 4 else 0 for x in outputs]
    if all(maps) and (len(maps) > 1 or hasattr(network, 'layers')):
        return [(f'backbone[{index}]', round(size / side)) for index, side in enumerate(maps)]
    found = find_map_layers(network, lambda module, images: module(images), size)
    if not found:
        raise ValueError(
            f'the student {type(network).__name__} gives no maps (B, C, h, w) of {size} px images: '
            "a vision transformer of mmpretrain does with out_type='featmap'."
        )
    return [(f'backbone.{layer.name}', layer.stride) for layer in stages(found) or found[-1:]]

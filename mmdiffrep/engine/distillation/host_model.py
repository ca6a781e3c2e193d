# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Inspect the host's model: its optimizer, its head, the channels of its layers."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from mmengine.dist import get_world_size
from mmengine.hooks import CheckpointHook
from mmengine.model import MMFullyShardedDataParallel
from mmengine.optim import ApexOptimWrapper, OptimWrapper
from mmengine.runner import Runner
from torch import nn

from mmdiffrep.models.distillers.repfusion_distiller import by_branch
from mmdiffrep.models.layer_taps import LayerTaps
from mmdiffrep.models.mixup_preprocessor import MixupPreprocessor
from mmdiffrep.registry import MODELS
from mmdiffrep.utils.checks import as_many, equal


def check_host(runner: Runner) -> None:
    """Raise a TypeError for a run whose optimizer or model the hook does not support.

    Warn of checkpoints that PyTorch will refuse to resume from.
    """
    optimizer, model = runner.optim_wrapper, runner.model
    # Apex scales the loss by itself: nothing would unscale the distiller's gradients.
    if not isinstance(optimizer, OptimWrapper) or isinstance(optimizer, ApexOptimWrapper):
        raise TypeError(
            f'the run uses {type(optimizer).__name__}; the distillation hook needs one optimizer '
            '(OptimWrapper or AmpOptimWrapper)'
        )
    if isinstance(model, MMFullyShardedDataParallel):
        raise TypeError(
            f'the model is sharded by FSDP1 ({type(model).__name__}), which the distillation '
            "hook does not support: take strategy=dict(type='mmdiffrep.FullyShardStrategy')"
        )
    if any(type(hook) is CheckpointHook for hook in runner.hooks):
        runner.logger.warning(
            "mmengine's CheckpointHook writes files that PyTorch 2.6 and newer refuse to load, so "
            'this run cannot be resumed as usual: set '
            "default_hooks.checkpoint=dict(type='mmdiffrep.AtomicCheckpointHook')"
        )


def warn_of_small_holdout(runner: Runner, holdout: float) -> None:
    """Warn if less than one image of each batch is held out."""
    size = getattr(runner.train_dataloader, 'batch_size', None)
    if holdout and size and holdout * size * get_world_size() < 1:
        runner.logger.warning(
            f'RepFusion: holdout={holdout} holds out less than one image per batch of '
            f'{size * get_world_size()}: most batches reward no policy; raise holdout or the '
            'batch size'
        )


def check_unmixed(model: nn.Module) -> None:
    """Check that the data preprocessor leaves images as they are, whose features are stored.

    Raises:
        ValueError: It mixes them.
    """
    preprocessor = getattr(model, 'data_preprocessor', None)
    augments = getattr(preprocessor, 'batch_augments', None)
    if augments is not None or isinstance(preprocessor, MixupPreprocessor):
        raise ValueError(
            f'{type(augments or preprocessor).__name__} changes images whose features are stored: '
            'leave it out (batch_augments, train_cfg.augments) with a BankTeacher'
        )


def reward_of(model: nn.Module) -> dict[str, object]:
    """Return the config of the reward that fits the host's head.

    ``decode_head`` is mmseg's, ``head`` with ``num_classes`` mmpretrain's and with
    ``out_channels`` mmpose's SimCC and heatmap heads.
    """
    decode_head: Any = getattr(model, 'decode_head', None)
    head: Any = getattr(model, 'head', None)
    if hasattr(decode_head, 'num_classes'):
        return dict(
            type='mmdiffrep.SegmentationReward',
            num_classes=decode_head.num_classes,
            ignore_index=getattr(decode_head, 'ignore_index', 255),
        )
    if hasattr(head, 'num_classes'):
        return dict(type='mmdiffrep.ClassificationReward', num_classes=head.num_classes)
    if hasattr(head, 'simcc_split_ratio'):
        return dict(type='mmdiffrep.SimCCReward', num_keypoints=head.out_channels)
    if hasattr(head, 'out_channels'):
        return dict(type='mmdiffrep.HeatmapReward', num_keypoints=head.out_channels)
    raise TypeError(
        f'no reward is known for {type(model).__name__} '
        f'(decode_head={type(decode_head).__name__}, head={type(head).__name__}): give the hook '
        "reward=dict(type='mmdiffrep.ClassificationReward' | 'mmdiffrep.SegmentationReward' | "
        "'mmdiffrep.HeatmapReward' | 'mmdiffrep.SimCCReward', ...), or one that needs no labels, "
        "'mmdiffrep.InstanceDiscriminationReward' or, if a task is learned, "
        "'mmdiffrep.StudentGainReward'"
    )


def fill_rewards(model: nn.Module, policy: dict, reward: dict | None) -> dict | None:
    """Give every policy that learns and has no reward the one that fits the host's head.

    Args:
        model (nn.Module): The host's model.
        policy (dict): Config of a policy, or several by name.
        reward (dict, optional): Config of a reward, or several by the name of their policy.

    Returns:
        dict or None: The same with what was missing.
    """
    found = {}
    for name, (config, given) in by_branch(policy, reward).items():
        kind = config['type']
        kind = MODELS.get(kind) if isinstance(kind, str) else kind
        # A config that is not a policy is named when the distiller is built.
        if given is None and getattr(kind, 'needs_reward', False):
            given = reward_of(model)
        if given is not None:
            found[name] = given
    return found.get('') if 'type' in policy else found


def channels_by_pair(
    model: nn.Module,
    layers: Sequence[Sequence[str]],
    given: Sequence[int | Sequence[int] | None],
) -> list[tuple[int, ...]]:
    """Return the channels of every pair's student layers.

    Args:
        model (nn.Module): The host's model, without DDP.
        layers (sequence): The student layers of every pair.
        given (sequence): The channels of every pair as the config has them, or None.

    Raises:
        ValueError: A pair has another number of channels than of layers, or channels are neither
            given nor found.
    """
    known = [tuple(np.atleast_1d(n).tolist()) for n in given if n is not None]
    if len(known) < len(given):
        probed = iter(student_channels(model, [name for names in layers for name in names]))
        found = [tuple(next(probed) for _ in names) for names in layers]
        for index, (numbers, right) in enumerate(zip(given, found)):
            stated = list(right) if numbers is None else np.atleast_1d(numbers).tolist()
            layer = f'pairs[{index}]: student_channels of {list(layers[index])}'
            equal(layer, stated, list(right), 'Leave it out, as it is found.')
        return found
    for index, (names, numbers) in enumerate(zip(layers, known)):
        as_many(f'pairs[{index}]: student_channels', numbers, f'the layers {list(names)}', names)
    return known


@torch.no_grad()
def student_channels(
    model: nn.Module, names: Sequence[str], image_size: int = 128
) -> tuple[int, ...]:
    """Find the channels of student layers by one forward pass on an empty image.

    The pass runs in eval mode under a forked random state, so nothing changes.

    Args:
        model (nn.Module): The host's model, without DDP.
        names (sequence of str): Student layers, see :class:`LayerTaps`.
        image_size (int): Side of the image. Defaults to 128.

    Raises:
        ValueError: The model cannot take such an image, a layer does not run, or its output is
            not a feature, or has no such index.
    """
    training = {name: module.training for name, module in model.named_modules()}
    device = next(model.parameters()).device
    taps = LayerTaps(model, names)
    taps.attach()
    passed = False
    try:
        with torch.random.fork_rng(devices=[device] if device.type == 'cuda' else []):
            model.eval()
            model(torch.zeros(1, 3, image_size, image_size, device=device), None, mode='tensor')
        passed = True
        return tuple(feature.shape[1] for feature in taps.take(batch_size=1))
    except (RuntimeError, ValueError, TypeError, AssertionError) as error:
        if passed and isinstance(error, ValueError):  # nor is the layer a feature in training
            raise
        raise ValueError(
            f'the channels of the student layers {list(names)} could not be found by passing an '
            f'empty {image_size} px image through {type(model).__name__} ({error}): give '
            'student_channels=... in each pair'
        ) from error
    finally:
        taps.detach()
        for name, module in model.named_modules():
            module.training = training[name]

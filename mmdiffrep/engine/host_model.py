# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""What a hook has to find out about the host's model."""

from typing import Dict, Sequence, Tuple

import torch
from mmengine.config import Config
from torch import nn

from mmdiffrep.models.distillers import StudentTaps


def normalisation_of(model: nn.Module, cfg: Config) -> Dict[str, object]:
    """Returns the normalisation that the host's data preprocessor applies.

    Mean and std are read from the preprocessor, the channel order from its config: the hosts
    keep it under different names and load images as BGR (mmcv's default).

    Args:
        model (nn.Module): The host's model with a ``data_preprocessor``.
        cfg (Config): The run's config.

    Returns:
        dict: ``mean`` and ``std`` (lists of 3 numbers on the 0..255 scale, or None) and
        ``channel_order`` (``'rgb'`` or ``'bgr'``) of the tensors that the model sees.

    Raises:
        TypeError: The model has no data preprocessor.
        ValueError: The config does not describe it, so the channel order is unknown.
    """
    preprocessor = getattr(model, 'data_preprocessor', None)
    if preprocessor is None:
        raise TypeError(
            f'{type(model).__name__} has no data_preprocessor, so its normalisation is unknown: '
            "give the hook normalisation=dict(mean=..., std=..., channel_order='rgb' or 'bgr')"
        )
    settings = cfg.get('model', {}).get('data_preprocessor') or cfg.get('data_preprocessor')
    if not settings:
        raise ValueError(
            "the run's config has no data_preprocessor, so the channel order of the student's "
            'images is unknown: give the hook normalisation=dict(mean=..., std=..., '
            "channel_order='rgb' or 'bgr')"
        )
    to_rgb = bool(settings.get('to_rgb') or settings.get('bgr_to_rgb'))
    mean, std = getattr(preprocessor, 'mean', None), getattr(preprocessor, 'std', None)
    return dict(
        mean=None if mean is None else mean.flatten().tolist(),
        std=None if std is None else std.flatten().tolist(),
        channel_order='rgb' if to_rgb else 'bgr',
    )


def reward_of(model: nn.Module) -> Dict[str, object]:
    """Returns the config of the reward that fits the host's head.

    ``decode_head`` is mmseg's, ``head`` with ``num_classes`` mmpretrain's and with
    ``out_channels`` mmpose's heatmap heads.
    """
    decode_head, head = getattr(model, 'decode_head', None), getattr(model, 'head', None)
    if hasattr(decode_head, 'num_classes'):
        return dict(
            type='mmdiffrep.SegmentationReward',
            num_classes=decode_head.num_classes,
            ignore_index=getattr(decode_head, 'ignore_index', 255),
        )
    if hasattr(head, 'num_classes'):
        return dict(type='mmdiffrep.ClassificationReward', num_classes=head.num_classes)
    if hasattr(head, 'out_channels'):
        return dict(type='mmdiffrep.HeatmapReward', num_keypoints=head.out_channels)
    raise TypeError(
        f'no reward is known for {type(model).__name__} '
        f'(decode_head={type(decode_head).__name__}, head={type(head).__name__}): give the hook '
        "reward=dict(type='mmdiffrep.ClassificationReward' | 'mmdiffrep.SegmentationReward' | "
        "'mmdiffrep.HeatmapReward', ...)"
    )


@torch.no_grad()
def student_channels(
    model: nn.Module, names: Sequence[str], image_size: int = 128
) -> Tuple[int, ...]:
    """Finds the channels of student layers by one forward pass on an empty image.

    The pass runs in eval mode under a forked random state, so it leaves no trace.

    Args:
        model (nn.Module): The host's model, without DDP.
        names (sequence of str): Student layers, see :class:`StudentTaps`.
        image_size (int): Side of the image. Defaults to 128.
    """
    training = {name: module.training for name, module in model.named_modules()}
    device = next(model.parameters()).device
    taps = StudentTaps(model, names)
    taps.attach()
    try:
        with torch.random.fork_rng(devices=[device] if device.type == 'cuda' else []):
            model.eval()
            model(torch.zeros(1, 3, image_size, image_size, device=device), None, mode='tensor')
        return tuple(feature.shape[1] for feature in taps.take(batch_size=1))
    except (RuntimeError, ValueError, TypeError, AssertionError) as error:
        raise ValueError(
            f'the channels of the student layers {list(names)} could not be found by passing an '
            f'empty {image_size} px image through {type(model).__name__} ({error}): give '
            'student_channels=... in each pair'
        ) from error
    finally:
        taps.detach()
        for name, module in model.named_modules():
            module.training = training[name]

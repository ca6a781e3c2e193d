# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Find the normalization of the images that a host's model is given."""

from mmengine.config import Config
from torch import nn

from mmdiffrep.diffusion.input_range import DenoiserInput
from mmdiffrep.utils.checks import about, of_type
from mmdiffrep.utils.pixel_facts import network_normalization, preprocessor_of

KEYS = {'mean', 'std', 'channel_order'}
INSTEAD = "give normalization=dict(mean=..., std=..., channel_order='rgb' or 'bgr')"


def normalization_of(model: nn.Module, cfg: Config) -> dict[str, object]:
    """Return the normalization of the images that the host's model is given.

    Mean and std are those of the data preprocessor, and of the pipeline if it normalizes. The
    channel order follows from data set, pipeline and preprocessor.

    Args:
        model (nn.Module): The host's model with a ``data_preprocessor``.
        cfg (Config): The run's config.

    Returns:
        dict: ``mean`` and ``std`` (lists of 3 numbers on the 0..255 scale, or None) and
        ``channel_order`` (``'rgb'`` or ``'bgr'``) of the tensors that the model sees.

    Raises:
        TypeError: The model has no data preprocessor.
        ValueError: The config has no preprocessor, or the channel order of the images is unknown,
            see :func:`~mmdiffrep.utils.pixel_facts.channel_order_of`.
    """
    preprocessor = getattr(model, 'data_preprocessor', None)
    if preprocessor is None:
        raise TypeError(
            f'{type(model).__name__} has no data_preprocessor, so its normalization is unknown: '
            f'{INSTEAD}'
        )
    if not preprocessor_of(cfg):
        raise ValueError(
            'the config has no data_preprocessor, so the channel order of the images is unknown: '
            f'{INSTEAD}'
        )
    mean, std = getattr(preprocessor, 'mean', None), getattr(preprocessor, 'std', None)
    mean, std = (None if x is None else x.flatten().tolist() for x in (mean, std))
    return network_normalization(cfg, INSTEAD, mean, std)


def check_normalization(settings: dict) -> None:
    """Check what a user gives in place of :func:`normalization_of`.

    Args:
        settings (dict): ``channel_order``, and ``mean`` and ``std`` (three numbers each on the
            0..255 scale), both or neither.

    Raises:
        ValueError: A key that is missing or unknown, or values that
            :class:`~mmdiffrep.diffusion.input_range.DenoiserInput` refuses.
    """
    if not {'channel_order'} <= set(of_type('normalization', settings, dict)) <= KEYS:
        raise ValueError(
            "normalization needs 'channel_order' and may have 'mean' and 'std', got "
            f'{dict(settings)!r}'
        )
    with about('normalization'):
        DenoiserInput(**settings)  # checks the values

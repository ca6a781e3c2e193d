# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Which normalization a host's data preprocessor applies to its images."""

from mmengine.config import Config
from torch import nn

from mmdiffrep.diffusion.input_range import DenoiserInput
from mmdiffrep.utils.channel_order import network_order_of, preprocessor_of

KEYS = {'mean', 'std', 'channel_order'}
INSTEAD = "give normalization=dict(mean=..., std=..., channel_order='rgb' or 'bgr')"


def normalization_of(model: nn.Module, cfg: Config) -> dict[str, object]:
    """Return the normalization that the host's data preprocessor applies.

    Mean and std are read from the preprocessor, the channel order from the config: the hosts keep
    it under different names, and it depends on the data set as well.

    Args:
        model (nn.Module): The host's model with a ``data_preprocessor``.
        cfg (Config): The run's config.

    Returns:
        dict: ``mean`` and ``std`` (lists of 3 numbers on the 0..255 scale, or None) and
        ``channel_order`` (``'rgb'`` or ``'bgr'``) of the tensors that the model sees.

    Raises:
        TypeError: The model has no data preprocessor.
        ValueError: The config does not describe it, or it cannot be told in which order the images
            are loaded, see :func:`~mmdiffrep.utils.channel_order.channel_order_of`.
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
    return dict(
        mean=None if mean is None else mean.flatten().tolist(),
        std=None if std is None else std.flatten().tolist(),
        channel_order=network_order_of(cfg, INSTEAD),
    )


def check_normalization(settings: dict) -> None:
    """Check what a user gives in place of :func:`normalization_of`.

    Args:
        settings (dict): ``channel_order``, and ``mean`` and ``std`` (three numbers each on the
            0..255 scale), both or neither.

    Raises:
        ValueError: A key that is missing or unknown, or values that
            :class:`~mmdiffrep.diffusion.input_range.DenoiserInput` refuses.
    """
    if not {'channel_order'} <= set(settings) <= KEYS:
        raise ValueError(
            "normalization needs 'channel_order' and may have 'mean' and 'std', got the keys "
            f'{sorted(settings)}'
        )
    DenoiserInput(**settings)  # checks the values

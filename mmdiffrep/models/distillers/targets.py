# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Scale a teacher's features before a student is compared with them.

The scale of a feature changes with network, tap and timestep, and a few channels are much larger
than the rest; a plain distance then sees those alone.
"""

import torch
from mmengine.dist import all_reduce
from torch import Tensor, nn

from mmdiffrep.registry import MODELS
from mmdiffrep.utils.checks import integer, one_of, positive, within


class RunningTarget(nn.Module):
    """Base of the scalings that measure the features: a mean and a mean square by channel.

    The statistics are a cumulative average at first and an exponential one after ``1 / momentum``
    batches; they are averaged over all ranks, so that many processes see what one process with the
    whole batch would see.

    Args:
        channels (int): Channels of the feature.
        momentum (float): Weight of a new batch in the long run. Defaults to 0.01.
        eps (float): Added to the variance. Defaults to 1e-6.
        freeze_after (int, optional): Batches after which the statistics stay as they are, so that
            the student's target stands still. Defaults to None: never (EUPE: about 500).
    """

    def __init__(
        self,
        channels: int,
        momentum: float = 0.01,
        eps: float = 1e-6,
        freeze_after: int | None = None,
    ) -> None:
        super().__init__()
        self.momentum = within('momentum', momentum, 0, 1, open_low=True)
        self.eps = positive('eps', eps)
        self.freeze_after = (
            None if freeze_after is None else integer('freeze_after', freeze_after, 1)
        )
        for name, value in self.initial(channels).items():
            self.register_buffer(name, value)

    @staticmethod
    def initial(channels: int) -> dict[str, Tensor]:
        """Return the statistics before the first batch."""
        return dict(
            mean=torch.zeros(channels),
            square=torch.ones(channels),
            num_batches=torch.zeros((), dtype=torch.long),
        )

    @torch.no_grad()
    def update(self, feature: Tensor) -> None:
        """Add a batch ``(B, channels, h, w)`` to the statistics, unless they are frozen."""
        moments = torch.stack([feature.mean(dim=(0, 2, 3)), feature.square().mean(dim=(0, 2, 3))])
        all_reduce(moments, op='mean')
        weight = torch.clamp(1.0 / (self.num_batches + 1), min=self.momentum)
        if self.freeze_after is not None:
            weight = torch.where(self.num_batches < self.freeze_after, weight, 0.0)
        self.num_batches += 1
        self.mean.lerp_(moments[0], weight)
        self.square.lerp_(moments[1], weight)

    @property
    def variance(self) -> Tensor:
        """Running variance of every channel, ``(channels,)``."""
        return (self.square - self.mean.square()).clamp(min=0)


@MODELS.register_module()
class ChannelStandardizer(RunningTarget):
    """Standardizes every channel by its running mean and variance; see :class:`RunningTarget`."""

    @torch.no_grad()
    def forward(self, feature: Tensor) -> Tensor:
        """Standardize ``(B, channels, h, w)``; in training mode update the statistics."""
        if self.training:
            self.update(feature)
        scale = (self.variance + self.eps).rsqrt()
        return (feature - self.mean[:, None, None]) * scale[:, None, None]


@MODELS.register_module()
class LayerNormTarget(nn.Module):
    """Normalizes every image by itself: mean 0 and variance 1, without statistics or parameters.

    Args:
        channels (int): Channels of the feature; any.
        over (str): What is normalized together: ``'map'``, all channels and pixels of an image, or
            ``'pixel'``, the channels of a pixel. DreamTeacher does not say which. Defaults to
            ``'map'``.
        eps (float): Added to the variance. Defaults to 1e-6.
    """

    def __init__(self, channels: int, over: str = 'map', eps: float = 1e-6) -> None:
        super().__init__()
        self.dims = {'map': (1, 2, 3), 'pixel': (1,)}[one_of('over', over, ('map', 'pixel'))]
        self.eps = positive('eps', eps)

    @torch.no_grad()
    def forward(self, feature: Tensor) -> Tensor:
        """Normalize ``(B, channels, h, w)``."""
        variance, mean = torch.var_mean(feature, dim=self.dims, keepdim=True, correction=0)
        return (feature - mean) * (variance + self.eps).rsqrt()


@MODELS.register_module()
class PHIStandardizer(RunningTarget):
    """PHI-S (Ranzinger et al., 2024): rotate so that all channels vary alike, then one scale.

    A scale per channel amplifies the channels that hardly vary. Here the channels are rotated to
    the principal axes and mixed evenly by a Hadamard matrix; one common scale then gives each a
    variance of 1, and distances keep their proportions. If the number of channels is not a power
    of two, its odd factor is mixed by a Hartley matrix; the larger it is, the less even the mix.

    The rotation is that of the first batch, which needs more pixels than channels; mean and scale
    run on, see :class:`RunningTarget`. For ``'l2'`` and ``'cosine'`` the rotation changes nothing.
    """

    @staticmethod
    def initial(channels: int) -> dict[str, Tensor]:
        """Return the statistics before the first batch."""
        return {**RunningTarget.initial(channels), 'rotation': torch.eye(channels)}

    @torch.no_grad()
    def forward(self, feature: Tensor) -> Tensor:
        """Scale ``(B, channels, h, w)``; in training mode update the statistics.

        Raises:
            ValueError: The first batch has fewer pixels than channels.
        """
        if self.training:
            if self.num_batches == 0:
                self.rotation.copy_(even_rotation(feature))
            self.update(feature)
        scale = (self.variance.mean() + self.eps).rsqrt()
        centered = (feature - self.mean[:, None, None]) * scale
        return torch.einsum('ij,bjhw->bihw', self.rotation, centered)


def even_rotation(feature: Tensor) -> Tensor:
    """Return the rotation ``(C, C)`` after which the channels of ``(B, C, h, w)`` vary alike.

    Raises:
        ValueError: Fewer pixels than channels.
    """
    rows = feature.double().transpose(0, 1).flatten(1)
    channels, samples = rows.shape
    if samples <= channels:
        raise ValueError(
            f"target='phi_s' needs more pixels in a batch than channels to find their axes, got "
            f'{samples} pixels of {channels} channels: tap a larger map, raise the batch size, or '
            "use target='channel'"
        )
    moments = torch.cat([rows @ rows.T / samples, rows.mean(1, keepdim=True)], dim=1)
    all_reduce(moments, op='mean')
    second, mean = moments[:, :-1], moments[:, -1]
    axes = torch.linalg.eigh(second - torch.outer(mean, mean)).eigenvectors
    return (_even_mixing(channels).to(axes) @ axes.T).to(feature)


def _even_mixing(size: int) -> Tensor:
    """Orthogonal matrix of evenly large entries: Hadamard times Hartley of the odd factor."""
    power = size & -size  # the largest power of two that divides it
    from scipy.linalg import hadamard  # which reading features alone does not install

    odd = size // power
    angles = 2 * torch.pi / odd * torch.outer(torch.arange(odd), torch.arange(odd)).double()
    hartley = (angles.cos() + angles.sin()) / odd**0.5
    return torch.kron(torch.from_numpy(hadamard(power)).double() / power**0.5, hartley)

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""One comparison of student features with one teacher tap."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from mmdiffrep.models.losses.base import DistillationLoss, LossSum
from mmdiffrep.registry import MODELS, build_part
from mmdiffrep.utils.arguments import check_arguments
from mmdiffrep.utils.checks import equal, list_of, of_type, one_of

# What scales a teacher's feature, by the name in a config.
TARGETS = {
    'none': None,
    'channel': 'mmdiffrep.ChannelStandardizer',
    'layer_norm': 'mmdiffrep.LayerNormTarget',
    'phi_s': 'mmdiffrep.PHIStandardizer',
}


class FeaturePair(nn.Module):
    """Compare student features with one teacher tap: connector, target scaling and loss.

    Args:
        student_channels (sequence of int): Channels of the student's features.
        teacher_channels (int): Channels of the teacher's tap.
        loss (dict or list of dict): Config of the loss, e.g.
            ``dict(type='mmdiffrep.DenseFeatureLoss')``; or several, which are added up on the
            output of one connector, each with its ``loss_weight``.
        standardize (bool): The same as ``target='channel'``. Defaults to False (official).
        connector (str or dict): ``'auto'``: none for a loss that needs none, else a
            ``ConvConnector`` for one student feature and a ``HypercolumnConnector`` for several,
            both 1x1 convolutions; ``'none'``; or the config of one, without its channels. Defaults
            to ``'auto'`` (official).
        target (str or dict): How the teacher's feature is scaled first; for a loss that pools, its
            average over the pixels: ``'none'`` (official), ``'channel'``, ``'layer_norm'``
            (DreamTeacher) or ``'phi_s'`` (RADIO), or ``dict(type='channel', freeze_after=500)``,
            see :mod:`mmdiffrep.models.distillers.targets`. Defaults to ``'none'``.
        balance (bool): Divide the loss by that of predicting the batch's mean feature, so that
            those of several teachers and taps weigh the same. Defaults to False.
        name (str): Name of this pair in errors. Defaults to ``'pair'``.

    Raises:
        TypeError, ValueError: Loss, connector and channels do not go together.
    """

    def __init__(
        self,
        student_channels: Sequence[int],
        teacher_channels: int,
        loss: dict | Sequence[dict],
        standardize: bool = False,
        connector: str | dict = 'auto',
        target: str | dict = 'none',
        balance: bool = False,
        name: str = 'pair',
    ) -> None:
        super().__init__()
        self.name = name
        self.student_channels = tuple(student_channels)
        self.teacher_channels = teacher_channels
        self.loss = self._build_loss(loss)
        if of_type(f'{name}: standardize', standardize, bool):
            advice = "standardize=True is target='channel': leave one of them out."
            one_of(f'{name}: target with standardize', target, ['none'], advice)
            target = 'channel'
        self.target = build_target(target, teacher_channels, name)
        if not isinstance(self.target, nn.Identity) and not self.loss.standardizes:
            losses = self.loss.losses if isinstance(self.loss, LossSum) else [self.loss]
            kinds = ', '.join(type(item).__name__ for item in losses)
            raise ValueError(
                f'{name}: a scaled target does not suit {kinds}: a loss on logits compares what '
                'the channels stand for, and losses on maps and on averages need a scale each: '
                'leave out standardize and target, or make two pairs.'
            )
        self.balance = of_type(f'{name}: balance', balance, bool)
        if balance and not self.loss.explains:
            raise ValueError(
                f'{name}: balance=True needs a loss that compares each image with its target, not '
                'images with one another: leave it out, and set loss_weight.'
            )
        if connector == 'none' or (connector == 'auto' and not self.loss.needs_connector):
            self._check_no_connector()
            self.connector = nn.Identity()
        else:
            self.connector = self._build_connector(connector)

    def _build_loss(self, config: dict | Sequence[dict]) -> DistillationLoss:
        key = f'{self.name}: loss'
        configs = [config] if isinstance(config, dict) else of_type(key, config, list, tuple, dict)
        losses = [build_part(MODELS, item, key) for item in configs]
        list_of(key, losses, DistillationLoss)
        return losses[0] if len(losses) == 1 else LossSum(losses)

    def _check_no_connector(self) -> None:
        loss, channels = type(self.loss).__name__, self.student_channels
        name = f'{self.name}: {loss} without a connector'
        equal(f'{name}: its student layers', len(channels), 1, 'Give each layer a pair.')
        if self.loss.same_channels:
            advice = 'Tap layers with equal channels (for soft targets, the logits of both)'
            advice += ", or leave out connector='none'." if self.loss.needs_connector else '.'
            equal(f'{name}: its student channels', channels[0], self.teacher_channels, advice)

    def _build_connector(self, connector: str | dict) -> nn.Module:
        channels = self.student_channels
        if connector == 'auto':
            kind = 'ConvConnector' if len(channels) == 1 else 'HypercolumnConnector'
            connector = dict(type=f'mmdiffrep.{kind}')
        of_type(f"{self.name}: a connector other than 'auto' and 'none'", connector, dict)
        in_channels = channels[0] if len(channels) == 1 else channels
        try:
            return build_part(
                MODELS,
                connector,
                f'{self.name}: connector',
                in_channels=in_channels,
                out_channels=self.teacher_channels,
            )
        except TypeError as error:
            raise ValueError(
                f'{self.name}: the connector {dict(connector)} cannot be built for '
                f'{len(channels)} student layer(s) with {channels} channels ({error}): '
                'ConvConnector and MLPConnector take one layer, HypercolumnConnector several'
            ) from error

    def forward(
        self, student: Sequence[Tensor], teacher: Tensor, t: Tensor | None = None
    ) -> Tensor:
        """Return the loss, a scalar; see :meth:`compare`."""
        return self.compare(student, teacher, t)[0]

    def compare(
        self, student: Sequence[Tensor], teacher: Tensor, t: Tensor | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """Return the loss and the share of the teacher's feature that the student explains.

        The share is 1 - loss / (loss of predicting the batch's mean feature): 1 for a perfect
        student, 0 for one that knows nothing about the image, negative for a worse one.

        Args:
            student (sequence of Tensor): Maps ``(B, C, h, w)`` or vectors ``(B, C)``, which count
                as maps of one pixel.
            teacher (Tensor): ``(B, C', h', w')`` or ``(B, C')``.
            t (Tensor, optional): The timesteps ``(B,)`` that the teacher was read at, for a
                connector that is told them.

        Returns:
            tuple: Loss, a scalar, and the share, a scalar without gradient; None for losses that
            compare images with one another.

        Raises:
            ValueError: A student feature has other channels than was said, or the loss cannot
                compare features of these shapes.
        """
        features = [_as_map(feature).float() for feature in student]
        channels = tuple(feature.shape[1] for feature in features)
        advice = 'Correct or leave out its student_channels.'
        equal(f'{self.name}: channels of the student', channels, self.student_channels, advice)
        given = features[0] if len(features) == 1 else features
        target = _as_map(teacher).float()
        if self.loss.pools:
            target = target.mean(dim=(2, 3), keepdim=True)
        target = self.target(target)
        if getattr(self.connector, 'told_timestep', False):
            feature = self.connector(given, t)
        elif getattr(self.connector, 'told_size', False):
            feature = self.connector(given, tuple(target.shape[-2:]))
        else:
            feature = self.connector(given)
        try:
            loss = self.loss(feature, target)
        except ValueError as error:
            raise ValueError(f'{self.name}: {error}') from error
        if not self.loss.explains:
            return loss, None
        worst = self._loss_of_mean(target)
        share = torch.where(worst > 0, 1 - loss.detach() / worst.clamp(min=1e-12), 0.0)
        return (loss / worst.clamp(min=1e-12) if self.balance else loss), share

    @torch.no_grad()
    def _loss_of_mean(self, target: Tensor) -> Tensor:
        mean = target.mean(dim=(0, 2, 3), keepdim=True).expand_as(target)
        return self.loss(mean, target)


def _as_map(feature: Tensor) -> Tensor:
    return feature[:, :, None, None] if feature.dim() == 2 else feature


def build_target(target: str | dict, channels: int, name: str = 'pair') -> nn.Module:
    """Build a scaling.

    Args:
        target: ``'none'``, ``'channel'``, ``'layer_norm'`` or ``'phi_s'``, or a dict with one of
            these as ``type`` and its arguments, e.g. ``dict(type='channel', freeze_after=500)``.
        channels: Channels of the teacher's tap.
        name: Of the pair, for errors.

    Raises:
        TypeError, ValueError: Unknown type or argument.
    """
    args: dict[str, Any] = (
        {'type': target}
        if isinstance(target, str)
        else dict(of_type(f'{name}: target', target, str, dict))
    )
    if 'type' not in args:
        raise ValueError(f'{name}: target needs a `type`, one of {list(TARGETS)}, got {target!r}.')
    registered = TARGETS[one_of(f'{name}: target', args.pop('type'), TARGETS)]
    if registered is None:
        check_arguments(args, lambda: None, f"{name}: target 'none'")
        return nn.Identity()
    kind = MODELS.get(registered)
    check_arguments(args, kind, f'{name}: target', hidden=('channels',))
    return kind(channels, **args)

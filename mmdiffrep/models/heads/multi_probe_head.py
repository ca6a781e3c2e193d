# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Many linear probes of one frozen backbone in a single training run."""

from collections.abc import Sequence

import torch
from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn import functional as F

from mmdiffrep.registry import MODELS
from mmdiffrep.utils.checks import as_many, equal, integer, list_of, one_of

ADVICE = (
    'Let taps, timesteps and in_channels be those of the backbone, and pool its maps by a neck.'
)


@MODELS.register_module()
class MultiProbeHead(BaseModule):
    """One linear classifier for every timestep and tap of a ``DPMBackbone``, side by side.

    Equals the grid mode of DDAE (Xiang et al., ICCV 2023; https://github.com/FutureXiang/ddae): the
    features of one pass train all probes, each by its own cross-entropy. A prediction has the
    classes of all probes, which ``mmdiffrep.MultiProbeAccuracy`` compares; the host's metrics see
    the classes of one probe.

    Args:
        num_classes (int): Number of classes.
        in_channels (sequence of int): Length of the vectors of each tap.
        taps (sequence of str): Names of the taps, in the backbone's order.
        timesteps (sequence of int): Timesteps of the backbone, in its order.
        shown (str, optional): The probe whose classes are the prediction for the host, such as
            ``'t10/dec.5'``. Defaults to None: the first one.
        standardize (bool): Normalize the vectors by a BatchNorm without scale and shift, so that
            one learning rate suits taps of any scale. Defaults to False (official: False).
        init_cfg (dict, optional): mmengine's initialization config. Defaults to None:
            ``nn.Linear``'s own (official).

    Attributes:
        names (tuple of str): Names of the probes, ``'t<timestep>/<tap>'``.

    Raises:
        ValueError: No timesteps, taps and channels that differ in number, an unknown ``shown``, or
            fewer than two classes.
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: Sequence[int],
        taps: Sequence[str],
        timesteps: Sequence[int],
        shown: str | None = None,
        standardize: bool = False,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        for width in list_of('in_channels', in_channels, int):
            integer('in_channels', width, 1)
        list_of('taps', taps, str)
        list_of('timesteps', timesteps, int)
        as_many('in_channels', in_channels, 'taps', taps)
        self.num_classes = integer('num_classes', num_classes, 2)
        self.in_channels = tuple(in_channels) * len(timesteps)
        self.names = tuple(f't{t}/{tap}' for t in timesteps for tap in taps)
        self._shown = self.names.index(one_of('shown', shown or self.names[0], self.names))
        self.probes = nn.ModuleList([nn.Linear(width, num_classes) for width in self.in_channels])
        self.norms = nn.ModuleList(
            nn.BatchNorm1d(width, affine=False) if standardize else nn.Identity()
            for width in self.in_channels
        )

    def forward(self, features: tuple[Tensor, ...]) -> Tensor:
        """Compute the scores of all probes.

        Args:
            features (tuple of Tensor): ``(B, C)``, all taps of the first timestep first.

        Returns:
            Tensor: ``(P, B, num_classes)``.

        Raises:
            ValueError: Wrong number or length of vectors.
        """
        shapes = [tuple(vectors.shape[1:]) for vectors in features]
        equal(f'Vectors for {self.names}', shapes, [(width,) for width in self.in_channels], ADVICE)
        return torch.stack(
            [probe(norm(x)) for probe, norm, x in zip(self.probes, self.norms, features)]
        )

    def loss(self, features: tuple[Tensor, ...], data_samples: list) -> dict[str, Tensor]:
        """Sum the cross-entropies of all probes, so that each has its own gradient.

        Args:
            features (tuple of Tensor): See :meth:`forward`.
            data_samples (list): mmpretrain's data samples with ``gt_label``.

        Returns:
            dict: ``loss``, and ``accuracy_best``, the accuracy of the best probe on the batch in
            percent.

        Raises:
            ValueError: The images are mixed (``gt_score``) and have no single class.
        """
        if 'gt_score' in data_samples[0]:
            raise ValueError('MultiProbeHead takes one class per image: no batch augmentation')
        labels = torch.cat([sample.gt_label for sample in data_samples]).to(features[0].device)
        scores = self(features)
        loss = sum(F.cross_entropy(score, labels) for score in scores)
        right = (scores.detach().argmax(2) == labels).float().mean(1)
        return dict(loss=loss, accuracy_best=right.max() * 100)

    def predict(self, features: tuple[Tensor, ...], data_samples: list | None = None) -> list:
        """Classify images.

        Args:
            features (tuple of Tensor): See :meth:`forward`.
            data_samples (list, optional): Defaults to None: new ones.

        Returns:
            list: Data samples with ``probe_labels`` (P,), the classes of all probes, and
            ``pred_label`` and ``pred_score`` of the probe ``shown``.
        """
        from mmpretrain.structures import DataSample

        scores = self(features)
        classes = scores.argmax(2).T
        shown = scores[self._shown].softmax(1)
        samples = data_samples or [None] * len(shown)
        samples = [DataSample() if sample is None else sample for sample in samples]
        for sample, score, labels in zip(samples, shown, classes):
            sample.set_pred_score(score).set_pred_label(labels[self._shown])
            sample.set_field(labels, 'probe_labels')
            sample.set_field(self.names, 'probe_names', field_type='metainfo')
        return samples

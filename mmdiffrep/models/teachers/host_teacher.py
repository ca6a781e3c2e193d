# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""A trained model of a host as the teacher, in place of a diffusion model."""

from collections.abc import Sequence

import torch
from torch import Tensor

from mmdiffrep.diffusion.input_range import DenoiserInput
from mmdiffrep.diffusion.noise import Generators
from mmdiffrep.diffusion.precision import FrozenPrecision
from mmdiffrep.diffusion.weights import hash_weights
from mmdiffrep.models.layer_taps import LayerTaps
from mmdiffrep.models.teachers.base import Teacher
from mmdiffrep.models.teachers.normalization import check_normalization, normalization_of
from mmdiffrep.registry import MODELS
from mmdiffrep.utils.host_models import build_host_model, find_config, load_host_weights

PROBE_SIZE = 64  # px; big enough for a stride of 32, small enough for any CPU


@MODELS.register_module()
class HostTeacher(Teacher):
    """Reads layers of a trained mmpretrain, mmseg or mmpose model; timesteps are ignored.

    The student's normalization is undone, and the model sees the images in its own. The checkpoint
    must exist and fit, key by key; no code in it is run, whatever started the training.
    (RepFusion's own code for CNN teachers continues with random weights when it cannot load one.)

    Args:
        config (str or dict): What the model was trained with: a file, a name below ``configs/``
            (``'repfusion/cifar10_r18_scratch.py'``), a host's config
            (``'mmpretrain::resnet/resnet18_8xb16_cifar10.py'``), or the config itself.
        checkpoint (str): Its weights: a file, or an ``http(s)://`` address.
        taps (sequence of str): Layers, named as on the student's side: ``'backbone'`` is its last
            output, ``'backbone[1]'`` its second, ``'backbone.layer4@in'`` the input of a stage,
            ``'head.fc'`` the logits of a linear classifier.
        mean (sequence of float, optional): The student's normalization, see
            :class:`~mmdiffrep.models.teachers.DPMTeacher`. Defaults to None: not normalized.
        std (sequence of float, optional): See ``mean``.
        channel_order (str): ``'rgb'`` or ``'bgr'``, the order of the student's tensors.
        size (int, optional): Side in pixels that images are resized to. Defaults to None: not
            resized.
        normalization (dict, optional): ``mean``, ``std`` and ``channel_order`` of the teacher's
            own tensors. Defaults to None: read from its config.
        precision (str, optional): What the model computes in, see
            :class:`~mmdiffrep.models.teachers.DPMTeacher`. Defaults to None: float32 on a CPU,
            ``'auto'`` on a GPU.

    Raises:
        FileNotFoundError: No such config or checkpoint.
        ValueError: Unknown layer, or weights that do not fit the model.
    """

    def __init__(
        self,
        config: str | dict,
        checkpoint: str,
        taps: Sequence[str],
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
        channel_order: str = 'rgb',
        size: int | None = None,
        normalization: dict | None = None,
        precision: str | None = None,
    ) -> None:
        super().__init__()
        cfg = find_config(config)
        self.model = build_host_model(cfg)
        try:
            load_host_weights(self.model, checkpoint)
        except FileNotFoundError as error:
            raise FileNotFoundError(
                f'There is no checkpoint {checkpoint!r} of the teacher: train it first with its '
                'config, or give the path where it is.'
            ) from error
        self.model.requires_grad_(False).eval()
        self.source = str(checkpoint)
        self.weights_hash = hash_weights(self.model)
        self._precision = FrozenPrecision(precision)
        self.to_rgb = DenoiserInput(mean=mean, std=std, channel_order=channel_order, size=size)
        if normalization is not None:
            check_normalization(normalization)
        own = DenoiserInput(**(normalization or normalization_of(self.model, cfg)))
        self._reverse = own.channel_order == 'bgr'
        self.register_buffer('_mean', torch.tensor(own.mean).view(1, 3, 1, 1))
        self.register_buffer('_std', torch.tensor(own.std).view(1, 3, 1, 1))
        self.taps = tuple(taps)
        self._layers = LayerTaps(self.model, self.taps, role='teacher')
        self._layers.attach()
        side = size or PROBE_SIZE
        probe = self._read(torch.zeros(1, 3, side, side))
        self._channels = tuple(feature.shape[1] for feature in probe)

    @property
    def channels(self) -> tuple[int, ...]:
        """Channels of every tap."""
        return self._channels

    @property
    def precision(self) -> str:
        """See :class:`Teacher`."""
        return self._precision.name_of(self.model)

    @property
    def num_timesteps(self) -> int | None:
        """None: it has no timesteps."""
        return None

    @torch.no_grad()
    def forward(
        self, inputs: Tensor, t: Tensor, generator: Generators | None = None
    ) -> tuple[Tensor, ...]:
        """See :class:`Teacher`; ``t`` and ``generator`` play no part."""
        with self._precision.frozen_pass(self.model):
            return self._read(inputs)

    @torch.no_grad()
    def _read(self, rgb: Tensor) -> tuple[Tensor, ...]:
        pixels = (rgb + 1) * 127.5
        x = ((pixels.flip(1) if self._reverse else pixels) - self._mean) / self._std
        dtype = next(self.model.parameters()).dtype
        self.model(x.to(dtype), None, mode='tensor')
        return tuple(feature.float() for feature in self._layers.take(batch_size=len(x)))

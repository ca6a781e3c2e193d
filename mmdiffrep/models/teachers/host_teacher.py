# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""A trained model of a host as the teacher, where RepFusion has a diffusion model."""

import os.path as osp
from collections.abc import Sequence
from contextlib import nullcontext

import torch
from mmengine.config import Config
from mmengine.hub import get_config
from mmengine.registry import DefaultScope
from mmengine.runner import CheckpointLoader
from torch import Tensor, nn

from mmdiffrep.diffusion.checkpoints import hash_weights
from mmdiffrep.diffusion.input_range import DenoiserInput
from mmdiffrep.models.layer_taps import LayerTaps
from mmdiffrep.models.teachers.base import Teacher
from mmdiffrep.models.teachers.normalization import check_normalization, normalization_of
from mmdiffrep.registry import MODELS
from mmdiffrep.utils.config_path import get_config_path

PROBE_SIZE = 64  # px; big enough for a stride of 32, small enough for any CPU


@MODELS.register_module()
class HostTeacher(Teacher):
    """Reads layers of a trained mmpretrain, mmseg or mmpose model; timesteps are ignored.

    The model sees the student's images in its own normalization: that of the student is undone
    first. A checkpoint has to be there and to fit, key by key. (RepFusion's own code for CNN
    teachers goes on with random weights when it cannot load one.)

    Args:
        config (str or dict): What the model was trained with: a file, a name below ``configs/``
            (``'repfusion/cifar10_r18_scratch.py'``), one of a host
            (``'mmpretrain::resnet/resnet18_8xb16_cifar10.py'``), or the config itself.
        checkpoint (str): Its weights: a file, or an address that mmengine can load.
        taps (sequence of str): Layers, as on the student's side: ``'backbone'`` is its last
            output, ``'backbone[1]'`` its second, ``'head.fc'`` the logits of a linear classifier.
        mean (sequence of float, optional): The student's normalization, see
            :class:`~mmdiffrep.models.teachers.DPMTeacher`. Defaults to None: not normalized.
        std (sequence of float, optional): See ``mean``.
        channel_order (str): ``'rgb'`` or ``'bgr'``, the order of the student's tensors.
        size (int, optional): Side that images are resized to. Defaults to None: as they are.
        normalization (dict, optional): ``mean``, ``std`` and ``channel_order`` of the teacher's
            own tensors. Defaults to None: read from its config.

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
    ) -> None:
        super().__init__()
        cfg = _read_config(config)
        self.model = build_host_model(cfg)
        _load_weights(self.model, checkpoint)
        self.model.requires_grad_(False).eval()
        self.source = str(checkpoint)
        self.weights_hash = hash_weights(self.model)
        self.to_rgb = DenoiserInput(mean=mean, std=std, channel_order=channel_order, size=size)
        if normalization is not None:
            check_normalization(normalization)
        own = normalization or normalization_of(self.model, cfg)
        self._reverse = own['channel_order'] == 'bgr'
        shape = (1, 3, 1, 1)
        self.register_buffer('_mean', torch.tensor(own.get('mean') or [0.0] * 3).view(shape))
        self.register_buffer('_std', torch.tensor(own.get('std') or [1.0] * 3).view(shape))
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
    def num_timesteps(self) -> int | None:
        """None: it knows no time."""
        return None

    @torch.no_grad()
    def forward(
        self,
        images: Tensor,
        t: Tensor,
        generator: torch.Generator | None = None,
        inputs: Tensor | None = None,
    ) -> tuple[Tensor, ...]:
        """See :class:`Teacher`; ``t`` and ``generator`` play no part."""
        return self._read(self.to_input(images) if inputs is None else inputs)

    @torch.no_grad()
    def _read(self, rgb: Tensor) -> tuple[Tensor, ...]:
        pixels = (rgb + 1) * 127.5
        x = ((pixels.flip(1) if self._reverse else pixels) - self._mean) / self._std
        with torch.autocast(x.device.type, dtype=torch.bfloat16, enabled=x.device.type != 'cpu'):
            self.model(x, None, mode='tensor')
        return tuple(feature.float() for feature in self._layers.take(batch_size=len(x)))


def _read_config(config: str | dict) -> Config:
    if not isinstance(config, str):
        return Config(dict(config))
    if '::' in config:
        return get_config(config)
    return Config.fromfile(config if osp.isfile(config) else get_config_path(config))


def build_host_model(cfg: Config) -> nn.Module:
    """Build the model of a config as a runner would, in the scope of its own host."""
    model, scope = dict(cfg.model), cfg.get('default_scope')
    if 'data_preprocessor' in cfg:
        model.setdefault('data_preprocessor', cfg.data_preprocessor)
    with DefaultScope.overwrite_default_scope(scope) if scope else nullcontext():
        return MODELS.build(model)


def _load_weights(model: nn.Module, checkpoint: str) -> None:
    try:
        loaded = CheckpointLoader.load_checkpoint(checkpoint, map_location='cpu', logger='silent')
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"There is no checkpoint file '{checkpoint}' of the teacher: train it first with its "
            'config, or give the path where it is.'
        ) from error
    state: dict[str, Tensor] = {
        name.removeprefix('module.'): value
        for name, value in loaded.get('state_dict', loaded).items()
    }
    own = model.state_dict()
    shapes = [k for k in own if k in state and own[k].shape != state[k].shape]
    problems = [
        f'{len(names)} {what} ({", ".join(sorted(names)[:3])}, ...)'
        for what, names in (
            ('missing', own.keys() - state.keys()),
            ('unexpected', state.keys() - own.keys()),
            ('of another shape', shapes),
        )
        if names
    ]
    if problems:
        raise ValueError(
            f"the teacher's checkpoint {checkpoint!r} does not fit its config: weights "
            f'{", ".join(problems)}. Give the config that it was trained with.'
        )
    model.load_state_dict(state)

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""A trained model of a host as the teacher, in place of a diffusion model."""

from collections.abc import Sequence

from torch import Tensor, nn

from mmdiffrep.diffusion.input_range import DenoiserInput
from mmdiffrep.models.encoders import LoadedEncoder
from mmdiffrep.models.teachers.encoder_teacher import EncoderTeacher
from mmdiffrep.models.teachers.normalization import check_normalization, normalization_of
from mmdiffrep.registry import MODELS
from mmdiffrep.utils.checks import one_of
from mmdiffrep.utils.host_models import build_host_model, find_config, load_host_weights


@MODELS.register_module()
class HostTeacher(EncoderTeacher):
    """Reads layers of a trained mmpretrain, mmseg or mmpose model; timesteps are ignored.

    The student's normalization is undone, and the model sees the images in its own. The checkpoint
    must exist and fit, key by key; no code in it is run, whatever started the training.
    (RepFusion's own code for CNN teachers continues with random weights when it cannot load one.)

    Args:
        config (str or dict): What the model was trained with: a file, a name below ``configs/``
            (``'repfusion/cifar10_r18_scratch.py'``), a host's config
            (``'mmpretrain::resnet/resnet18_8xb16_cifar10.py'``), or the config itself.
        checkpoint (str, optional): Its weights: a file, or an ``http(s)://`` address.
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
        init (str): ``'random'`` for random weights, without a ``checkpoint``: the control of an
            experiment. Defaults to ``'pretrained'``.
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
        checkpoint: str | None = None,
        taps: Sequence[str] = (),
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
        channel_order: str = 'rgb',
        size: int | None = None,
        normalization: dict | None = None,
        init: str = 'pretrained',
        precision: str | None = None,
    ) -> None:
        super(EncoderTeacher, self).__init__()
        cfg = find_config(config)
        model = build_host_model(cfg)
        source = f'{cfg.filename or "host model"} (random weights)'
        if one_of('init', init, ('pretrained', 'random')) == 'pretrained':
            source = _load(model, checkpoint)
        elif checkpoint is not None:
            raise ValueError(
                f"init='random' does not read the checkpoint {checkpoint!r}: leave one of them out."
            )
        if normalization is not None:
            check_normalization(normalization)
        own = DenoiserInput(**(normalization or normalization_of(model, cfg)))
        encoder = LoadedEncoder(
            network=model,
            source=source,
            mean=tuple(own.mean),
            std=tuple(own.std),
            channel_order=own.channel_order,
            run=_run,
        )
        student = dict(mean=mean, std=std, channel_order=channel_order)
        self._read_with(encoder, taps, student, size, precision)


def _run(model: nn.Module, images: Tensor) -> object:
    return model(images, None, mode='tensor')


def _load(model: nn.Module, checkpoint: str | None) -> str:
    """Load the weights; return where they come from."""
    if checkpoint is None:
        raise ValueError(
            "a HostTeacher needs the checkpoint of its weights, or init='random' for random ones."
        )
    try:
        load_host_weights(model, checkpoint)
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f'There is no checkpoint {checkpoint!r} of the teacher: train it first with its '
            'config, or give the path where it is.'
        ) from error
    return str(checkpoint)

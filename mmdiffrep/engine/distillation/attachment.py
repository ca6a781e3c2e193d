# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Distillation attached to a model in training: before and after each of its forward passes."""

from logging import Logger
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from mmdiffrep.engine.distillation.phases import TaskFreeze, TaskLosses
from mmdiffrep.engine.distillation.step import TeacherRead, distillation_losses, read_teacher
from mmdiffrep.engine.distillation.student_layers import StudentLayers
from mmdiffrep.models.distillers.repfusion_distiller import RepFusionDistiller
from mmdiffrep.models.layer_taps import LayerTaps
from mmdiffrep.models.teachers.base import Teacher
from mmdiffrep.models.timestep_policies.base import TimestepSample
from mmdiffrep.utils.random_streams import IterationStreams


class Attachment:
    """Reads the teacher before a pass of the student, and adds its terms to the losses.

    Args:
        teacher (Teacher): The teacher.
        distiller (RepFusionDistiller): The distiller.
        layers (StudentLayers): The student layers of the pairs.
        taps (LayerTaps): Reads them.
        logger (Logger, optional): For the check of the teacher in the first step. None: no check.

    Attributes:
        drawn (dict): The timesteps drawn in this iteration, by policy.
    """

    def __init__(
        self,
        teacher: Teacher,
        distiller: RepFusionDistiller,
        layers: StudentLayers,
        taps: LayerTaps,
        logger: Logger | None = None,
    ) -> None:
        self.teacher = teacher
        self.distiller = distiller
        self.layers = layers
        self.taps = taps
        self.drawn: dict[str, TimestepSample] = {}
        self._logger = logger
        self._freeze = TaskFreeze()
        self._reads: dict[str, TeacherRead] = {}
        self._handles: list[Any] = []

    def attach(self, model: nn.Module, optimizer: Optimizer) -> None:
        """Watch the passes of a model, without DDP, and the steps of its optimizer."""
        read: Any = torch.compiler.disable(self._read_teacher)
        add: Any = torch.compiler.disable(self._add_losses)
        self.taps.attach()
        self._handles = [
            model.register_forward_pre_hook(read, with_kwargs=True),
            model.register_forward_hook(add, with_kwargs=True),
            optimizer.register_step_pre_hook(self._freeze.drop_grads),
        ]

    def detach(self) -> None:
        """Remove all that :meth:`attach` added."""
        for handle in self._handles:
            handle.remove()
        self._handles.clear()
        self._reads = {}
        self.taps.detach()

    def begin(self, streams: IterationStreams, progress: float, frozen_task: bool) -> None:
        """Begin an iteration.

        Args:
            streams (IterationStreams): Random numbers of the iteration.
            progress (float): Share of the training with a teacher that is done.
            frozen_task (bool): Whether the task's own losses count zero.
        """
        self._streams, self._progress = streams, progress
        self._freeze.active = frozen_task
        self._reads, self.drawn = {}, {}
        self.taps.clear()

    def _read_teacher(self, model: nn.Module, args: tuple, kwargs: dict) -> None:
        """Read the teacher before the student's activations take up memory."""
        arguments = _arguments(args, kwargs)
        if arguments.get('mode') == 'loss':
            self._reads = read_teacher(
                self.teacher, self.distiller, arguments['inputs'], self._streams, self._progress
            )
            self.drawn = {name: read.sample for name, read in self._reads.items()}
            if self._logger is not None:
                self._warn_if_early(arguments['inputs'], self._logger)
                self._logger = None

    def _warn_if_early(self, images: Tensor, logger: Logger) -> None:
        read = next(iter(self._reads.values()))
        t, features = read.sample.t[: len(images)], read.features[0]
        self.teacher.warn_if_early(self.teacher.to_input(images), t, features, logger)

    def _add_losses(
        self, model: nn.Module, args: tuple, kwargs: dict, task: TaskLosses
    ) -> TaskLosses | None:
        arguments = _arguments(args, kwargs)
        if arguments.get('mode') != 'loss':
            return None
        images, data_samples = arguments['inputs'], arguments.get('data_samples')
        with torch.autocast(images.device.type, enabled=False):
            student = self.layers.features(self.taps, len(images), self.distiller.pyramid)
            losses = distillation_losses(
                self.distiller, student, self._reads, data_samples, task, self._progress
            )
        self._reads = {}
        if self._freeze.active:
            task = self._freeze.zero_losses(model, task, losses)
        if same := sorted(task.keys() & losses.keys()):
            raise ValueError(
                f'the losses of {type(model).__name__} and of the distillation hook have the same '
                f'names {same}: rename those of the model.'
            )
        return {**task, **losses}


def _arguments(args: tuple, kwargs: dict) -> dict[str, Any]:
    """Return the arguments of a model's forward pass by name."""
    return dict(zip(('inputs', 'data_samples', 'mode'), args), **kwargs)

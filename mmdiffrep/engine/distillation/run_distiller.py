# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The distiller of a run: built for its model and its teacher, which have to suit each other."""

from collections.abc import Sequence

from torch import nn

from mmdiffrep.engine.distillation.host_model import check_unmixed, fill_rewards
from mmdiffrep.engine.distillation.pair_options import comparison_of
from mmdiffrep.engine.distillation.phases import PhaseSchedule
from mmdiffrep.engine.distillation.student_layers import StudentLayers
from mmdiffrep.models.distillers.repfusion_distiller import RepFusionDistiller
from mmdiffrep.models.teachers.base import Teacher


def build_run_distiller(
    model: nn.Module,
    teacher: Teacher,
    pairs: Sequence[dict],
    layers: StudentLayers,
    policy: dict,
    reward: dict | None,
    holdout: float,
    phases: PhaseSchedule,
) -> RepFusionDistiller:
    """Build the distiller of a run.

    Args:
        model (nn.Module): The host's model, without DDP.
        teacher (Teacher): The teacher.
        pairs (sequence of dict): As the config has them.
        layers (StudentLayers): Their student layers.
        policy (dict): Config of the policy, or several by name.
        reward (dict, optional): Config of the reward, or several. None: the one that fits the
            model's head.
        holdout (float): See :class:`RepFusionDistiller`.
        phases (PhaseSchedule): The run's phases.

    Raises:
        TypeError, ValueError: Parts that cannot be built, or that do not suit model or teacher.
    """
    given = [pair.get('student_channels') for pair in pairs]
    channels, inputs = layers.channels(model, given)
    distiller = RepFusionDistiller(
        pairs=[comparison_of(pair) for pair in pairs],
        student_channels=channels,
        teacher_channels=teacher.channels,
        policy=policy,
        reward=fill_rewards(model, policy, reward),
        holdout=holdout,
        pyramid=layers.pyramid and dict(layers.pyramid, in_channels=inputs),
        levels=layers.levels,
    )
    distiller.fit_timesteps(teacher)
    if getattr(teacher, 'drop', 0):
        distiller.check_drop()
    if teacher.pooled:
        distiller.check_pools()
    if teacher.timesteps is not None:
        check_unmixed(model)
    if distiller.needs_task:
        phases.check_task_learns()
    return distiller

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The teacher of a run: built for its model, recorded in its checkpoints."""

from collections.abc import Mapping, Sequence
from logging import Logger
from typing import Any

from mmengine.config import Config
from torch import nn

from mmdiffrep.models.teachers.base import Teacher
from mmdiffrep.models.teachers.build import build_teacher
from mmdiffrep.models.teachers.normalization import normalization_of
from mmdiffrep.utils.checks import about


def build_run_teacher(
    teacher: str | dict | nn.Module,
    taps: Sequence[str],
    model: nn.Module,
    cfg: Config,
    normalization: dict | None,
    size: int | None,
    **options: Any,
) -> Teacher:
    """Build the teacher of a run.

    Args:
        teacher (str, dict or nn.Module): See
            :func:`~mmdiffrep.models.teachers.build.build_teacher`.
        taps (sequence of str): What the pairs read.
        model (nn.Module): The host's model, without DDP.
        cfg (Config): The run's config.
        normalization (dict, optional): Of the student's tensors. None: that of the model.
        size (int, optional): Side of the teacher's input.
        **options: Further arguments of ``build_teacher``.

    Raises:
        TypeError, ValueError: The teacher cannot be built, or has weights that are not finite.
    """
    settings: dict[str, Any] = normalization or normalization_of(model, cfg)
    with about('teacher' if size is None else f'teacher with teacher_size={size}'):
        built = build_teacher(teacher, taps, size=size, **options, **settings)
    bad = [name for name, p in built.named_parameters() if not p.isfinite().all()]
    if bad:
        raise ValueError(
            f'the teacher {built.source} has {len(bad)} weights with NaN or infinite values, such '
            f'as {bad[0]}: its file is damaged, or its training diverged.'
        )
    return built


def check_record(saved: Mapping[str, str], now: Mapping[str, str], logger: Logger) -> None:
    """Check that a resumed run has the teacher that it was started with.

    Args:
        saved (dict): ``record`` of the teacher in the checkpoint.
        now (dict): That of the run.
        logger (Logger): Takes the warning of another precision.

    Raises:
        ValueError: It has another one.
    """
    if saved['weights_hash'] != now['weights_hash']:
        raise ValueError(
            f'the run was started with the teacher {saved}, but now it has {now}: resume with the '
            'same weights, or start anew with load_from'
        )
    before, here = saved.get('precision', now['precision']), now['precision']
    if before != here:
        logger.warning(
            f'RepFusion: until now the teacher computed in {before}, here in {here}, which '
            f"changes its features by about 0.5 %: precision='{before}' in the hook keeps them"
        )

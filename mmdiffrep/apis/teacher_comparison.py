# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Which teacher, if any, makes a student better on one's own images, and what does it cost?"""

import csv
import io
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.runner import Runner
from rich.console import Console

from mmdiffrep.apis.few_label_task import FewLabelTask, find_task, task_config
from mmdiffrep.apis.ledgers import Trial, ledger_table
from mmdiffrep.apis.pretrain_student import Student, find_student
from mmdiffrep.apis.pretraining import pretrain
from mmdiffrep.utils.atomic_file import write_atomically
from mmdiffrep.utils.checks import as_many, distinct, integer, positive
from mmdiffrep.utils.rng import keep_random_state

STUDENT = dict(type='mmseg.ResNet', depth=18, out_indices=(0, 1, 2, 3), strides=(1, 2, 2, 2))
PLAIN = 'no teacher'
RATES = (2e-3, 4e-3, 8e-3)


def compare_teachers(
    data: str | Path,
    labels: str | Path,
    teachers: Sequence[str | Mapping[str, Any]],
    out: str | Path,
    student: str | Mapping[str, Any] = STUDENT,
    seeds: Sequence[int] = (0, 1, 2),
    size: int = 64,
    iters: int = 600,
    epochs: int | None = None,
    lr: Sequence[float] = RATES,
    teacher_minutes: Sequence[float] = (),
    students_per_teacher: int = 1,
    num_workers: int = 0,
) -> str:
    """Distill a student from each teacher, fine-tune it on a few masks, and compare.

    The images of ``data`` without those of the test part are what students are distilled on. Of
    the labeled ones 40 % are the test part; a fifth of the others chooses the learning rate of the
    student without a teacher, which all students then have, and joins the training afterwards. A
    student without a teacher that trains as long as both stages together is added.

    Everything is kept in ``out``; the same call goes on where it was stopped.

    Args:
        data: Folder of images.
        labels: Folder of PNG masks with the names of some of the images, see
            :func:`~mmdiffrep.apis.few_label_task.find_task`.
        teachers: As of :func:`~mmdiffrep.apis.pretrain`.
        out: Folder of the results.
        student: As of :func:`~mmdiffrep.apis.pretrain`. Defaults to a ResNet-18.
        seeds: One run of each student a seed. Defaults to 0, 1, 2.
        size: Side of the student's images in pixels. Defaults to 64.
        iters: Iterations of fine-tuning. Defaults to 600.
        epochs: Of the distillation. Defaults to None: by the number of images.
        lr: Learning rates of the fine-tuning to choose from. Defaults to 0.002, 0.004 and 0.008.
        teacher_minutes: What the teachers' own training took, one number each. Defaults to none:
            not known.
        students_per_teacher: How many students will share a teacher. Defaults to 1.
        num_workers: Processes that read images. Defaults to 0: none.

    Returns:
        The table, Markdown. See :mod:`mmdiffrep.apis.ledgers`.

    Raises:
        FileNotFoundError, ValueError: Folders without images or masks; numbers out of range.
    """
    names = [
        teacher if isinstance(teacher, str) else f'{teacher.get("type")} ({index})'
        for index, teacher in enumerate(teachers)
    ]
    distinct('teachers', names)
    if teacher_minutes:
        as_many('teacher_minutes', teacher_minutes, 'teachers', names)
    integer('iters', iters, 1)
    rates = [positive('lr', rate) for rate in lr]
    comparison = _Comparison(
        task=find_task(data, labels),
        student=find_student(student, size),
        student_config=student,
        out=Path(out).expanduser().absolute(),
        size=integer('size', size, 1),
        epochs=epochs,
        num_workers=num_workers,
    )
    rate = comparison.choose_rate(rates, iters)
    cost = dict(zip(names, teacher_minutes))
    long = 0
    for seed in seeds:
        comparison.run(PLAIN, seed, iters, rate)
        for name, teacher in zip(names, teachers):
            comparison.run(name, seed, iters, rate, teacher, 60 * cost.get(name, 0.0))
        long = long or comparison.equal_iterations(iters)
        comparison.run(f'{PLAIN}, {long} iterations', seed, long, rate)
    plain = [PLAIN, f'{PLAIN}, {long} iterations']
    table = ledger_table(comparison.trials, plain, students_per_teacher)
    write_atomically(table.encode(), comparison.out / 'table.md')
    return table


@dataclass
class _Comparison:
    """The runs of a comparison, kept in a folder."""

    task: FewLabelTask
    student: Student
    student_config: str | Mapping[str, Any]
    out: Path
    size: int
    epochs: int | None
    num_workers: int

    def __post_init__(self) -> None:
        self.console = Console()
        self.path = self.out / 'results.csv'
        self.trials: list[Trial] = []
        if self.path.is_file():
            with open(self.path, newline='') as file:
                rows = list(csv.reader(file))[1:]
            self.trials = [
                Trial(name, int(seed), *map(float, numbers)) for name, seed, *numbers in rows
            ]

    def choose_rate(self, rates: Sequence[float], iters: int) -> float:
        """Return the rate that is best without a teacher, on the validation part."""
        path = self.out / 'rate.txt'
        if len(rates) == 1:
            return rates[0]
        if not path.is_file():
            scores = {}
            for rate in rates:
                scores[rate], _ = self._finetune(
                    self.out / f'rate_{rate:g}', 0, iters, rate, choose=True
                )
                self._say(f'rate {rate:g} without a teacher: {scores[rate]:.2f} on validation')
            self.out.mkdir(parents=True, exist_ok=True)
            write_atomically(f'{max(scores, key=scores.__getitem__)}\n'.encode(), path)
        return float(path.read_text())

    def run(
        self,
        name: str,
        seed: int,
        iters: int,
        lr: float,
        teacher: str | Mapping[str, Any] | None = None,
        teacher_seconds: float = 0.0,
    ) -> None:
        """Train and test one student, unless that is done."""
        if any(trial[:2] == (name, seed) for trial in self.trials):
            return
        part = ''.join(c if c.isalnum() else '_' for c in name)[-80:]  # names of files are short
        folder = self.out / part / f'seed{seed}'
        backbone, distill = None, 0.0
        if teacher is not None:
            backbone, distill = self._distill(folder / 'distilled', seed, teacher)
        score, seconds = self._finetune(folder / 'finetuned', seed, iters, lr, backbone)
        self.trials.append(Trial(name, seed, score, seconds, distill, teacher_seconds))
        text = io.StringIO(newline='')
        writer = csv.writer(text)
        writer.writerows([Trial._fields, *self.trials])
        write_atomically(text.getvalue().encode(), self.path)
        self._say(f'{name}, seed {seed}: {score:.2f} ({distill:.0f} + {seconds:.0f} s)')

    def equal_iterations(self, iters: int) -> int:
        """Return the iterations without a teacher that take as long as the slowest two stages."""
        own = [t for t in self.trials if t.distill]
        factor = max(1 + trial.distill / trial.finetune for trial in own)
        return math.ceil(iters * factor / 10) * 10

    def _distill(
        self, folder: Path, seed: int, teacher: str | Mapping[str, Any]
    ) -> tuple[dict[str, Any], float]:
        clock = folder.with_suffix('.seconds')
        weights = dict(type='Pretrained', checkpoint=str(folder / 'student.pth'))
        if not clock.is_file():
            started = time.monotonic()
            pretrain(
                self._without_test(),
                self.student_config,
                teacher,
                folder,
                size=self.size,
                epochs=self.epochs,
                seed=seed,
                num_workers=self.num_workers,
                resume=(folder / 'config.py').is_file(),
            )
            write_atomically(f'{time.monotonic() - started:.3f}\n'.encode(), clock)
        return dict(self.student.backbone, init_cfg=weights), float(clock.read_text())

    def _without_test(self) -> Path:
        """Return a folder of links to all images but those of the test part."""
        folder = self.out / 'images'
        if not folder.is_dir():
            partial = folder.with_suffix('.partial')
            tested = {f'{name}{self.task.suffix}' for name in self.task.parts['test']}
            for path in sorted(self.task.images.rglob('*')):
                name = path.relative_to(self.task.images)
                if path.is_file() and name.as_posix() not in tested:
                    link = partial / name
                    link.parent.mkdir(parents=True, exist_ok=True)
                    link.unlink(missing_ok=True)
                    link.symlink_to(path.absolute())
            partial.rename(folder)
        return folder

    def _finetune(
        self,
        folder: Path,
        seed: int,
        iters: int,
        lr: float,
        backbone: dict[str, Any] | None = None,
        choose: bool = False,
    ) -> tuple[float, float]:
        folder.mkdir(parents=True, exist_ok=True)
        cfg = task_config(
            self.task,
            self.student,
            folder,
            self.size,
            iters,
            lr,
            seed,
            backbone,
            choose,
            self.num_workers,
        )
        cfg['experiment_name'] = f'{folder.parent.name}_{folder.name}_{time.time_ns()}'
        with keep_random_state():
            runner = Runner.from_cfg(Config(cfg))
            started = time.monotonic()
            runner.train()
            seconds = time.monotonic() - started
            return float(runner.test()['mIoU']), seconds

    def _say(self, line: str) -> None:
        self.console.print(line, highlight=False, soft_wrap=True)

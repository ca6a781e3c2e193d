# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The results of ``compare_students.py``: the rows of results.csv and the tables of them."""

import csv
import io
from pathlib import Path
from statistics import mean, stdev
from typing import NamedTuple

from mmdiffrep.apis.ledgers import Trial, ledger_table
from mmdiffrep.utils.atomic_file import write_atomically

TIMES = ('minutes', 'distill_minutes', 'teacher_minutes')
FIELDS = ('student', 'fraction', 'images', 'seed', 'metric', 'value', *TIMES)


class Trained(NamedTuple):
    """A finished training.

    Attributes:
        folder: Its folder.
        checkpoint: Its last checkpoint.
        minutes: Duration, including the configs it depends on.
        distill: Of these, the distillation that it starts from.
        teacher: Of these, the training of teachers.
    """

    folder: Path
    checkpoint: str
    minutes: float
    distill: float = 0.0
    teacher: float = 0.0


class Labels(NamedTuple):
    """What a student is trained on.

    Attributes:
        fraction: Share of the labels of a ``BalancedSubset``.
        images: The first images of the training list; 0: as many as the config says.
    """

    fraction: float = 1.0
    images: int = 0

    def __str__(self) -> str:
        if self.images:
            return f'{self.images} labeled images'
        return f'{self.fraction:.4g} of the labels'


class Row(NamedTuple):
    """One student, one number of labels, one seed."""

    student: str
    labels: Labels
    seed: int


class Results:
    """The rows of results.csv.

    Args:
        path: The file; read if it exists.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: list[dict[str, str]] = []
        if path.is_file():
            with open(path, newline='') as file:
                self.rows = list(csv.DictReader(file))

    def has(self, row: Row) -> bool:
        """Whether a student was tested."""
        return any(self._key(line) == row for line in self.rows)

    def add(self, row: Row, metrics: dict[str, float], trained: Trained) -> None:
        """Add the metrics of one student and write the file."""
        times = (trained.minutes, trained.distill, trained.teacher)
        self.rows += [
            dict(
                student=row.student,
                seed=str(row.seed),
                **{name: str(value) for name, value in row.labels._asdict().items()},
                metric=metric,
                value=f'{value:.6g}',
                **{name: f'{minutes:.3f}' for name, minutes in zip(TIMES, times)},
            )
            for metric, value in metrics.items()
        ]
        text = io.StringIO(newline='')
        writer = csv.DictWriter(text, FIELDS, restval='')
        writer.writeheader()
        writer.writerows(self.rows)
        write_atomically(text.getvalue().encode(), self.path)

    @staticmethod
    def _key(line: dict[str, str]) -> Row:
        return Row(line['student'], _labels(line), int(line['seed']))

    def table(self, metric: str | None = None) -> str:
        """Return a table in Markdown: a row per student, a column per number of labels.

        Args:
            metric: Name of the metric. Default: the first that was written.

        Raises:
            ValueError: There is no such metric.
        """
        metric = self._metric(metric)
        cells: dict[str, dict[Labels, list[float]]] = {}
        for line in self.rows:
            if line['metric'] == metric:
                key = self._key(line)
                column = cells.setdefault(key.student, {}).setdefault(key.labels, [])
                column.append(float(line['value']))
        all_labels = sorted({key for columns in cells.values() for key in columns}, reverse=True)
        lines = [
            f'| {metric} | ' + ' | '.join(map(str, all_labels)) + ' |',
            '| --- |' + ' --- |' * len(all_labels),
        ]
        for student, columns in cells.items():
            values = [_cell(columns.get(labels, [])) for labels in all_labels]
            lines.append(f'| {student} | ' + ' | '.join(values) + ' |')
        others = dict.fromkeys(r['student'] for r in self.rows if r['student'] not in cells)
        if others:
            lines += ['', f'Tested, but without {metric}: {", ".join(others)}']
        return '\n'.join(lines) + '\n'

    def _metric(self, metric: str | None) -> str:
        metrics = list(dict.fromkeys(line['metric'] for line in self.rows))
        if metric is not None and metric not in metrics:
            raise ValueError(f'no metric {metric!r} in {self.path}; it has {metrics}')
        return metric or metrics[0]

    def ledgers(
        self, metric: str | None = None, teacher_minutes: float = 0.0, students: int = 1
    ) -> str:
        """Return :func:`~mmdiffrep.apis.ledgers.ledger_table` of every number of labels.

        Args:
            metric: Name of the metric. Default: the first that was written.
            teacher_minutes: Training time of a teacher that was not trained here; 0: unknown.
            students: How many students share a teacher.

        Returns:
            Markdown; nothing where no student was distilled, or all were.
        """
        metric = self._metric(metric)
        lines = [line for line in self.rows if line['metric'] == metric]
        plain = list(dict.fromkeys(r['student'] for r in lines if '+' not in r['student']))
        if not plain or all('+' not in line['student'] for line in lines):
            return ''
        parts = []
        for labels in sorted({_labels(line) for line in lines}, reverse=True):
            trials = [_trial(line, teacher_minutes) for line in lines if _labels(line) == labels]
            if any(trial.student == plain[0] for trial in trials):
                parts.append(f'\n{metric}, {labels}\n\n')
                parts.append(ledger_table(trials, plain, students))
        return ''.join(parts)


def _labels(line: dict[str, str]) -> Labels:
    return Labels(float(line['fraction']), int(line.get('images') or 0))


def _trial(line: dict[str, str], teacher_minutes: float) -> Trial:
    total, distill, teacher = (60 * float(line.get(name) or 0) for name in TIMES)
    is_taught = '+' in line['student']
    return Trial(
        line['student'],
        int(line['seed']),
        float(line['value']),
        finetune=total - distill - teacher,
        distill=distill,
        teacher=teacher or 60 * teacher_minutes * is_taught,
    )


def _cell(values: list[float]) -> str:
    if not values:
        return ''
    # Accuracy in percent lies above 1, the error of landmarks far below.
    digits = 2 if abs(mean(values)) >= 1 else 4
    spread = f' ± {stdev(values):.{digits}f}' if len(values) > 1 else ''
    return f'{mean(values):.{digits}f}{spread} (n = {len(values)})'

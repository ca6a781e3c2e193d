# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Compare students at equal fine-tuning, at equal time, and with their teacher's own training.

A student that was distilled first has had more training than one that was not. Three ledgers:

1. equal fine-tuning: against the plain student with the same second stage;
2. equal time: against the plain student that trained as long as both stages together;
3. with the teacher: its training counts too, divided by the students that share it.
"""

from collections.abc import Sequence
from statistics import mean, stdev
from typing import NamedTuple

from mmdiffrep.utils.checks import integer

# A plain student counts as equally long down to this share of the other's time.
_AS_LONG = 0.9


class Trial(NamedTuple):
    """One student with one seed.

    Attributes:
        student: Name.
        seed: Seed.
        score: Of the test. Differences are taken as they are, whichever way is better.
        finetune: Seconds of the last stage.
        distill: Seconds of the stage with a teacher; 0 for a plain student.
        teacher: Seconds that the teacher's own training took; 0 if unknown or none.
    """

    student: str
    seed: int
    score: float
    finetune: float
    distill: float = 0.0
    teacher: float = 0.0


class Gain(NamedTuple):
    """Difference of two students over the seeds that both have.

    Attributes:
        mean: Of the differences.
        spread: Their standard deviation; None with one seed.
        seeds: Their number.
        noise: Half the 95 % interval of the mean (Student's t); None with one seed.
    """

    mean: float
    spread: float | None
    seeds: int
    noise: float | None

    def __str__(self) -> str:
        if self.spread is None or self.noise is None:
            return f'{self.mean:+.2f} (one seed)'
        judged = ', within noise' if abs(self.mean) <= self.noise else ''
        return f'{self.mean:+.2f} ± {self.spread:.2f}{judged}'


def gain(trials: Sequence[Trial], student: str, over: str) -> Gain | None:
    """Compare two students seed by seed; None if they have no seed in common."""
    scores = [{t.seed: t.score for t in trials if t.student == name} for name in (student, over)]
    common = sorted(scores[0].keys() & scores[1].keys())
    if not common:
        return None
    differences = [scores[0][seed] - scores[1][seed] for seed in common]
    if len(differences) == 1:
        return Gain(differences[0], None, 1, None)
    spread, count = stdev(differences), len(differences)
    from scipy import stats  # which reading features and pre-training do not install

    noise = float(stats.t.ppf(0.975, count - 1)) * spread / count**0.5
    return Gain(mean(differences), spread, count, noise)


def ledger_table(
    trials: Sequence[Trial], plain: Sequence[str], students_per_teacher: int = 1
) -> str:
    """Return a table in Markdown, one line a student.

    Args:
        trials: All runs.
        plain: Names of the students without a teacher, the one with the same fine-tuning first.
        students_per_teacher: How many students share the training of a teacher.

    Raises:
        ValueError: The first plain student has no trial.
    """
    integer('students_per_teacher', students_per_teacher, 1)
    names = list(dict.fromkeys(trial.student for trial in trials))
    if plain[0] not in names:
        raise ValueError(f'There is no result of the plain student {plain[0]!r}, only of {names}.')
    shared = 'teacher' if students_per_teacher == 1 else f'teacher / {students_per_teacher}'
    lines = [
        f'| student | score | equal fine-tuning | seconds | equal time | with {shared} |',
        '| --- | --- | --- | --- | --- | --- |',
    ]
    for name in names:
        own = [trial for trial in trials if trial.student == name]
        scores = [trial.score for trial in own]
        spread = f' ± {stdev(scores):.2f}' if len(scores) > 1 else ''
        seconds = mean(trial.finetune + trial.distill for trial in own)
        cells = [name, f'{mean(scores):.2f}{spread} (n = {len(scores)})']
        if name in plain:
            over = '' if name == plain[0] else str(gain(trials, name, plain[0]) or '')
            cells += [over, f'{seconds:.0f}', '', '']
        else:
            teacher = mean(trial.teacher for trial in own) / students_per_teacher
            cells += [
                str(gain(trials, name, plain[0]) or ''),
                f'{seconds:.0f}',
                _at_time(trials, name, plain, seconds),
                _at_time(trials, name, plain, seconds + teacher) if teacher else 'unknown',
            ]
        lines.append('| ' + ' | '.join(cells) + ' |')
    return '\n'.join(lines) + '\n'


def _at_time(trials: Sequence[Trial], student: str, plain: Sequence[str], seconds: float) -> str:
    """Compare with the shortest plain student that trained as long."""
    times = {
        name: mean(t.finetune for t in trials if t.student == name)
        for name in plain
        if any(t.student == name for t in trials)
    }
    enough = {name: time for name, time in times.items() if time >= _AS_LONG * seconds}
    if not enough:
        longest = max(times, key=times.__getitem__)
        return f'not compared: the longest plain run took {times[longest]:.0f} s'
    chosen = min(enough, key=enough.__getitem__)
    return f'{gain(trials, student, chosen) or ""} ({chosen}, {times[chosen]:.0f} s)'

#!/usr/bin/env python
# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Train several students with several seeds, test them, and write a table of mean ± std.

A student is a config, or two joined by `+`: a distillation and the config that starts from it.

    CONFIGS=configs/repfusion/experiments
    python tools/benchmarks/compare_students.py $CONFIGS/fashionmnist_r18_scratch.py
        $CONFIGS/distill_fashionmnist_r18_uniform.py+$CONFIGS/fashionmnist_r18_finetune.py
        --seeds 0 1 2 --fractions 1 0.1 0.01

Configs that a config depends on are trained first, once per seed: a checkpoint
`work_dirs/NAME/iter_N.pth` (or epoch_N) in a config is the result of NAME.py in the same folder, or
between a folder and its `experiments`.
A diffusion model as the teacher must exist already.

A seed sets weights, augmentation and timesteps; the labeled images of a share are the same for all
seeds. All results are in WORK_DIR/results.csv, the table in WORK_DIR/table.md. Run
again, the same command continues where it was stopped; rows in results.csv are not run again.

Students that were distilled are compared with plain ones three times: at equal fine-tuning (with
the first plain one), at equal time (give a plain config that trains longer, too), and with the
training of their teacher. The training of a CNN teacher is timed here; for a diffusion model give
--teacher-minutes.
"""

import argparse
import csv
import io
import re
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from statistics import mean, stdev
from typing import NamedTuple

from mmengine.config import Config
from mmengine.runner import Runner
from rich.console import Console

from mmdiffrep.apis.ledgers import Trial, ledger_table
from mmdiffrep.utils.atomic_file import write_atomically
from mmdiffrep.utils.checkpoint_io import register_safe_loader
from mmdiffrep.utils.config_path import config_file
from mmdiffrep.utils.hook_configs import find_hooks, keep_standard_hooks

NEVER = 10**9
START = 'model.backbone.init_cfg.checkpoint'
SUBSET = 'mmdiffrep.BalancedSubset'
RESULT_OF = re.compile(r'work_dirs/([\w.-]+)/(?:(?:iter|epoch)_\d+\.pth|(\w+))')
TIMES = ('minutes', 'distill_minutes', 'teacher_minutes')
FIELDS = ('student', 'fraction', 'seed', 'metric', 'value', *TIMES)


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


class Row(NamedTuple):
    """One student, one share of the labels, one seed."""

    student: str
    fraction: float
    seed: int


def result_config(name: str, config: Path) -> Path:
    """Return NAME.py of a config's folder, its ``experiments`` folder or its parent folder.

    Raises:
        FileNotFoundError: There is none.
    """
    for folder in (config.parent, config.parent / 'experiments', config.parents[1]):
        if (folder / f'{name}.py').is_file():
            return folder / f'{name}.py'
    raise FileNotFoundError(f'{config} needs what {name}.py trains, and there is no such config')


def leaves(node: object, key: str = '') -> Iterator[tuple[str, str]]:
    """Yield all strings of a config with their dotted keys."""
    if isinstance(node, dict):
        items = node.items()
    elif isinstance(node, (list, tuple)):
        items = enumerate(node)
    else:
        if isinstance(node, str):
            yield key, node
        return
    for name, child in items:
        yield from leaves(child, f'{key}.{name}' if key else str(name))


class Trainer:
    """Trains configs and their dependencies, once per seed and share of the labels.

    Args:
        work_dir: Folder of all results.
        options: `--cfg-options` for every training and test.
        console: Console for progress.
    """

    def __init__(self, work_dir: Path, options: list[str], console: Console) -> None:
        self.work_dir = work_dir
        self.options = options
        self.console = console

    def train(self, config: Path, row: Row, start: Path | None = None) -> Trained:
        """Train one config after its dependencies, unless that is done.

        Args:
            config: The config.
            row: Seed and share of the labels.
            start: Config of the distillation to start from. Default: the one that the config names.

        Raises:
            FileNotFoundError: A diffusion model is missing.
            subprocess.CalledProcessError: A training failed; its log is named on the console.
        """
        keep_config(self.work_dir, config)
        cfg = Config.fromfile(config)
        options = {'randomness.seed': str(row.seed)}
        if cfg.get('val_dataloader'):
            # The result is tested below; a validation at the end would cost as much again.
            options['train_cfg.val_interval'] = str(NEVER)
        parts, distill, teacher = [config.stem], 0.0, 0.0
        for key in find_hooks(cfg, 'RepFusionHook'):
            options[f'{key}.seed'] = str(row.seed)
        if cfg.train_dataloader.dataset.type == SUBSET:
            options['train_dataloader.dataset.fraction'] = str(row.fraction)
            parts.append(f'labels_{row.fraction:g}')
        for key, needed in self._needs(cfg, config, start):
            result = self.train(needed, row)
            options[key] = result.checkpoint
            own = result.minutes - result.teacher
            distill, teacher = (
                (distill + own, teacher + result.teacher)
                if key == START
                else (distill, teacher + result.minutes)
            )
            parts.append(f'from_{result.folder.parent.name}')
        folder = self.work_dir / 'runs' / '-'.join(parts) / f'seed{row.seed}'
        done = folder / 'minutes.txt'
        if not done.is_file():
            self._run(config, folder, options)
        minutes = float(done.read_text()) + distill + teacher
        checkpoint = (folder / 'last_checkpoint').read_text().strip()
        return Trained(folder, checkpoint, minutes, distill, teacher)

    def _needs(self, cfg: Config, config: Path, start: Path | None) -> list[tuple[str, Path]]:
        """Yield the keys of a config that name the result of another, and that other config."""
        parts = {'model': cfg.model.to_dict(), **find_hooks(cfg, 'RepFusionHook')}
        found = {}
        for key, value in leaves(parts):
            match = RESULT_OF.fullmatch(value)
            if match and match[2]:
                if not Path(value).exists():
                    raise FileNotFoundError(
                        f'{config.name} needs {value}: train that first, with the config '
                        f'{match[1]}.py'
                    )
            elif match:
                found[key] = result_config(match[1], config)
        if start is not None:
            if START not in found:
                raise ValueError(f'{config.name} starts from random weights: it has no {START}')
            found[START] = start
        return list(found.items())

    def _run(self, config: Path, folder: Path, options: dict[str, str]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        log = folder / 'output.txt'
        self.console.print(f'training {config.stem} in {folder}', highlight=False)
        command = [sys.executable, '-m', 'mmdiffrep', 'train', str(config), '--resume']
        command += ['--work-dir', str(folder), '--cfg-options']
        command += [*self.options, *(f'{key}={value}' for key, value in options.items())]
        started = time.monotonic()
        with open(log, 'a') as output:
            code = subprocess.run(command, stdout=output, stderr=subprocess.STDOUT).returncode
        if code:
            self.console.print(f'failed; the log is {log}', style='red', highlight=False)
            raise subprocess.CalledProcessError(code, command)
        minutes = (time.monotonic() - started) / 60
        write_atomically(f'{minutes:.3f}\n'.encode(), folder / 'minutes.txt')

    def test(self, trained: Trained) -> dict[str, float]:
        """Test a finished training by its config and return its metrics."""
        (dumped,) = trained.folder.glob('*.py')
        cfg = Config.fromfile(dumped)
        cfg.update(load_from=trained.checkpoint, resume=False, launcher='none')
        cfg.log_level = 'WARNING'
        cfg.work_dir = str(trained.folder / 'test')
        cfg.experiment_name = f'test_{time.time_ns()}'
        # A test needs the student only. Data workers end with it.
        keep_standard_hooks(cfg)
        cfg.test_dataloader.persistent_workers = False
        return {name: float(value) for name, value in Runner.from_cfg(cfg).test().items()}


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
                **{key: str(value) for key, value in row._asdict().items()},
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
        return Row(line['student'], float(line['fraction']), int(line['seed']))

    def table(self, metric: str | None = None) -> str:
        """Return a table in Markdown: a row per student, a column per share of the labels.

        Args:
            metric: Name of the metric. Default: the first that was written.

        Raises:
            ValueError: There is no such metric.
        """
        metric = self._metric(metric)
        cells: dict[str, dict[float, list[float]]] = {}
        for line in self.rows:
            if line['metric'] == metric:
                key = self._key(line)
                column = cells.setdefault(key.student, {}).setdefault(key.fraction, [])
                column.append(float(line['value']))
        fractions = sorted({f for columns in cells.values() for f in columns}, reverse=True)
        lines = [
            f'| {metric} | ' + ' | '.join(f'{f:.4g} of the labels' for f in fractions) + ' |',
            '| --- |' + ' --- |' * len(fractions),
        ]
        for student, columns in cells.items():
            values = [_cell(columns.get(fraction, [])) for fraction in fractions]
            lines.append(f'| {student} | ' + ' | '.join(values) + ' |')
        return '\n'.join(lines) + '\n'

    def _metric(self, metric: str | None) -> str:
        metrics = list(dict.fromkeys(line['metric'] for line in self.rows))
        if metric is not None and metric not in metrics:
            raise ValueError(f'no metric {metric!r} in {self.path}; it has {metrics}')
        return metric or metrics[0]

    def ledgers(
        self, metric: str | None = None, teacher_minutes: float = 0.0, students: int = 1
    ) -> str:
        """Return :func:`~mmdiffrep.apis.ledgers.ledger_table` of every share of the labels.

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
        for fraction in sorted({float(line['fraction']) for line in lines}, reverse=True):
            trials = [_trial(r, teacher_minutes) for r in lines if float(r['fraction']) == fraction]
            if any(trial.student == plain[0] for trial in trials):
                parts.append(f'\n{metric}, {fraction:.4g} of the labels\n\n')
                parts.append(ledger_table(trials, plain, students))
        return ''.join(parts)


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


def keep_options(work_dir: Path, options: list[str]) -> None:
    """Write the `--cfg-options` into a folder, or compare them with those of its results.

    Raises:
        ValueError: They differ.
    """
    if not kept(work_dir / 'cfg_options.txt', '\n'.join(options)):
        before = (work_dir / 'cfg_options.txt').read_text().split()
        raise ValueError(
            f'the results in {work_dir} have the --cfg-options {before}, not '
            f'{options}: give another --work-dir'
        )


def keep_config(work_dir: Path, config: Path) -> None:
    """Write a merged config into a folder, or compare it with the one there.

    Raises:
        ValueError: It has changed since, or there are results of it, but not itself.
    """
    path = work_dir / 'configs' / f'{config.stem}.txt'
    rows = Results(work_dir / 'results.csv').rows
    tested = any(config.stem in row['student'].split('+') for row in rows)
    names = (config.stem, f'{config.stem}-labels_*', f'{config.stem}-from_*')  # see Trainer.train
    trained = any(any(work_dir.glob(f'runs/{name}')) for name in names)
    if (tested or trained) and not path.is_file():
        raise ValueError(
            f'{work_dir} has results of {config.stem}, but {path} is missing, so they may be of '
            f'another config than {config}: give another --work-dir, or delete them'
        )
    if not kept(path, str(Config.fromfile(config).to_dict())):
        raise ValueError(
            f'{config} or what it inherits has changed since the results in {work_dir}: give '
            f'another --work-dir, or delete {path}, what was trained with it and its rows'
        )


def kept(path: Path, text: str) -> bool:
    """Return whether a file holds this text; write it if there is none."""
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(text.encode(), path)
    return path.read_text() == text


def check_fractions(configs: Iterable[Path], fractions: list[float]) -> None:
    """Raise a ValueError for shares of the labels if a data set is not a ``BalancedSubset``."""
    if fractions == [1.0]:
        return
    for config in configs:
        if Config.fromfile(config).train_dataloader.dataset.type != SUBSET:
            raise ValueError(
                f'--fractions {fractions}: {config.name} trains on all of its data set; wrap it in '
                f'{SUBSET}, see docs/data_preparation.md'
            )


def parse_args(argv: list[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('students', nargs='+', metavar='CONFIG', help='or DISTILLATION+CONFIG')
    parser.add_argument('--seeds', type=int, nargs='+', default=[0, 1, 2])
    parser.add_argument(
        '--fractions',
        type=float,
        nargs='+',
        default=[1.0],
        help=f'shares of the labels, for data sets of type {SUBSET} (default: all)',
    )
    parser.add_argument('--work-dir', type=Path, default=Path('work_dirs/compare_students'))
    parser.add_argument(
        '--metric',
        help='of the table, such as mIoU (default: the first one of the test, which is aAcc for '
        'segmentation)',
    )
    parser.add_argument(
        '--teacher-minutes',
        type=float,
        default=0.0,
        help='training time of a diffusion model that is the teacher (default: not known)',
    )
    parser.add_argument(
        '--students-per-teacher', type=int, default=1, help='that share this time (default: 1)'
    )
    parser.add_argument(
        '--cfg-options', nargs='+', default=[], metavar='KEY=VALUE', help='for every training'
    )
    return parser.parse_args(argv)


def write_table(results: Results, args: argparse.Namespace) -> str:
    """Write all results so far into table.md, and return them."""
    ledgers = results.ledgers(args.metric, args.teacher_minutes, args.students_per_teacher)
    table = results.table(args.metric) + ledgers
    write_atomically(table.encode(), args.work_dir / 'table.md')
    return table


def main(argv: list[str] | None = None) -> None:
    """Run the missing students and write the table."""
    args = parse_args(argv)
    register_safe_loader()
    console = Console()
    students = {
        '+'.join(path.stem for path in paths): paths
        for paths in ([Path(config_file(name)) for name in s.split('+')] for s in args.students)
    }
    if any(len(paths) > 2 for paths in students.values()):
        raise ValueError('a student is CONFIG or DISTILLATION+CONFIG: at most one +')
    check_fractions({paths[-1] for paths in students.values()}, args.fractions)
    keep_options(args.work_dir, args.cfg_options)
    for config in {path for paths in students.values() for path in paths}:
        keep_config(args.work_dir, config)
    trainer = Trainer(args.work_dir, args.cfg_options, console)
    results = Results(args.work_dir / 'results.csv')
    # Seeds outermost: a table of all students is there after the first one.
    for seed in args.seeds:
        for fraction in args.fractions:
            for name, (*start, config) in students.items():
                row = Row(name, fraction, seed)
                if not results.has(row):
                    trained = trainer.train(config, row, start=start[0] if start else None)
                    results.add(row, trainer.test(trained), trained)
                    write_table(results, args)
    table = write_table(results, args)
    console.print(table, highlight=False, soft_wrap=True)


if __name__ == '__main__':
    main()

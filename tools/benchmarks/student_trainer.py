# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The trainings of ``compare_students.py``: each config after those that it depends on."""

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from mmengine.config import Config
from mmengine.runner import Runner
from rich.console import Console
from student_results import Row, Trained
from student_settings import NUM_LABELED, SUBSET, has_num_labeled, keep_config

from mmdiffrep.models.teachers.config import RANDOM
from mmdiffrep.utils.atomic_file import write_atomically
from mmdiffrep.utils.hook_configs import find_hooks, keep_standard_hooks

NEVER = 10**9
START = 'model.backbone.init_cfg.checkpoint'
RESULT_OF = re.compile(r'work_dirs/([\w.-]+)/(?:(?:iter|epoch)_\d+\.pth|(\w+))')


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
    """Trains configs and their dependencies, once per seed and number of labels.

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
            row: Seed and number of labels.
            start: Config of the distillation to start from. Default: the one that the config names.

        Raises:
            FileNotFoundError: A diffusion model is missing.
            subprocess.CalledProcessError: A training failed; its log is named on the console.
        """
        keep_config(self.work_dir, config)
        cfg = Config.fromfile(config)
        options = {'randomness.seed': str(row.seed)}
        if cfg.get('val_dataloader'):
            # The result is tested below; a validation here would count as training time.
            options['train_cfg.val_interval'] = str(NEVER)
        parts, distill, teacher = [config.stem], 0.0, 0.0
        for key in find_hooks(cfg, 'RepFusionHook'):
            options[f'{key}.seed'] = str(row.seed)
        if cfg.train_dataloader.dataset.type == SUBSET:
            options['train_dataloader.dataset.fraction'] = str(row.labels.fraction)
            parts.append(f'labels_{row.labels.fraction:g}')
        if row.labels.images and has_num_labeled(cfg):
            options[NUM_LABELED] = str(row.labels.images)
            parts.append(f'labels_{row.labels.images}_images')
        for needed, keys in self._needs(cfg, config, start).items():
            result = self.train(needed, row)
            options.update(dict.fromkeys(keys, result.checkpoint))
            own = result.minutes - result.teacher
            distill, teacher = (
                (distill + own, teacher + result.teacher)
                if START in keys
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

    def _needs(self, cfg: Config, config: Path, start: Path | None) -> dict[Path, list[str]]:
        """Return the configs whose results a config names, each with the keys that name it."""
        parts = {'model': cfg.model.to_dict(), **find_hooks(cfg, 'RepFusionHook')}
        found: dict[Path, list[str]] = {}
        for key, value in leaves(parts):
            path = value.removeprefix(RANDOM)  # a control needs the network's folder, too
            match = RESULT_OF.fullmatch(path)
            if match and match[2]:
                if not Path(path).exists():
                    how = f'train that first, with the config {match[1]}.py'
                    if match[1] == 'feature_banks':
                        how = f'build it first: python -m mmdiffrep bank {config}'
                    raise FileNotFoundError(f'{config.name} needs {value}: {how}')
            elif match and path == value:
                found.setdefault(result_config(match[1], config), []).append(key)
        if start is not None:
            own = [needed for needed, keys in found.items() if START in keys]
            if not own:
                raise ValueError(f'{config.name} starts from random weights: it has no {START}')
            keys = found.pop(own[0])
            found[start] = [*found.get(start, []), *keys]
        return found

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
        """Test a finished training by its config.

        Returns:
            Its metrics on the test set and, as ``val/<name>``, on the validation set, if that is
            another one.
        """
        (dumped,) = trained.folder.glob('*.py')
        cfg = Config.fromfile(dumped)
        cfg.update(load_from=trained.checkpoint, resume=False, launcher='none')
        cfg.log_level = 'WARNING'
        cfg.work_dir = str(trained.folder / 'test')
        # A test needs the student only. Data workers end with it.
        keep_standard_hooks(cfg)
        metrics = _test(cfg)
        if cfg.get('val_dataloader') and cfg.val_dataloader.dataset != cfg.test_dataloader.dataset:
            cfg.update(test_dataloader=cfg.val_dataloader, test_evaluator=cfg.val_evaluator)
            metrics |= {f'val/{name}': value for name, value in _test(cfg).items()}
        return metrics


def _test(cfg: Config) -> dict[str, float]:
    cfg.experiment_name = f'test_{time.time_ns()}'
    cfg.test_dataloader.persistent_workers = False
    return {name: float(value) for name, value in Runner.from_cfg(cfg).test().items()}

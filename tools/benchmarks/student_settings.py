# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The settings of ``compare_students.py``: checked, and kept beside the results that they gave."""

from collections.abc import Iterable
from pathlib import Path

from mmengine.config import Config
from mmengine.registry import DATASETS, init_default_scope
from student_results import Results

from mmdiffrep.utils.atomic_file import write_atomically

SUBSET = 'mmdiffrep.BalancedSubset'
NUM_LABELED = 'train_dataloader.dataset.indices'


def keep_options(work_dir: Path, options: list[str]) -> None:
    """Write the `--cfg-options` into a folder, or compare them with those of its results.

    Raises:
        ValueError: They differ.
    """
    if not kept(work_dir / 'cfg_options.txt', '\n'.join(options)):
        before = (work_dir / 'cfg_options.txt').read_text().splitlines()
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


def has_num_labeled(cfg: Config) -> bool:
    """Return whether a config trains on the first ``num_labeled`` images of its list."""
    return 'num_labeled' in cfg and 'indices' in cfg.train_dataloader.dataset


def check_num_labeled(configs: Iterable[Path], counts: list[int]) -> None:
    """Check that configs can take these numbers of labeled images.

    Raises:
        ValueError: A count below 1, more than a data set has, or a config without ``num_labeled``.
    """
    if min(counts) < 1:
        raise ValueError(f'--num-labeled {counts}: must be at least 1')
    for config in configs:
        cfg = Config.fromfile(config)
        if not has_num_labeled(cfg):
            raise ValueError(
                f'--num-labeled {counts}: {config.name} has no num_labeled that sets '
                f'{NUM_LABELED}; leave the option or the config out'
            )
        init_default_scope(cfg.default_scope)
        size = len(DATASETS.build({**cfg.train_dataloader.dataset, 'indices': None}))
        if max(counts) > size:
            raise ValueError(f'--num-labeled {counts}: {config.name} has {size} training images')

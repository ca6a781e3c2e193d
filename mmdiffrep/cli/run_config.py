# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Build a runner from command line and config file, for training and testing."""

import argparse
import inspect
import logging
import os
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.device import get_device
from mmengine.logging import print_log
from mmengine.registry import RUNNERS
from mmengine.runner import Runner

from mmdiffrep.cli.command import TRACEBACK_OPTION, TRACEBACK_VARIABLE
from mmdiffrep.cli.terminal import BriefTerminal, ignore_host_deprecations
from mmdiffrep.utils.cfg_options import add_cfg_options
from mmdiffrep.utils.checkpoint_io import register_safe_loader
from mmdiffrep.utils.config_path import config_file
from mmdiffrep.utils.dist import setup_dist
from mmdiffrep.utils.hook_configs import drop_switched_off_hooks
from mmdiffrep.utils.near_names import did_you_mean, near_names
from mmdiffrep.utils.pixel_checks import check_inputs
from mmdiffrep.utils.versions import require_host

# Options of a data loader that PyTorch refuses without worker processes.
WORKER_OPTIONS = ('persistent_workers', 'prefetch_factor', 'timeout', 'multiprocessing_context')

_MISSPELT = 0.8  # similarity of names that differ in a letter or two


def config_parser(description: str | None) -> argparse.ArgumentParser:
    """Build the parser of a command whose first argument is a config."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config', help='config file, or the name of one that comes with mmdiffrep')
    return parser


def add_run_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options every run has, under the names OpenMMLab's tools use."""
    parser.add_argument('--work-dir', help='default: work_dirs/<name of the config>')
    add_cfg_options(parser)
    parser.add_argument('--launcher', choices=['none', 'pytorch', 'slurm', 'mpi'], default='none')
    parser.add_argument(
        '--trust-checkpoint',
        action='store_true',
        help='also load checkpoints that run code when they are loaded',
    )
    parser.add_argument(
        TRACEBACK_OPTION,
        action='store_true',
        help=f'show the traceback of an error, as {TRACEBACK_VARIABLE}=1 does',
    )
    # Launchers other than torchrun pass the rank as an option.
    parser.add_argument('--local_rank', '--local-rank', type=int, help=argparse.SUPPRESS)


def load_config(args: argparse.Namespace) -> Config:
    """Read the config, apply the options and prepare the process.

    Args:
        args: With ``config`` (a file, or the name of a config that comes with mmdiffrep) and the
            options of :func:`add_run_arguments`.

    Raises:
        FileNotFoundError: There is no such config.
        ImportError: The config's host library is not installed.
        ValueError: A diffusion model is configured for another normalization than its images have,
            or an option that is misspelt.
    """
    path = config_file(args.config)
    cfg = Config.fromfile(path)
    if args.cfg_options:
        _refuse_misspelt(args.cfg_options, cfg)
        cfg.merge_from_dict(args.cfg_options)
    cfg.work_dir = (
        args.work_dir or cfg.get('work_dir') or os.path.join('work_dirs', Path(path).stem)
    )
    cfg.launcher = args.launcher
    if args.local_rank is not None:
        os.environ.setdefault('LOCAL_RANK', str(args.local_rank))
    require_host(cfg.get('default_scope'))
    drop_switched_off_hooks(cfg)
    check_inputs(cfg)
    register_safe_loader(trust=args.trust_checkpoint)
    ignore_host_deprecations()
    _drop_worker_options(cfg)
    setup_dist(cfg, args.launcher)
    if get_device() == 'cpu' and _replace_sync_bn(cfg.get('model')):
        print_log(
            'SyncBN needs an accelerator: on this CPU it is replaced by BN, so that every process '
            'normalizes by its own batch.',
            logger='current',
            level=logging.WARNING,
        )
    return cfg


def _refuse_misspelt(options: dict[str, Any], cfg: Config) -> None:
    """Refuse options that mmengine would add to the config, where nobody reads them."""
    known = {*cfg, *inspect.signature(Runner).parameters}
    for option in options:
        name = option.partition('.')[0]
        if name not in known and near_names(name, known, cutoff=_MISSPELT):
            raise ValueError(
                f'--cfg-options {option}: the config has no {name!r}.{did_you_mean(name, known)} '
                'Set a new key in a config file.'
            )


def _drop_worker_options(cfg: Config) -> None:
    """Drop what PyTorch refuses without worker processes, and warns of without an accelerator."""
    for name, loader in cfg.items():
        if not (name.endswith('_dataloader') and isinstance(loader, dict)):
            continue
        if get_device() == 'cpu':
            loader.pop('pin_memory', None)
        # 0 is also PyTorch's default
        dropped = [key for key in WORKER_OPTIONS if loader.get(key)]
        if dropped and not loader.get('num_workers'):
            for key in dropped:
                del loader[key]
            print_log(f'{name} has num_workers=0: ignoring its {", ".join(dropped)}.', 'current')


def _replace_sync_bn(node: Any) -> bool:
    """Replace every ``type='SyncBN'`` below a node of a config and return whether there was one."""
    if isinstance(node, dict):
        found = node.get('type') == 'SyncBN'
        if found:
            node['type'] = 'BN'
        children = list(node.values())
    elif isinstance(node, (list, tuple)):
        found, children = False, list(node)
    else:
        return False
    for child in children:
        found = _replace_sync_bn(child) or found
    return found


def build_runner(cfg: Config) -> Runner:
    """Return the runner of the config: mmengine's, or that of ``runner_type``.

    Raises:
        ValueError: The config has no model.
        KeyError: There is no such runner.
    """
    if 'model' not in cfg:
        raise ValueError(f'{cfg.filename} has no model: it is a part of configs, not one to run.')
    kind = RUNNERS.get(cfg.runner_type) if 'runner_type' in cfg else Runner
    if kind is None:
        raise KeyError(
            f'There is no runner_type {cfg.runner_type!r}.'
            f'{did_you_mean(cfg.runner_type, RUNNERS.module_dict)}'
        )
    return type(kind.__name__, (BriefTerminal, kind), {}).from_cfg(cfg)

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Train the model of a config, whatever its task."""

from collections.abc import Sequence

from mmengine.config import Config
from mmengine.device import get_device

from mmdiffrep.cli.run_config import add_run_arguments, build_runner, config_parser, load_config
from mmdiffrep.utils.dist import close_dist
from mmdiffrep.utils.find_checkpoints import find_resume_checkpoint, follow_pointer


def main(argv: Sequence[str] | None = None) -> None:
    """Train the model; ``argv`` is the command line, by default that of the process."""
    parser = config_parser(__doc__)
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        metavar='CHECKPOINT',
        help='go on from this checkpoint; without a value from the newest complete one in the '
        'work directory, or from the start if there is none',
    )
    parser.add_argument('--amp', action='store_true', help='automatic mixed precision')
    parser.add_argument(
        '--auto-scale-lr',
        action='store_true',
        help='scale the learning rate by batch size / auto_scale_lr.base_batch_size of the config',
    )
    add_run_arguments(parser)
    args = parser.parse_args(argv)
    cfg = load_config(args)
    if args.resume or cfg.get('resume'):
        _resume(cfg, args.resume or cfg.get('load_from') or 'auto')
    if args.amp:
        _enable_amp(cfg)
    if args.auto_scale_lr:
        _enable_auto_scale_lr(cfg)
    build_runner(cfg).train()
    close_dist()


def _resume(cfg: Config, checkpoint: str) -> None:
    """Point the runner at the checkpoint; keep ``load_from`` when there is none to resume from."""
    if checkpoint == 'auto':
        found = find_resume_checkpoint(cfg.work_dir)
    else:
        found = follow_pointer(checkpoint)
    cfg.resume = found is not None
    if found is None:
        print(f'No complete checkpoint in {cfg.work_dir}: training from the start.', flush=True)
    else:
        cfg.load_from = found


def _enable_amp(cfg: Config) -> None:
    wrapper = cfg.optim_wrapper.get('type', 'OptimWrapper')
    if wrapper == 'AmpOptimWrapper':
        return
    if wrapper != 'OptimWrapper':
        raise ValueError(
            f'--amp turns an OptimWrapper into an AmpOptimWrapper; this config has {wrapper!r}. '
            'Leave --amp out and set its precision in the config.'
        )
    if get_device() == 'cpu':
        raise ValueError('--amp needs an accelerator, and none was found. Leave it out on a CPU.')
    cfg.optim_wrapper.type = 'AmpOptimWrapper'
    cfg.optim_wrapper.setdefault('loss_scale', 'dynamic')


def _enable_auto_scale_lr(cfg: Config) -> None:
    if 'base_batch_size' not in cfg.get('auto_scale_lr', {}):
        raise ValueError(
            '--auto-scale-lr needs auto_scale_lr=dict(base_batch_size=N) in the config: the batch '
            'size, over all processes, that its learning rate is meant for.'
        )
    cfg.auto_scale_lr.enable = True

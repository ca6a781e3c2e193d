# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Test a checkpoint with the test data and metrics of a config, whatever its task."""

import argparse
from typing import Optional, Sequence

from mmengine.config import Config
from mmengine.evaluator import DumpResults

from mmdiffrep.cli.run_config import add_run_arguments, build_runner, load_config
from mmdiffrep.utils.dist import close_dist

# How each host's visualization hook is switched on.
DRAW_SWITCHES = {'mmseg': 'draw', 'mmdet': 'draw', 'mmpose': 'enable', 'mmpretrain': 'enable'}


def main(argv: Optional[Sequence[str]] = None) -> None:
    """Test.

    Args:
        argv: Command line without the program's name. Defaults to that of the process.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='config file, or the name of one that comes with mmdiffrep')
    parser.add_argument('checkpoint', help='checkpoint file')
    parser.add_argument('--out', metavar='FILE.pkl', help='also write the predictions')
    parser.add_argument('--show-dir', metavar='FOLDER', help='also draw the predictions')
    add_run_arguments(parser)
    args = parser.parse_args(argv)
    if args.out and not args.out.endswith(('.pkl', '.pickle')):
        parser.error(f'--out must end in .pkl, got {args.out}')
    cfg = load_config(args)
    cfg.load_from = args.checkpoint
    cfg.resume = False
    if args.show_dir:
        _draw_predictions(cfg, args.show_dir)
    runner = build_runner(cfg)
    if args.out:
        runner.test_evaluator.metrics.append(DumpResults(out_file_path=args.out))
    runner.test()
    close_dist()


def _draw_predictions(cfg: Config, folder: str) -> None:
    hook = cfg.get('default_hooks', {}).get('visualization')
    switch = DRAW_SWITCHES.get(cfg.get('default_scope'))
    if hook is None or switch is None:
        raise ValueError(
            '--show-dir needs default_hooks.visualization in the config and a default_scope out of '
            f'{", ".join(DRAW_SWITCHES)}; this config has {cfg.get("default_scope")!r}.'
        )
    hook[switch] = True
    if switch == 'enable':
        hook.out_dir = folder
    else:
        cfg.visualizer.save_dir = folder


if __name__ == '__main__':
    main()

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Test a checkpoint with the test data and metrics of a config, whatever its task."""

import os
from collections.abc import Sequence

from mmengine.config import Config
from mmengine.evaluator import DumpResults

from mmdiffrep.cli.run_config import add_run_arguments, build_runner, config_parser, load_config
from mmdiffrep.utils.checks import one_of
from mmdiffrep.utils.dist import close_dist
from mmdiffrep.utils.find_checkpoints import follow_pointer

# Each host's visualization hook, and the option that turns it on.
DRAWING_HOOKS = {
    'mmseg': ('SegVisualizationHook', 'draw'),
    'mmdet': ('DetVisualizationHook', 'draw'),
    'mmpose': ('PoseVisualizationHook', 'enable'),
    'mmpretrain': ('VisualizationHook', 'enable'),
}


def main(argv: Sequence[str] | None = None) -> None:
    """Test the checkpoint; ``argv`` is the command line, by default that of the process."""
    parser = config_parser(__doc__)
    parser.add_argument(
        'checkpoint',
        nargs='?',
        help='checkpoint file, or the work directory of a run; none for a model without weights',
    )
    parser.add_argument('--out', metavar='FILE.pkl', help='also write the predictions')
    parser.add_argument('--show-dir', metavar='FOLDER', help='also draw the predictions')
    add_run_arguments(parser)
    args = parser.parse_args(argv)
    if args.out and not args.out.endswith(('.pkl', '.pickle')):
        parser.error(f'--out must end in .pkl, got {args.out}')
    cfg = load_config(args)
    cfg.load_from = None if args.checkpoint is None else follow_pointer(args.checkpoint)
    cfg.resume = False
    if args.show_dir:
        _draw_predictions(cfg, args.show_dir)
    runner = build_runner(cfg)
    if args.checkpoint is None and next(runner.model.parameters(), None) is not None:
        parser.error('this model has weights: give the checkpoint to test')
    if args.out:
        runner.test_evaluator.metrics.append(DumpResults(out_file_path=args.out))
    runner.test()
    close_dist()


def _draw_predictions(cfg: Config, folder: str) -> None:
    scope = cfg.get('default_scope')
    one_of('--show-dir: default_scope', scope, DRAWING_HOOKS)
    if scope != 'mmpretrain' and _dataset_type(cfg) == 'ToyFacesDataset':
        raise ValueError(
            f"--show-dir: {scope}'s hook reads each image from its file, and drawn faces have none."
        )
    kind, switch = DRAWING_HOOKS[scope]
    hooks = cfg.get('default_hooks') or {}
    hook = dict(hooks.get('visualization') or dict(type=kind, interval=1))
    hook[switch] = True
    # Absolute: mmpose would put it below the work directory, one level deeper with every batch.
    folder = os.path.abspath(folder)
    if switch == 'enable':
        hook['out_dir'] = folder
    else:
        cfg.visualizer.save_dir = folder
    cfg.default_hooks = {**hooks, 'visualization': hook}


def _dataset_type(cfg: Config) -> str:
    dataset = (cfg.get('test_dataloader') or {}).get('dataset') or {}
    return str(dataset.get('type')).rpartition('.')[-1]

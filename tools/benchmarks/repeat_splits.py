#!/usr/bin/env python
# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Train and test a few-shot config on several random splits; print mean ± std of its metrics.

With few labeled images, their choice matters as much as the method. Repeat r
sets `repeat` of the config's data sets to r, so that the labeled images are drawn anew, and the
seed to r. The published split (`repeat=None`) is a run of tools/train.py.

    python tools/benchmarks/repeat_splits.py configs/ddpm_seg/toyfaces_64_fewshot.py --repeats 5
    python tools/benchmarks/repeat_splits.py configs/ddpm_seg/cat_15_adm_256.py --cfg-options \
        train_dataloader.dataset.num_images=10

Everything is in WORK_DIR/repeat_R; metrics in its metrics.json, the table in WORK_DIR/table.md.
Run again, the same command continues where it was stopped.
"""

import sys
from pathlib import Path
from statistics import mean, stdev

from mmengine.dist import is_main_process

from mmdiffrep.apis.repeat_splits import config_of_repeat, run_repeat
from mmdiffrep.cli.run_config import add_run_arguments, config_parser, load_config
from mmdiffrep.utils.atomic_file import write_atomically
from mmdiffrep.utils.dist import close_dist


def table(results: list[dict[str, float]]) -> str:
    """Return a Markdown table: per metric its mean, deviation (n - 1) and all values."""
    lines = [f'| metric | mean ± std, n = {len(results)} | each |', '| --- | --- | --- |']
    for name in results[0]:
        values = [result[name] for result in results]
        spread = stdev(values) if len(values) > 1 else 0.0
        each = ', '.join(f'{value:.4g}' for value in values)
        lines.append(f'| {name} | {mean(values):.4g} ± {spread:.2g} | {each} |')
    return '\n'.join(lines) + '\n'


def main(argv: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parser = config_parser(__doc__)
    parser.add_argument('--repeats', type=int, default=5, help='how many (%(default)s)')
    add_run_arguments(parser)
    args = parser.parse_args(argv)
    if args.repeats < 1:
        parser.error(f'--repeats must be at least 1, got {args.repeats}')
    try:
        cfg = load_config(args)
        work_dir = Path(cfg.work_dir)
        results = [
            run_repeat(config_of_repeat(cfg, repeat, work_dir)) for repeat in range(args.repeats)
        ]
    except (OSError, ValueError) as error:
        print(f'error: {error}', file=sys.stderr)
        return 1
    if is_main_process():
        print(table(results))
        write_atomically(table(results).encode(), work_dir / 'table.md')
    close_dist()
    return 0


if __name__ == '__main__':
    sys.exit(main())

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Measure the cost of each variant of the distillation, and the savings of a cut teacher.

Takes configs/repfusion/experiments/toyfaces_r18_cls_*.py. Times a whole training step of each
(student, task loss, teacher, timestep policy, distillation losses, backward pass, both optimizers)
with the teacher cut after its last tap and with the whole network, and a step of the same student
without distillation, in turns. "Faster" is the ratio of the first two within each round, "over
none" that of the cut one and of no distillation, so that a slow phase of the machine affects both.
Times and ratios are medians, with quartiles in brackets. Peak memory is measured in processes of
their own, with one of the two networks at a time. A CNN as the teacher is never cut.

    python tools/benchmarks/distill_variants.py
    python tools/benchmarks/distill_variants.py hint relational --teacher celebahq-256 --batch 8
    python tools/benchmarks/distill_variants.py --amp --iters 30 --no-memory
    python tools/benchmarks/distill_variants.py fixed_t --precision bfloat16 --no-memory

Runs on the device that a training would take. With --teacher the diffusion model has the shape of
a public one and random weights: speed does not depend on them.
"""

import argparse
import multiprocessing
import statistics
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from distill_step import SHAPES
from measure import peak_bytes, time_in_turns
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.runner import Runner
from rich.console import Console
from rich.table import Table

from mmdiffrep.apis.build_teacher_bank import build_teacher_bank
from mmdiffrep.diffusion import load_denoiser
from mmdiffrep.diffusion.precision import PRECISIONS
from mmdiffrep.engine.hooks import RepFusionHook
from mmdiffrep.utils.hook_configs import drop_hooks, find_hooks
from mmdiffrep.utils.host_models import build_host_model, find_config

FOLDER = Path(__file__).resolve().parents[2] / 'configs' / 'repfusion' / 'experiments'
PREFIX = 'toyfaces_r18_cls_'
NAMES = sorted(path.stem.removeprefix(PREFIX) for path in FOLDER.glob(f'{PREFIX}*.py'))
SCRATCH = 'no distillation'


class Options(NamedTuple):
    """Settings of all variants.

    Attributes:
        batch: Images per step.
        teacher: One of ``SHAPES``, or None for the teacher of the config.
        amp: Autocast of the student to bfloat16.
        precision: Of the teacher; None: the config's.
    """

    batch: int
    teacher: str | None
    amp: bool
    precision: str | None = None


class Row(NamedTuple):
    """Seconds of each step and bytes at the peak, for both teachers; ``whole`` may be lacking.

    ``none`` has the seconds of the same student without distillation, in the same rounds.
    """

    name: str
    none: list[float]
    cut: list[float]
    whole: list[float] | None
    cut_bytes: int | None
    whole_bytes: int | None


def load_config(name: str, options: Options) -> Config:
    """Load a variant, for a single batch and without validation."""
    cfg = Config.fromfile(FOLDER / f'{PREFIX}{NAMES[0] if name == SCRATCH else name}.py')
    cfg.train_dataloader.update(batch_size=options.batch, num_workers=0, persistent_workers=False)
    dataset = cfg.train_dataloader.dataset
    images = dataset.dataset if dataset.type == 'mmdiffrep.FixedViews' else dataset
    images.update(num_images=options.batch, indices=None)
    cfg.update(val_cfg=None, val_dataloader=None, val_evaluator=None)
    cfg.update(visualizer=None, log_level='ERROR')
    drop_hooks(cfg, 'ExactResumeHook', 'PolicyLogHook')
    if name == SCRATCH:
        drop_hooks(cfg, 'RepFusionHook')
    if options.amp:
        cfg.optim_wrapper.update(type='AmpOptimWrapper', dtype='bfloat16')
    for hook in find_hooks(cfg, 'RepFusionHook').values():
        if options.precision is not None:
            hook.precision = options.precision
        if options.teacher is not None:
            shape = dict(type='UNet2DDenoiser', unet=SHAPES[options.teacher])
            if isinstance(hook.teacher, str):
                hook.teacher = shape
            elif 'denoiser' in hook.teacher:
                hook.teacher.denoiser = shape
    return cfg


class Step:
    """Training step of a config, repeated on the same batch.

    Args:
        cfg (Config): The run.
        folder (str): Folder of all files.
        teachers (sequence of str): Which to have at hand, of ``'cut'`` and ``'whole'``; a CNN is
            never cut. Defaults to ``'cut'`` alone.

    Attributes:
        has_whole (bool): There is a whole teacher.
    """

    def __init__(self, cfg: Config, folder: str, teachers: Sequence[str] = ('cut',)) -> None:
        cfg.work_dir = folder
        cfg.experiment_name = f'{Path(folder).name}_{id(self)}'
        for hook in find_hooks(cfg, 'RepFusionHook').values():
            if 'checkpoint' in hook.teacher:
                _save_random_weights(hook.teacher, folder)
            if 'bank' in hook.teacher:
                cfg.train_dataloader.dataset.bank = hook.teacher.bank = f'{folder}/bank'
                build_teacher_bank(cfg, get_device())
        self.runner = Runner.from_cfg(cfg)
        self.batch = next(iter(self.runner.train_loop.dataloader))
        self.runner.optim_wrapper = self.runner.build_optim_wrapper(self.runner.optim_wrapper)
        self.runner.model.train()
        self.hooks = [hook for hook in self.runner.hooks if isinstance(hook, RepFusionHook)]
        for hook in self.hooks:
            hook.before_run(self.runner)
            hook.before_train(self.runner)
        self._cut = None
        self.has_whole = 'whole' in teachers and any(
            hasattr(hook.teacher, 'denoiser') for hook in self.hooks
        )
        if self.has_whole:
            self._load_whole(keep_cut='cut' in teachers)

    def _load_whole(self, keep_cut: bool) -> None:
        teacher = self.hooks[0].teacher
        if keep_cut:
            self._cut = teacher.denoiser
        # Frees the cut one, unless it is kept, before the whole one takes memory.
        teacher.denoiser = None
        self._whole = load_denoiser(self.hooks[0].teacher_cfg).freeze().to(get_device())
        if keep_cut:
            weights = self._whole.state_dict()
            self._cut.load_state_dict({key: weights[key] for key in self._cut.state_dict()})

    def cut(self) -> None:
        """Run a step with the teacher that was cut, or the only one."""
        if self._cut is not None:
            self.hooks[0].teacher.denoiser = self._cut
        self._run()

    def whole(self) -> None:
        """Run a step with the whole teacher."""
        self.hooks[0].teacher.denoiser = self._whole
        self._run()

    def _run(self) -> None:
        batch = dict(self.batch)  # a bank teacher takes the stored features out of it
        for hook in self.hooks:
            hook.before_train_iter(self.runner, 0, batch)
        self.losses = self.runner.model.train_step(batch, self.runner.optim_wrapper)
        for hook in self.hooks:
            hook.after_train_iter(self.runner, 0, batch, self.losses)


def _save_random_weights(teacher: dict, folder: str) -> None:
    """Give a CNN teacher an untrained checkpoint, which is enough for timing."""
    weights = build_host_model(find_config(teacher['config'])).state_dict()
    teacher['checkpoint'] = f'{folder}/cnn.pth'
    torch.save(weights, teacher['checkpoint'])


def peak_of(name: str, options: Options, teacher: str) -> int:
    """Return the bytes that a run with one teacher takes at its peak, in this process."""

    def two_steps() -> None:  # the optimizers make their state in the first
        with tempfile.TemporaryDirectory() as folder:
            step = Step(load_config(name, options), folder, [teacher])
            run = step.whole if step.has_whole else step.cut
            run()
            run()

    return peak_bytes(two_steps, get_device())


def _peak_in_new_process(*args: object) -> int:
    # Forks of a server that has imported all modules and run nothing.
    context = multiprocessing.get_context('forkserver')
    context.set_forkserver_preload([Path(__file__).stem])
    with context.Pool(1) as pool:
        return pool.apply(peak_of, args)


def measure(name: str, options: Options, iters: int, memory: bool = True) -> Row:
    """Time one variant with both teachers in turns."""
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as other:
        step = Step(load_config(name, options), folder, ['cut', 'whole'])
        calls = {'cut': step.cut, **({'whole': step.whole} if step.has_whole else {})}
        if name != SCRATCH:
            calls['none'] = Step(load_config(SCRATCH, options), other).cut
        seconds = time_in_turns(calls, iters, get_device())
    cut = _peak_in_new_process(name, options, 'cut') if memory else None
    whole = _peak_in_new_process(name, options, 'whole') if memory and step.has_whole else None
    none = seconds.get('none', seconds['cut'])
    return Row(name, none, seconds['cut'], seconds.get('whole'), cut, whole)


def milliseconds(seconds: Sequence[float]) -> str:
    """Format median and quartiles, as in ``240.4 (231-252)``."""
    low, middle, high = statistics.quantiles(
        [1000 * second for second in seconds], n=4, method='inclusive'
    )
    return f'{middle:.1f} ({low:.0f}-{high:.0f})'


def ratio(above: Sequence[float], below: Sequence[float]) -> str:
    """Format the ratios of the rounds likewise, as in ``2.64 (2.51-2.72)``."""
    ratios = [first / second for first, second in zip(above, below)]
    low, middle, high = statistics.quantiles(ratios, n=4, method='inclusive')
    return f'{middle:.2f} ({low:.2f}-{high:.2f})'


def to_table(rows: list[Row], options: Options, title: str) -> Table:
    """Lay out the rows: times, savings of the cut, peak memory."""
    table = Table(title=title)
    table.add_column('variant', no_wrap=True)
    columns = ('whole\nms', 'cut\nms', 'faster', 'over\nnone', 'images/s', 'whole\nMiB', 'cut\nMiB')
    for column in columns:
        table.add_column(column, justify='right')
    for row in rows:
        timed = ['' if row.whole is None else milliseconds(row.whole), milliseconds(row.cut)]
        faster = '' if row.whole is None else ratio(row.whole, row.cut)
        over = '' if row.name == SCRATCH else ratio(row.cut, row.none)
        images = f'{options.batch / statistics.median(row.cut):.1f}'
        memory = [
            '' if size is None else f'{size / 2**20:.0f}'
            for size in (row.whole_bytes, row.cut_bytes)
        ]
        table.add_row(row.name, *timed, faster, over, images, *memory)
    return table


def main() -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('variants', nargs='*', help='default: all', metavar='VARIANT')
    parser.add_argument('--batch', type=int, default=16)
    parser.add_argument('--iters', type=int, default=15, help='rounds that are counted')
    parser.add_argument('--teacher', choices=[*SHAPES], help="default: the configs' own")
    parser.add_argument('--amp', action='store_true', help='autocast to bfloat16')
    parser.add_argument(
        '--precision', choices=PRECISIONS, help="of the teacher (default: the configs')"
    )
    parser.add_argument('--no-memory', action='store_true', help='time only, much sooner done')
    args = parser.parse_args()
    unknown = sorted(set(args.variants) - set(NAMES))
    if unknown:
        parser.error(f'unknown variants {unknown}; there are {NAMES}')
    if args.iters < 2:
        parser.error(f'--iters must be at least 2 to have quartiles, got {args.iters}')
    options = Options(args.batch, args.teacher, args.amp, args.precision)
    rows = []
    for name in [SCRATCH, *(args.variants or NAMES)]:
        rows.append(measure(name, options, args.iters, memory=not args.no_memory))
        print(f'{name}: {milliseconds(rows[-1].cut)} ms', flush=True)
    title = (
        f'a step of {args.batch} images, {get_device()}, {torch.get_num_threads()} threads, '
        f'teacher {args.teacher or "of the configs"} {args.precision or ""}, '
        f'medians of {args.iters} rounds (quartiles)'
    )
    Console(width=130).print(to_table(rows, options, title))


if __name__ == '__main__':
    main()

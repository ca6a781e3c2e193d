# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Log and draw the timesteps that policies draw over a run."""

import csv
import io
import os.path as osp
from typing import Any

from mmengine.dist import master_only
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmengine.visualization import TensorboardVisBackend
from PIL import Image

from mmdiffrep.engine.distillation.timestep_history import TimestepHistory
from mmdiffrep.engine.hooks.repfusion_hook import RepFusionHook
from mmdiffrep.registry import HOOKS
from mmdiffrep.utils.atomic_file import write_atomically
from mmdiffrep.utils.checks import integer
from mmdiffrep.visualization import draw_timestep_map


@HOOKS.register_module()
class PolicyLogHook(Hook):
    """Draw a map of iteration and timestep for the policies of a :class:`RepFusionHook`.

    ``work_dir/timesteps.png`` shows the share of the draws by bucket of timesteps, with curves of
    the mean timestep and of the policy's entropy; ``timesteps.csv`` holds the numbers. A named
    policy adds its name, as in ``timesteps_task.png``. The picture also goes to the visualizer, and
    the histogram of every row to TensorBoard where one of its backends is a
    ``TensorboardVisBackend``. Draws are counted over all ranks and survive a resume.

    Args:
        interval (int): Iterations per row. Defaults to 100.
        picture_interval (int): Iterations between two pictures; the last iteration always gives
            one. Defaults to 1000.
        num_buckets (int): Buckets of timesteps in the map. Defaults to 50.
    """

    def __init__(
        self, interval: int = 100, picture_interval: int = 1000, num_buckets: int = 50
    ) -> None:
        self.interval = integer('interval', interval, 1)
        self.picture_interval = integer('picture_interval', picture_interval, 1)
        self.num_buckets = integer('num_buckets', num_buckets, 1)
        self.histories: dict[str, TimestepHistory] = {}
        self._resumed: dict[str, Any] = {}

    def before_run(self, runner: Runner) -> None:
        """Find the distillation hook, which has built its policies by now.

        Raises:
            ValueError: The run has none.
        """
        hook = next((hook for hook in runner.hooks if isinstance(hook, RepFusionHook)), None)
        if hook is None:
            raise ValueError(
                'PolicyLogHook logs the timesteps of a RepFusionHook, but the run has none: add '
                "dict(type='mmdiffrep.RepFusionHook', ...) to default_hooks, or leave it out"
            )
        self.distillation = hook
        if hook.distiller is None or self.histories:
            return
        for name, branch in hook.distiller.named_branches():
            count = hook.teacher.num_timesteps or branch.policy.max_timestep + 1
            self.histories[name] = TimestepHistory(count, self.num_buckets)
        self._resume()

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        """Count the draws; end a row and draw when the interval has passed."""
        for name, sample in self.distillation.drawn.items():
            self.histories[name].add(sample)
        last = self.is_last_train_iter(runner)
        if last or self.every_n_train_iters(runner, self.interval):
            for name, history in self.histories.items():
                rows = len(history)
                history.close_row(runner.iter + 1)
                if len(history) > rows:
                    self._to_tensorboard(runner, name, history)
        if last or self.every_n_train_iters(runner, self.picture_interval):
            for name, history in self.histories.items():
                if len(history):
                    self._write(runner, name, history)

    @master_only
    def _to_tensorboard(self, runner: Runner, name: str, history: TimestepHistory) -> None:
        """Hand the histogram of the last row to TensorBoard."""
        counts = history.counts[-1]
        lows = history.lows
        for backend in runner.visualizer._vis_backends.values():
            if isinstance(backend, TensorboardVisBackend):
                backend.experiment.add_histogram_raw(
                    _title(name),
                    min=0,
                    max=history.num_timesteps - 1,
                    num=counts.sum().item(),
                    sum=(history.mean_t[-1] * counts.sum()).item(),
                    sum_squares=sum(low**2 * n for low, n in zip(lows, counts.tolist())),
                    bucket_limits=[*lows[1:], history.num_timesteps],
                    bucket_counts=counts.tolist(),
                    global_step=history.iterations[-1],
                )

    @master_only
    def _write(self, runner: Runner, name: str, history: TimestepHistory) -> None:
        """Write picture and table, and show the picture to the visualizer."""
        picture = draw_timestep_map(
            history.iterations,
            history.shares.numpy(),
            history.mean_t.numpy(),
            history.entropy.numpy(),
            history.num_timesteps,
            title=_title(name),
        )
        png = io.BytesIO()
        Image.fromarray(picture).save(png, format='PNG')
        path = osp.join(runner.work_dir, _title(name))
        write_atomically(png.getvalue(), f'{path}.png')
        write_atomically(_table(history).encode(), f'{path}.csv')
        runner.visualizer.add_image(_title(name), picture, step=runner.iter + 1)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Add the counts so far."""
        checkpoint['policy_log'] = {
            name: history.state_dict() for name, history in self.histories.items()
        }

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Continue the counts of a resumed run."""
        if runner._resume:
            self._resumed = dict(checkpoint.get('policy_log', {}))
            self._resume()

    def _resume(self) -> None:
        """Load what was saved as soon as it has a place: a flexible runner loads early."""
        for name in self._resumed.keys() & self.histories.keys():
            self.histories[name].load_state_dict(self._resumed.pop(name))


def _title(branch: str) -> str:
    return f'timesteps_{branch}' if branch else 'timesteps'


def _table(history: TimestepHistory) -> str:
    """Return one line per row: iteration, mean t, entropy, and the share of every bucket."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(['iteration', 'mean_t', 'entropy', *(f't{low}' for low in history.lows)])
    rows = zip(history.iterations, history.mean_t, history.entropy, history.shares)
    for iteration, mean_t, entropy, shares in rows:
        numbers = [mean_t.item(), entropy.item(), *shares.tolist()]
        writer.writerow([iteration, *(f'{number:.6g}' for number in numbers)])
    return text.getvalue()

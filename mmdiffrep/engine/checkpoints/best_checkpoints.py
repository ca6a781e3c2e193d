# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Best checkpoints and validations of a run that may die between any two of its files."""

import bisect

from mmengine.optim import OptimWrapperDict
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop, Runner

from mmdiffrep.engine.checkpoints.atomic_writing import AtomicWriting
from mmdiffrep.utils.near_names import did_you_mean

# What a checkpoint's message hub says of the run's position beyond mmengine's. mmengine's log shows
# all that begins with train, val or test.
VALIDATION_DUE = 'awaits_validation'
_OUTDATED_BEST = 'outdated_best'


class BestCheckpoints(AtomicWriting):
    """Keeps the best checkpoint until another one names its successor.

    A checkpoint knows whether a validation was due after it; a run resumed from there makes it up.
    """

    def _resume_files(self, runner: Runner) -> None:
        """Take over the best files too."""
        super()._resume_files(runner)
        best = self._best_paths().items()
        self._set_best_paths({key: path and self._in_own_folder(path) for key, path in best})
        self._remove_outdated_best(runner)

    def _make_up_validation(self, runner: Runner) -> None:
        """Validate if the run was ended between this checkpoint and the validation due after it."""
        if runner.message_hub.get_info(VALIDATION_DUE, False) and runner.val_loop is not None:
            runner.logger.info(
                f'The run was ended before the validation after iteration {runner.iter}: '
                'validating now.'
            )
            runner.val_loop.run()

    def after_train(self, runner: Runner) -> None:
        """Publish as mmengine does."""
        self._remove_outdated_best(runner)
        super().after_train(runner)

    def _save_checkpoint(self, runner: Runner) -> None:
        """As mmengine's; the file knows whether a validation follows."""
        runner.message_hub.update_info(VALIDATION_DUE, self._validation_follows(runner))
        super()._save_checkpoint(runner)

    def _validation_follows(self, runner: Runner) -> bool:
        """Whether the loop validates before the next iteration; as mmengine's loops decide it."""
        loop = runner.train_loop
        if runner.val_loop is None:
            return False
        if self.by_epoch and isinstance(loop, EpochBasedTrainLoop):
            done, end = runner.epoch + 1, loop.max_epochs
        elif not self.by_epoch and isinstance(loop, IterBasedTrainLoop):
            done, end = runner.iter + 1, loop.max_iters
        else:
            return False
        interval = loop.dynamic_intervals[bisect.bisect(loop.dynamic_milestones, done + 1) - 1]
        return done >= loop.val_begin and (done % interval == 0 or done == end)

    def _save_checkpoint_with_step(self, runner: Runner, step: int, meta: dict[str, int]) -> None:
        super()._save_checkpoint_with_step(runner, step, meta)
        self._remove_outdated_best(runner)

    def _save_best_checkpoint(self, runner: Runner, metrics: dict[str, float]) -> None:
        """As mmengine's, but the previous best goes only when a checkpoint names the new one."""
        hub = runner.message_hub
        hub.update_info(VALIDATION_DUE, False)
        if not self.save_best:
            return
        self._check_best_metrics(metrics)
        # The parent class removes a best file that it knows before it writes the new one, and
        # writes the checkpoint that names it before we know what is outdated: it must know neither.
        previous, last = self._best_paths(), self.last_ckpt
        self._set_best_paths(dict.fromkeys(previous))
        self.last_ckpt = None
        super()._save_best_checkpoint(runner, metrics)
        self.last_ckpt = last
        new = self._best_paths()
        current = {key: path or previous[key] for key, path in new.items()}
        self._set_best_paths(current)
        outdated = {*hub.get_info(_OUTDATED_BEST, []), *previous.values()}
        hub.update_info(_OUTDATED_BEST, sorted(outdated - {None, *current.values()}))
        if last is None:  # an interrupted run starts anew
            self._remove_outdated_best(runner)
        elif any(new.values()) and gradients_are_applied(runner):
            self._save_between_iterations(runner)

    def _check_best_metrics(self, metrics: dict[str, float]) -> None:
        for name in self.key_indicators:
            if name not in metrics and name != 'auto':
                raise ValueError(
                    f'AtomicCheckpointHook: save_best={name!r}, but the validation gave '
                    f'{", ".join(metrics)}.{did_you_mean(name, metrics)} After a resume with '
                    'another save_best, this validation is repeated first.'
                )

    def _best_paths(self) -> dict[str, str | None]:
        """Best checkpoint per metric; mmengine keeps a single one under another name."""
        if not self.save_best:
            return {}
        if len(self.key_indicators) == 1:
            return {'': self.best_ckpt_path}
        return dict(self.best_ckpt_path_dict)

    def _set_best_paths(self, paths: dict[str, str | None]) -> None:
        if not self.save_best:
            return
        if len(self.key_indicators) == 1:
            self.best_ckpt_path = paths['']
        else:
            self.best_ckpt_path_dict = paths

    def _remove_outdated_best(self, runner: Runner) -> None:
        """Remove the best checkpoints that have a successor; never those of another folder."""
        for path in map(self._own_path, runner.message_hub.get_info(_OUTDATED_BEST, [])):
            if path not in self._best_paths().values():
                self._remove(path)
        runner.message_hub.update_info(_OUTDATED_BEST, [])


def gradients_are_applied(runner: Runner) -> bool:
    """Whether no accumulated gradient waits for the next iteration; it would not be saved."""
    wrapper = runner.optim_wrapper
    wrappers = wrapper.values() if isinstance(wrapper, OptimWrapperDict) else [wrapper]
    return all(wrapper.should_update() for wrapper in wrappers)

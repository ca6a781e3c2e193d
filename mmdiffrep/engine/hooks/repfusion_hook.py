# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""RepFusion as a hook: distils a diffusion model into any unmodified OpenMMLab model."""

from collections.abc import Callable, Sequence

import torch
from mmengine.dist import get_rank, get_world_size
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from mmengine.utils import apply_to
from torch import Tensor, nn

from mmdiffrep.engine.distillation.distiller_state import restore
from mmdiffrep.engine.distillation.host_model import channels_by_pair, check_host, fill_rewards
from mmdiffrep.engine.distillation.phases import PhaseSchedule, RestingTask
from mmdiffrep.engine.distillation.side_optimizer import SideOptimizer
from mmdiffrep.engine.distillation.step import DistillationPass
from mmdiffrep.engine.not_finite import check_parameters
from mmdiffrep.models.distillers import LayerTaps, RepFusionDistiller
from mmdiffrep.models.teachers import (
    Teacher,
    build_teacher,
    check_normalization,
    normalization_of,
)
from mmdiffrep.models.timestep_policies import TimestepSample
from mmdiffrep.registry import HOOKS
from mmdiffrep.utils.random_streams import IterationStreams

PAIR_KEYS = {'student', 'teacher', 'loss', 'standardize', 'connector', 'student_channels'}


@HOOKS.register_module()
class RepFusionHook(Hook):
    """Adds RepFusion's terms to the losses of the model that a run trains.

    The model, its optimizer, its checkpoint keys, EMA and DDP stay the host's own. The distiller
    (connectors, timestep policy, reward decoder) has its own optimizer, and its state goes into
    the checkpoint under ``distiller``, the teacher's id and weight hash with it.

    Args:
        teacher (str or dict): The diffusion model: folder, hub id or config; or a trained model of
            a host, ``dict(type='mmdiffrep.HostTeacher', config=..., checkpoint=...)``.
        pairs (list of dict): What is compared: ``student`` (a layer, e.g. ``'backbone'`` for its
            last output or ``'backbone[2]'``, or a list of layers that together predict one
            teacher feature), ``teacher`` (a tap, e.g. ``'mid'``), ``loss``
            (config) and optionally ``standardize``, ``connector`` and ``student_channels`` (found
            by a pass on an empty image otherwise).
        policy (dict, optional): Timestep policy, or several by name, each with a pass of the
            teacher and terms of its own: ``dict(task=dict(type=...), common=dict(type=...))``.
            Defaults to None: t = 0 always, the official setting for faces.
        noise (str or dict): Noise source of the teacher's input. Defaults to ``'none'``: the clean
            image, as officially.
        reward (dict, optional): Reward of a policy that learns, or several by the name of their
            policy. Defaults to None: the one that fits the model's head.
        holdout (float): Share of the images, in [0, 1), that the reward's decoder never learns
            from; they alone reward the policy, so that what the decoder knows by heart earns
            nothing. Defaults to 0: all images do both, as officially.
        optimizer (dict, optional): Optimizer of the distiller. Defaults to None:
            ``dict(type='AdamW', lr=1e-3, weight_decay=1e-4)``. The official code has one SGD (lr
            0.1, momentum 0.9, weight decay 1e-4) for everything.
        paramwise_cfg (dict, optional): As in ``optim_wrapper``, e.g. a learning rate of its own for
            ``policy``. Defaults to None.
        clip_grad (dict, optional): Clips the distiller's own gradient norm. Defaults to None.
        param_scheduler (dict or list, optional): Schedulers of the distiller's learning rate.
            Defaults to None: those of the run.
        phases (list of tuple, optional): ``(phase, end iteration)`` in order, of ``'distill'``
            (the task's own losses count zero) and ``'joint'``; what follows is ``'finetune'``,
            without teacher. Defaults to None: joint all along.
        teacher_size (int, optional): Side of the teacher's input. Defaults to None: the size that
            it was trained at.
        teacher_input (str): ``'exact'`` undoes the host's normalization (the default);
            ``'student'`` feeds the student's tensor, as the official code does. The policy sees
            the same.
        normalization (dict, optional): ``mean``, ``std`` and ``channel_order`` of the student's
            tensors. Defaults to None: read from the model's data preprocessor.
        seed (int): Seed of timesteps and noise, which are functions of (seed, iteration, image in
            the batch of all ranks), so that a resumed run draws the same. Defaults to 0.
    """

    # Before EMAHook (NORMAL), LoggerHook, ParamSchedulerHook and CheckpointHook.
    priority = 'ABOVE_NORMAL'

    def __init__(
        self,
        teacher: str | dict,
        pairs: Sequence[dict],
        policy: dict | None = None,
        noise: str | dict = 'none',
        reward: dict | None = None,
        holdout: float = 0.0,
        optimizer: dict | None = None,
        paramwise_cfg: dict | None = None,
        clip_grad: dict | None = None,
        param_scheduler: dict | list | None = None,
        phases: Sequence[tuple[str, int]] | None = None,
        teacher_size: int | None = None,
        teacher_input: str = 'exact',
        normalization: dict | None = None,
        seed: int = 0,
    ) -> None:
        if isinstance(pairs, (str, dict)) or not pairs:
            raise ValueError(
                'pairs must be a list of at least one dict(student=..., teacher=..., loss=...), '
                f'got {pairs!r}'
            )
        for pair in pairs:
            keys = set(pair) if isinstance(pair, dict) else set()
            if not {'student', 'teacher', 'loss'} <= keys <= PAIR_KEYS:
                raise ValueError(
                    "every pair needs 'student', 'teacher' and 'loss', and may have "
                    f"'standardize', 'connector' and 'student_channels'; got {pair!r}"
                )
        if teacher_input not in ('exact', 'student'):
            raise ValueError(f"teacher_input must be 'exact' or 'student', got {teacher_input!r}")
        if seed < 0:
            raise ValueError(f'seed must not be negative, got {seed}')
        if normalization is not None:
            check_normalization(normalization)
        self.teacher_cfg = teacher
        self.pairs = [dict(pair) for pair in pairs]
        self.layers = [
            (pair['student'],) if isinstance(pair['student'], str) else tuple(pair['student'])
            for pair in self.pairs
        ]
        self.policy_cfg = policy or dict(type='mmdiffrep.FixedTimestep', t=0)
        self.noise = noise
        self.reward_cfg = reward
        self.holdout = holdout
        self.optimizer_cfg = optimizer or dict(type='AdamW', lr=1e-3, weight_decay=1e-4)
        self.paramwise_cfg = paramwise_cfg
        self.clip_grad = clip_grad
        self.param_scheduler = param_scheduler
        self.phases = PhaseSchedule(phases)
        self.teacher_size = teacher_size
        self.teacher_input = teacher_input
        self.normalization = normalization
        self.seed = seed
        self.teacher: Teacher | None = None
        self.distiller: RepFusionDistiller | None = None
        self._pass: DistillationPass | None = None
        self._task = RestingTask()
        self._handles: list = []

    @property
    def drawn(self) -> dict[str, TimestepSample]:
        """What the policies drew in this iteration, by branch name, ``''`` for a single one."""
        return {} if self._pass is None else self._pass.drawn

    # -- set-up and tear-down ----------------------------------------------------------------

    def before_run(self, runner: Runner) -> None:
        """Build teacher, distiller and optimizer; the model's random state stays as it was."""
        # Validation and test alone leave the optimizer unbuilt: there is nothing to do.
        if self.distiller is not None or isinstance(runner.optim_wrapper, (dict, type(None))):
            return
        check_host(runner)
        self._check_run(runner)
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        self._rank, self._world = get_rank(), get_world_size()
        device = next(model.parameters()).device
        with torch.random.fork_rng(devices=[device] if device.type == 'cuda' else []):
            torch.manual_seed(self.seed)
            self._build(model, runner)
            self.teacher.to(device)
            self.distiller.to(device).train()
            self.optimizer = SideOptimizer(
                self.distiller, self.optimizer_cfg, self.paramwise_cfg, self.clip_grad
            )
        self.optimizer.broadcast()
        self.optimizer.follow_schedule(runner, self.param_scheduler)

    def _check_run(self, runner: Runner) -> None:
        if sum(isinstance(hook, RepFusionHook) for hook in runner.hooks) > 1:
            raise ValueError(
                'custom_hooks has more than one RepFusionHook, whose losses and checkpoints would '
                'have the same names: give one hook several pairs, of which each may have a tap of '
                'its own'
            )
        if self.phases.end > runner.max_iters:
            runner.logger.warning(
                f'RepFusion: the last of phases={self.phases.phases} ends after the run, which has '
                f'{runner.max_iters} iterations'
            )

    def _build(self, model: nn.Module, runner: Runner) -> None:
        names = [name for layers in self.layers for name in layers]
        self.taps = LayerTaps(model, names)
        settings = self.normalization or normalization_of(model, runner.cfg)
        self.teacher = build_teacher(
            self.teacher_cfg,
            taps=[pair['teacher'] for pair in self.pairs],
            size=self.teacher_size,
            raw_input=self.teacher_input == 'student',
            noise=self.noise,
            **settings,
        )
        given = [pair.get('student_channels') for pair in self.pairs]
        channels = channels_by_pair(model, self.layers, given)
        self.distiller = RepFusionDistiller(
            pairs=[
                {k: v for k, v in pair.items() if k in ('loss', 'standardize', 'connector')}
                for pair in self.pairs
            ],
            student_channels=channels,
            teacher_channels=self.teacher.channels,
            policy=self.policy_cfg,
            reward=fill_rewards(model, self.policy_cfg, self.reward_cfg),
            holdout=self.holdout,
        )
        if self.distiller.needs_task:
            self.phases.check_task_learns()
        sizes = [len(layers) for layers in self.layers]
        self._pass = DistillationPass(self.taps, self.teacher, self.distiller, sizes)
        self.teacher_record = self.teacher.record
        runner.logger.info(
            f'RepFusion: teacher {self.teacher.source} ({self.teacher.weights_hash[:12]}), taps '
            f'{self.teacher.taps} with {self.teacher.channels} channels, student layers {names} '
            f'with {channels} channels'
        )

    def before_train(self, runner: Runner) -> None:
        """Taps the student; after EMAHook has copied the model, so that the copy stays plain."""
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        self.taps.attach()
        loss_hook = torch.compiler.disable(self._loss_hook(runner))
        self._handles.append(model.register_forward_hook(loss_hook, with_kwargs=True))
        optimizer = runner.optim_wrapper.optimizer
        self._handles.append(optimizer.register_step_pre_hook(self._task.spare))
        self.optimizer.attach(runner.optim_wrapper)

    def after_train(self, runner: Runner) -> None:
        """Remove every hook from the student and its optimizer."""
        self._detach()

    def _detach(self) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles.clear()
        self.taps.detach()
        self.optimizer.detach()

    # -- one iteration -----------------------------------------------------------------------

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict | None = None
    ) -> None:
        """Clear stale features; frees the teacher when fine-tuning begins."""
        phase = self.phases.at(runner.iter)
        self._task.rests = phase == 'distill'
        if self._pass is not None:
            self._pass.clear()
        if phase == 'finetune' and self.teacher is not None:
            self._detach()
            self.teacher = self._pass = None
            self.optimizer.zero_grad()
            runner.logger.info('RepFusion: distillation is over, the teacher is freed')

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: dict | None = None,
    ) -> None:
        """Clear the distiller's gradients at the end of an accumulation window."""
        if runner.optim_wrapper.should_update():
            self.optimizer.zero_grad()

    def _loss_hook(self, runner: Runner) -> Callable[..., dict | None]:
        def hook(module: nn.Module, args: tuple, kwargs: dict, output: object) -> dict | None:
            arguments = dict(zip(('inputs', 'data_samples', 'mode'), args), **kwargs)
            if arguments.get('mode') != 'loss':
                return None
            return self._add_losses(runner, module, arguments, output)

        return hook

    def _add_losses(
        self, runner: Runner, model: nn.Module, arguments: dict, task: dict[str, Tensor]
    ) -> dict[str, Tensor]:
        losses = self._pass(
            arguments['inputs'],
            arguments.get('data_samples'),
            task,
            IterationStreams(self.seed, runner.iter, self._rank, self._world),
            progress=self.phases.progress(runner.iter, runner.max_iters),
        )
        if self._task.rests:
            task = self._task.silence(model, task, losses)
        if same := sorted(task.keys() & losses.keys()):
            raise ValueError(
                f'the losses of {type(model).__name__} and of the distillation hook have the same '
                f'names {same}: rename those of the model'
            )
        return {**task, **losses}

    # -- checkpoints -------------------------------------------------------------------------

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Add the distiller's state, as plain tensors, and which teacher it learned from."""
        if self.distiller is None:
            return
        check_parameters(runner, self.distiller, checkpoint['meta']['iter'], 'distiller')
        state = dict(
            state_dict=self.distiller.state_dict(),
            optimizer=self.optimizer.optimizer.state_dict(),
            teacher=self.teacher_record,
        )
        checkpoint['distiller'] = apply_to(state, torch.is_tensor, Tensor.cpu)

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Restores the distiller of a resumed run."""
        if not runner._resume or self.distiller is None:
            return
        if 'distiller' not in checkpoint:
            runner.logger.warning(
                'RepFusion: this checkpoint was written without the hook; the distiller and its '
                'learning rate start afresh'
            )
            return
        saved = checkpoint['distiller']
        if saved['teacher']['weights_hash'] != self.teacher_record['weights_hash']:
            raise ValueError(
                f'the run was started with the teacher {saved["teacher"]}, but now it has '
                f'{self.teacher_record}: resume with the same weights, or start anew with load_from'
            )
        restore(self.distiller, self.optimizer.optimizer, saved)

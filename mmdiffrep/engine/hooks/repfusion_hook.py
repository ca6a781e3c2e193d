# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""RepFusion as a hook: distils a diffusion model into any unmodified OpenMMLab model."""

from typing import Callable, Dict, List, Optional, Sequence, Tuple, TypeVar, Union

import numpy as np
import torch
from mmengine.dist import get_rank, get_world_size
from mmengine.hooks import Hook
from mmengine.model import MMFullyShardedDataParallel, is_model_wrapper
from mmengine.optim import ApexOptimWrapper, OptimWrapper
from mmengine.runner import Runner
from mmengine.utils import apply_to
from torch import Tensor, nn

from mmdiffrep.engine.host_model import normalisation_of, reward_of, student_channels
from mmdiffrep.engine.optim import SideOptimizer
from mmdiffrep.models.distillers import RepFusionDistiller, StudentTaps
from mmdiffrep.models.teachers import DPMTeacher
from mmdiffrep.registry import HOOKS, MODELS

Item = TypeVar('Item')

PHASES = ('distill', 'joint', 'finetune')
PAIR_KEYS = {'student', 'teacher', 'loss', 'standardize', 'student_channels'}


@HOOKS.register_module()
class RepFusionHook(Hook):
    """Adds RepFusion's terms to the losses of the model that a run trains.

    The model, its optimizer, its checkpoint keys, EMA and DDP stay the host's own. The distiller
    (connectors, timestep policy, reward decoder) has its own optimizer, and its state goes into
    the checkpoint under ``distiller``, the teacher's id and weight hash with it.

    Args:
        teacher (str or dict): The diffusion model: folder, hub id or config.
        pairs (list of dict): What is compared: ``student`` (a layer, e.g. ``'backbone'`` for its
            last output or ``'backbone[2]'``, or a list of layers that together predict one
            teacher feature), ``teacher`` (a tap, e.g. ``'mid'``), ``loss``
            (config) and optionally ``standardize`` and ``student_channels`` (found by a pass on
            an empty image otherwise).
        policy (dict, optional): Timestep policy. Defaults to None: t = 0 always, the official
            setting for faces.
        noise (str or dict): Noise source of the teacher's input. Defaults to ``'none'``: the clean
            image, as officially.
        reward (dict, optional): Reward of a policy that learns. Defaults to None: the one that
            fits the model's head.
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
        teacher_input (str): ``'exact'`` undoes the host's normalisation (the default);
            ``'student'`` feeds the student's tensor, as the official code does.
        normalisation (dict, optional): ``mean``, ``std`` and ``channel_order`` of the student's
            tensors. Defaults to None: read from the model's data preprocessor.
        seed (int): Seed of timesteps and noise, drawn anew for each (iteration, rank), so that a
            resumed run draws the same. Defaults to 0.
    """

    # Before EMAHook (NORMAL), LoggerHook, ParamSchedulerHook and CheckpointHook.
    priority = 'ABOVE_NORMAL'

    def __init__(
        self,
        teacher: Union[str, dict],
        pairs: Sequence[dict],
        policy: Optional[dict] = None,
        noise: Union[str, dict] = 'none',
        reward: Optional[dict] = None,
        optimizer: Optional[dict] = None,
        paramwise_cfg: Optional[dict] = None,
        clip_grad: Optional[dict] = None,
        param_scheduler: Union[dict, list, None] = None,
        phases: Optional[Sequence[Tuple[str, int]]] = None,
        teacher_size: Optional[int] = None,
        teacher_input: str = 'exact',
        normalisation: Optional[dict] = None,
        seed: int = 0,
    ) -> None:
        if not pairs:
            raise ValueError('pairs is empty: give at least one dict(student=..., teacher=...)')
        for pair in pairs:
            if not {'student', 'teacher', 'loss'} <= set(pair) <= PAIR_KEYS:
                raise ValueError(
                    "every pair needs 'student', 'teacher' and 'loss', and may have "
                    f"'standardize' and 'student_channels'; got {dict(pair)}"
                )
        if teacher_input not in ('exact', 'student'):
            raise ValueError(f"teacher_input must be 'exact' or 'student', got {teacher_input!r}")
        ends = [end for _, end in phases or ()]
        if any(name not in PHASES[:2] for name, _ in phases or ()) or ends != sorted(set(ends)):
            raise ValueError(
                f"phases must be ('distill' or 'joint', end) pairs with rising ends, got {phases}"
            )
        self.teacher_cfg = teacher
        self.pairs = [dict(pair) for pair in pairs]
        self.layers = [
            (pair['student'],) if isinstance(pair['student'], str) else tuple(pair['student'])
            for pair in self.pairs
        ]
        self.policy_cfg = policy or dict(type='mmdiffrep.FixedTimestep', t=0)
        self.noise = noise
        self.reward_cfg = reward
        self.optimizer_cfg = optimizer or dict(type='AdamW', lr=1e-3, weight_decay=1e-4)
        self.paramwise_cfg = paramwise_cfg
        self.clip_grad = clip_grad
        self.param_scheduler = param_scheduler
        self.phases = list(phases or ())
        self.teacher_size = teacher_size
        self.teacher_input = teacher_input
        self.normalisation = normalisation
        self.seed = seed
        self.teacher: Optional[DPMTeacher] = None
        self.distiller: Optional[RepFusionDistiller] = None
        self._handles: list = []
        self._task_only: Optional[List[nn.Parameter]] = None
        self._silent = False

    def phase(self, iteration: int) -> str:
        """Returns the phase of an iteration: a function of it alone, so resume needs no state."""
        for name, end in self.phases:
            if iteration < end:
                return name
        return 'finetune' if self.phases else 'joint'

    # -- set-up and tear-down ----------------------------------------------------------------

    def before_run(self, runner: Runner) -> None:
        """Builds teacher, distiller and optimizer; the model's random state stays as it was."""
        # Validation and test alone leave the optimizer unbuilt: there is nothing to do.
        if self.distiller is not None or isinstance(runner.optim_wrapper, (dict, type(None))):
            return
        _check_supported(runner)
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

    def _build(self, model: nn.Module, runner: Runner) -> None:
        names = [name for layers in self.layers for name in layers]
        self.taps = StudentTaps(model, names)
        settings = self.normalisation or normalisation_of(model, runner.cfg)
        self.teacher = DPMTeacher(
            self.teacher_cfg,
            taps=[pair['teacher'] for pair in self.pairs],
            size=self.teacher_size,
            raw_input=self.teacher_input == 'student',
            noise=self.noise,
            **settings,
        )
        if all('student_channels' in pair for pair in self.pairs):
            channels = tuple(np.hstack([pair['student_channels'] for pair in self.pairs]).tolist())
        else:
            channels = student_channels(model, names)
        reward, policy = self.reward_cfg, self.policy_cfg.get('type')
        policy = MODELS.get(policy) if isinstance(policy, str) else policy
        # What is no policy at all is named when the distiller is built.
        if reward is None and getattr(policy, 'needs_reward', False):
            reward = reward_of(model)
        self.distiller = RepFusionDistiller(
            pairs=[
                {k: v for k, v in pair.items() if k in ('loss', 'standardize')}
                for pair in self.pairs
            ],
            student_channels=self._by_pair(channels),
            teacher_channels=self.teacher.channels,
            policy=self.policy_cfg,
            reward=reward,
        )
        num_timesteps = self.teacher.denoiser.schedule.num_timesteps
        if self.distiller.policy.max_timestep >= num_timesteps:
            raise ValueError(
                f'the policy can draw t = {self.distiller.policy.max_timestep}, but the teacher '
                f'has {num_timesteps} timesteps (0 to {num_timesteps - 1})'
            )
        denoiser = self.teacher.denoiser
        self.teacher_record = dict(source=denoiser.source, weights_hash=denoiser.weights_hash)
        runner.logger.info(
            f'RepFusion: teacher {denoiser.source} ({denoiser.weights_hash[:12]}), taps '
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
        self._handles.append(optimizer.register_step_pre_hook(self._spare_the_task))
        self.optimizer.attach(runner.optim_wrapper)

    def after_train(self, runner: Runner) -> None:
        """Removes every hook from the student and its optimizer."""
        self._detach()

    def _detach(self) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles.clear()
        self.taps.detach()
        self.optimizer.detach()

    # -- one iteration -----------------------------------------------------------------------

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Optional[dict] = None
    ) -> None:
        """Clears stale features; frees the teacher when fine-tuning begins."""
        self.taps.clear()
        phase = self.phase(runner.iter)
        self._silent = phase == 'distill'
        if phase == 'finetune' and self.teacher is not None:
            self._detach()
            self.teacher = None
            self.optimizer.zero_grad()
            runner.logger.info('RepFusion: distillation is over, the teacher is freed')

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Optional[dict] = None,
        outputs: Optional[dict] = None,
    ) -> None:
        """Clears the distiller's gradients at the end of an accumulation window."""
        if runner.optim_wrapper.should_update():
            self.optimizer.zero_grad()

    def _loss_hook(self, runner: Runner) -> Callable[..., Optional[dict]]:
        def hook(module: nn.Module, args: tuple, kwargs: dict, output: object) -> Optional[dict]:
            arguments = dict(zip(('inputs', 'data_samples', 'mode'), args), **kwargs)
            if arguments.get('mode') != 'loss':
                return None
            return self._add_losses(runner, module, arguments, output)

        return hook

    def _add_losses(
        self, runner: Runner, model: nn.Module, arguments: dict, task: Dict[str, Tensor]
    ) -> Dict[str, Tensor]:
        images = arguments['inputs']
        features = self.taps.take(batch_size=len(images))
        for tap, feature in zip(self.taps.taps, features):
            if not feature.requires_grad:
                raise RuntimeError(
                    f'the feature of student layer {tap.module!r} carries no gradient, so '
                    'nothing would be distilled: is the layer frozen, or wrapped as a whole in '
                    'activation checkpointing (checkpoint its children instead)?'
                )
        progress = runner.iter / runner.max_iters
        rgb = self.teacher.to_rgb(images)
        sample = self.distiller.policy(
            rgb, uniform=self._chance(len(images), runner.iter), progress=progress
        )
        noise = torch.Generator(images.device)
        noise.manual_seed(self._seed(runner.iter, self._rank + 1))
        targets = self.teacher(images, sample.t, generator=noise, rgb=rgb)
        with torch.autocast(images.device.type, enabled=False):
            losses = self.distiller(
                self._by_pair(features), targets, sample, arguments.get('data_samples'), progress
            )
        if self.phase(runner.iter) == 'distill':
            task = self._silence(model, task, losses)
        return {**task, **losses}

    def _by_pair(self, items: Sequence[Item]) -> List[Tuple[Item, ...]]:
        """Groups what is in the order of the student layers by their pairs."""
        rest = iter(items)
        return [tuple(next(rest) for _ in layers) for layers in self.layers]

    def _seed(self, iteration: int, stream: int) -> int:
        """Seed of (run, iteration, stream): stream 0 is common to all ranks."""
        sequence = np.random.SeedSequence([self.seed, iteration, stream])
        return int(sequence.generate_state(1, dtype=np.uint64)[0] >> 1)

    def _chance(self, batch_size: int, iteration: int) -> Tensor:
        """Draws for the whole batch of all ranks and returns this rank's share.

        So many ranks draw what one process with the whole batch would draw.
        """
        generator = torch.Generator().manual_seed(self._seed(iteration, 0))
        chance = torch.rand(self._world * batch_size, generator=generator, dtype=torch.float64)
        return chance[self._rank * batch_size :][:batch_size]

    # -- phase 'distill': the task's own parameters rest --------------------------------------

    def _silence(
        self, model: nn.Module, task: Dict[str, Tensor], losses: Dict[str, Tensor]
    ) -> Dict[str, Tensor]:
        """Multiplies the task's losses by zero: DDP still sees every parameter used."""
        if self._task_only is None:
            params = [p for p in model.parameters() if p.requires_grad]
            distill = sum(value for key, value in losses.items() if key.startswith('loss_distill'))
            grads = torch.autograd.grad(distill, params, retain_graph=True, allow_unused=True)
            self._task_only = [p for p, grad in zip(params, grads) if grad is None]
        return {key: _times_zero(value) if 'loss' in key else value for key, value in task.items()}

    def _spare_the_task(self, *_: object) -> None:
        """Keeps weight decay and momentum from moving parameters that only the task trains."""
        if self._silent:
            for param in self._task_only or ():
                param.grad = None

    # -- checkpoints -------------------------------------------------------------------------

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Adds the distiller's state, as plain tensors, and which teacher it learned from."""
        if self.distiller is None:
            return
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
        self.distiller.load_state_dict(saved['state_dict'])
        self.optimizer.optimizer.load_state_dict(saved['optimizer'])


def _check_supported(runner: Runner) -> None:
    optimizer, model = runner.optim_wrapper, runner.model
    # Apex scales the loss by itself: nothing would unscale the distiller's gradients.
    if not isinstance(optimizer, OptimWrapper) or isinstance(optimizer, ApexOptimWrapper):
        raise TypeError(
            f'the run uses {type(optimizer).__name__}; the distillation hook needs one optimizer '
            '(OptimWrapper or AmpOptimWrapper)'
        )
    if isinstance(model, MMFullyShardedDataParallel):
        raise TypeError(
            f'the model is sharded ({type(model).__name__}); the distillation hook reads features '
            'of a whole one: use MMDistributedDataParallel'
        )


def _times_zero(value: Union[Tensor, List[Tensor]]) -> Union[Tensor, List[Tensor]]:
    return [item * 0 for item in value] if isinstance(value, list) else value * 0

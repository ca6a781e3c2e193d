# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""RepFusion as a hook: distill a diffusion model into any unmodified OpenMMLab model."""

from collections.abc import Sequence
from logging import Logger
from typing import Any

import torch
from mmengine.dist import get_rank, get_world_size
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from mmengine.utils import apply_to
from torch import Tensor, nn

from mmdiffrep.engine.distillation.host_model import check_host, check_unmixed, fill_rewards
from mmdiffrep.engine.distillation.phases import PhaseSchedule, TaskFreeze, TaskLosses
from mmdiffrep.engine.distillation.side_optimizer import SideOptimizer
from mmdiffrep.engine.distillation.step import (
    TeacherRead,
    distillation_losses,
    read_teacher,
)
from mmdiffrep.engine.distillation.student_layers import StudentLayers
from mmdiffrep.engine.hooks.finite_loss_hook import check_parameters
from mmdiffrep.models.distillers.repfusion_distiller import RepFusionDistiller
from mmdiffrep.models.layer_taps import LayerTaps
from mmdiffrep.models.teachers.base import Teacher
from mmdiffrep.models.teachers.build import build_teacher
from mmdiffrep.models.teachers.normalization import check_normalization, normalization_of
from mmdiffrep.models.timestep_policies import TimestepSample
from mmdiffrep.registry import HOOKS
from mmdiffrep.utils.checks import about, integer, of_type, one_of, within
from mmdiffrep.utils.random_streams import IterationStreams

REQUIRED = {'student', 'teacher', 'loss'}
COMPARISON = {'loss', 'standardize', 'connector', 'target', 'balance'}  # arguments of FeaturePair


@HOOKS.register_module()
class RepFusionHook(Hook):
    """Add RepFusion's terms to the losses of the model that a run trains.

    The model, its optimizer, its checkpoint keys, EMA and DDP stay the host's own. The distiller
    (connectors, timestep policy, reward decoder) has its own optimizer, and its state goes into
    the checkpoint under ``distiller``, with the teacher's id and the hash of its weights.

    Args:
        teacher (str, dict or nn.Module): The diffusion model: folder, hub id or config; a network
            of another library, ``'timm:NAME'``, ``'torchvision:NAME'`` or
            ``'transformers:FOLDER'``; a trained model of a host,
            ``dict(type='mmdiffrep.HostTeacher', config=..., checkpoint=...)``;
            stored features, ``dict(type='mmdiffrep.BankTeacher', bank=..., denoiser=...)``; or
            several of these by name, see :class:`~mmdiffrep.models.teachers.TeacherGroup`.
        pairs (list of dict): What is compared: ``student`` (a layer, e.g. ``'backbone'`` for its
            last output or ``'backbone[2]'``, or a list of layers that together predict one
            teacher feature), ``teacher`` (a tap, e.g. ``'mid'``), ``loss`` (config, or a list of
            them on one connector) and optionally ``target``, ``standardize``, ``connector`` (see
            :class:`~mmdiffrep.models.distillers.FeaturePair`) and ``student_channels`` (found by
            a pass on an empty image otherwise).
        policy (dict, optional): Timestep policy, or several by name, each with its own timesteps
            and terms: ``dict(task=dict(type=...), common=dict(type=...))``.
            Defaults to None: t = 0 always (official for faces).
        noise (str or dict): Noise source of the teacher's input. Defaults to ``'none'``: the clean
            image (official).
        reward (dict, optional): Reward of a policy that learns, or several by the name of their
            policy. Defaults to None: the one that fits the model's head.
        holdout (float): Share of the images, in [0, 1), that the reward's decoder never learns
            from; they alone reward the policy, so that what the decoder knows by heart earns
            nothing. Defaults to 0: all images do both (official).
        optimizer (dict, optional): Optimizer of the distiller. Defaults to None:
            ``dict(type='AdamW', lr=1e-3, weight_decay=1e-4)``. (Official: one SGD for everything,
            lr 0.1, momentum 0.9, weight decay 1e-4.)
        paramwise_cfg (dict, optional): As in ``optim_wrapper``, e.g. another learning rate for
            ``policy``. Defaults to None.
        clip_grad (dict, optional): Clips the distiller's own gradient norm. Defaults to None.
        param_scheduler (dict or list, optional): Schedulers of the distiller's learning rate.
            Defaults to None: those of the run.
        phases (list of tuple, optional): ``(phase, end iteration)`` in order, of ``'distill'``
            (the task's own losses count zero) and ``'joint'``; what follows is ``'finetune'``,
            without teacher. Defaults to None: joint all along.
        pyramid (dict, optional): A connector that several pairs share, such as
            ``dict(student=['backbone[0]', ..., 'backbone[3]'], channels=256)``, see
            :class:`~mmdiffrep.models.distillers.PyramidConnector`; a pair with
            ``student='pyramid[i]'`` compares its map i. Defaults to None.
        teacher_size (int, optional): Side of the teacher's input. Defaults to None: the size that
            it was trained at.
        teacher_batch (int, optional): Greatest number of images in a pass of a diffusion model;
            larger batches and several draws are read in parts, in less memory. Defaults to None:
            all at once.
        precision (str, optional): What the teacher computes in: ``'auto'``, ``'float32'``,
            ``'bfloat16'`` or ``'float16'``. Defaults to None: float32 on a CPU, ``'auto'``
            elsewhere.
        teacher_input (str): ``'exact'`` undoes the host's normalization; ``'student'`` feeds the
            student's tensor (official). The policy sees the same. Defaults to ``'exact'``.
        normalization (dict, optional): ``mean``, ``std`` and ``channel_order`` of the student's
            tensors. Defaults to None: read from the model's data preprocessor.
        seed (int): Seed of timesteps and noise, which are functions of (seed, iteration, image in
            the batch of all ranks), so that a resumed run draws the same. Defaults to 0.
        check_teacher (bool): Whether the first step of a run compares the rank of a diffusion
            model's maps with that of random weights, and warns if it looks early in its training;
            one more pass. Defaults to True.

    Raises:
        TypeError, ValueError: An option of another type or out of its range.
    """

    # Before EMAHook (NORMAL), LoggerHook, ParamSchedulerHook and CheckpointHook.
    priority = 'ABOVE_NORMAL'

    def __init__(
        self,
        teacher: str | dict | nn.Module,
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
        pyramid: dict | None = None,
        teacher_size: int | None = None,
        teacher_batch: int | None = None,
        precision: str | None = None,
        teacher_input: str = 'exact',
        normalization: dict | None = None,
        seed: int = 0,
        check_teacher: bool = True,
    ) -> None:
        if not isinstance(pairs, (list, tuple)) or not pairs:
            raise ValueError(
                'pairs must be a list of at least one dict(student=..., teacher=..., loss=...), '
                f'got {pairs!r}.'
            )
        for index, pair in enumerate(pairs):
            _check_pair(f'pairs[{index}]', pair)
        none = type(None)
        of_type('policy', policy, dict, none)
        of_type('noise', noise, str, dict)
        of_type('reward', reward, dict, none)
        of_type('optimizer', optimizer, dict, none)
        schedulers = of_type('param_scheduler', param_scheduler, dict, list, none) or []
        for scheduler in [schedulers] if isinstance(schedulers, dict) else schedulers:
            if 'type' not in of_type('each param_scheduler', scheduler, dict):
                raise ValueError(f'param_scheduler needs a `type`, got {scheduler!r}.')
        if of_type('normalization', normalization, dict, none) is not None:
            check_normalization(normalization)
        self.teacher_cfg = of_type('teacher', teacher, str, dict, nn.Module)
        if teacher in ('', {}):
            raise ValueError(f'teacher must be a folder, a hub id or a config, got {teacher!r}.')
        self.pairs = [dict(pair) for pair in pairs]
        self.layers = StudentLayers(self.pairs, pyramid)
        self.policy_cfg = dict(type='mmdiffrep.FixedTimestep') if policy is None else policy
        self.noise = noise
        self.reward_cfg = reward
        self.holdout = within('holdout', holdout, 0, 1, open_high=True)
        default = dict(type='AdamW', lr=1e-3, weight_decay=1e-4)
        self.optimizer_cfg = default if optimizer is None else optimizer
        self.paramwise_cfg = paramwise_cfg
        self.clip_grad = clip_grad
        self.param_scheduler = param_scheduler
        self.phases = PhaseSchedule(phases)
        self.teacher_size = (
            None if teacher_size is None else integer('teacher_size', teacher_size, 1)
        )
        self.teacher_batch = teacher_batch
        if teacher_batch is not None:
            integer('teacher_batch', teacher_batch, 1)
        self.precision = precision
        self.teacher_input = one_of('teacher_input', teacher_input, ('exact', 'student'))
        self.normalization = normalization
        self.seed = integer('seed', seed, 0)
        self.teacher: Teacher | None = None
        self.distiller: RepFusionDistiller | None = None
        self.drawn: dict[str, TimestepSample] = {}
        self._reads: dict[str, TeacherRead] = {}
        self._freeze = TaskFreeze()
        self.check_teacher = of_type('check_teacher', check_teacher, bool)
        self._logger: Logger | None = None
        self._handles: list[Any] = []

    # -- set-up and tear-down ----------------------------------------------------------------

    def before_run(self, runner: Runner) -> None:
        """Build teacher, distiller and optimizer; the model's random state stays as it was."""
        # Validation and test alone leave the optimizer unbuilt.
        if self.distiller is not None or isinstance(runner.optim_wrapper, (dict, type(None))):
            return
        check_host(runner)
        self._check_run(runner)
        model = _unwrapped(runner)
        device = next(model.parameters()).device
        with torch.random.fork_rng(devices=[device] if device.type == 'cuda' else []):
            torch.manual_seed(self.seed)
            self._build(model, runner)
            self.teacher.place(device)
            self.teacher_record = self.teacher.record  # its precision depends on the device
            self.distiller.to(device).train()
            self.optimizer = SideOptimizer(
                self.distiller, self.optimizer_cfg, self.paramwise_cfg, self.clip_grad
            )
        self.optimizer.broadcast()
        self.optimizer.follow_schedule(runner, self.param_scheduler)

    def _check_run(self, runner: Runner) -> None:
        if sum(isinstance(hook, RepFusionHook) for hook in runner.hooks) > 1:
            raise ValueError(
                'the config has more than one RepFusionHook, whose losses and checkpoints would '
                'have the same names: give one hook several pairs, each with its own tap'
            )
        size = getattr(runner.train_dataloader, 'batch_size', None)
        if self.holdout and size and self.holdout * size * get_world_size() < 1:
            runner.logger.warning(
                f'RepFusion: holdout={self.holdout} holds out less than one image per batch of '
                f'{size * get_world_size()}: most batches reward no policy; raise holdout or the '
                'batch size'
            )
        if self.phases.end > runner.max_iters:
            runner.logger.warning(
                f'RepFusion: the last of phases={self.phases.phases} ends after the run, which has '
                f'{runner.max_iters} iterations'
            )

    def _build(self, model: nn.Module, runner: Runner) -> None:
        names = self.layers.names
        with about('pairs: student'):
            self.taps = LayerTaps(model, names)
        settings = self.normalization or normalization_of(model, runner.cfg)
        size = '' if self.teacher_size is None else f' with teacher_size={self.teacher_size}'
        with about(f'teacher{size}'):
            self.teacher = build_teacher(
                self.teacher_cfg,
                taps=[pair['teacher'] for pair in self.pairs],
                size=self.teacher_size,
                raw_input=self.teacher_input == 'student',
                noise=self.noise,
                precision=self.precision,
                pass_size=self.teacher_batch,
                **settings,
            )
        bad = [name for name, p in self.teacher.named_parameters() if not p.isfinite().all()]
        if bad:
            raise ValueError(
                f'the teacher {self.teacher.source} has {len(bad)} weights with NaN or infinite '
                f'values, such as {bad[0]}: its file is damaged, or its training diverged.'
            )
        given = [pair.get('student_channels') for pair in self.pairs]
        channels, inputs = self.layers.channels(model, given)
        self.distiller = RepFusionDistiller(
            pairs=[{k: pair[k] for k in pair if k in COMPARISON} for pair in self.pairs],
            student_channels=channels,
            teacher_channels=self.teacher.channels,
            policy=self.policy_cfg,
            reward=fill_rewards(model, self.policy_cfg, self.reward_cfg),
            holdout=self.holdout,
            pyramid=self.layers.pyramid and dict(self.layers.pyramid, in_channels=inputs),
            levels=self.layers.levels,
        )
        self.distiller.fit_timesteps(self.teacher)
        if getattr(self.teacher, 'drop', 0):
            self.distiller.check_drop()
        if self.teacher.pooled:
            self.distiller.check_pools()
        if self.teacher.timesteps is not None:
            check_unmixed(model)
        if self.distiller.needs_task:
            self.phases.check_task_learns()
        runner.logger.info(
            f'RepFusion: teacher {self.teacher.source} ({self.teacher.weights_hash[:12]}), taps '
            f'{self.teacher.taps} with {self.teacher.channels} channels, student layers {names} '
            f'with {channels} channels'
        )

    def before_train(self, runner: Runner) -> None:
        """Tap the student; after EMAHook has copied the model, so that the copy stays plain."""
        model = _unwrapped(runner)
        self._logger = runner.logger if self.check_teacher and runner.iter == 0 else None
        read = torch.compiler.disable(self._read_teacher)
        add = torch.compiler.disable(self._add_losses)
        self.taps.attach()
        self._handles = [
            model.register_forward_pre_hook(read, with_kwargs=True),
            model.register_forward_hook(add, with_kwargs=True),
            runner.optim_wrapper.optimizer.register_step_pre_hook(self._freeze.drop_grads),
        ]
        self.optimizer.attach(runner.optim_wrapper)

    def after_train(self, runner: Runner) -> None:
        """Remove every hook from the student and its optimizer."""
        self._detach()

    def _detach(self) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles.clear()
        self._reads = {}
        self.taps.detach()
        self.optimizer.detach()

    # -- one iteration -----------------------------------------------------------------------

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict | None = None
    ) -> None:
        """Set what depends on the iteration; free the teacher when fine-tuning begins."""
        phase = self.phases.at(runner.iter)
        self._freeze.active = phase == 'distill'
        self._progress = self.phases.progress(runner.iter, runner.max_iters)
        self._streams = IterationStreams(self.seed, runner.iter, get_rank(), get_world_size())
        self._reads, self.drawn = {}, {}
        self.taps.clear()
        if phase == 'finetune' and self.teacher is not None:
            self._detach()
            self.teacher = None
            self.optimizer.zero_grad()
            runner.logger.info('RepFusion: distillation is over, the teacher is freed')
        elif self.teacher is not None and data_batch is not None:
            self.teacher.take(data_batch)

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        """Clear the distiller's gradients at the end of an accumulation window."""
        if runner.optim_wrapper.should_update():
            self.optimizer.zero_grad()

    def _read_teacher(self, model: nn.Module, args: tuple, kwargs: dict) -> None:
        """Read the teacher before the student's activations take up memory."""
        arguments = _arguments(args, kwargs)
        if arguments.get('mode') == 'loss':
            self._reads = read_teacher(
                self.teacher, self.distiller, arguments['inputs'], self._streams, self._progress
            )
            self.drawn = {name: read.sample for name, read in self._reads.items()}
            if self._logger is not None:
                self._check_teacher(arguments['inputs'], self._logger)
                self._logger = None

    def _check_teacher(self, images: Tensor, logger: Logger) -> None:
        read = next(iter(self._reads.values()))
        t, features = read.sample.t[: len(images)], read.features[0]
        self.teacher.warn_if_early(self.teacher.to_input(images), t, features, logger)

    def _add_losses(
        self, model: nn.Module, args: tuple, kwargs: dict, task: TaskLosses
    ) -> TaskLosses | None:
        arguments = _arguments(args, kwargs)
        if arguments.get('mode') != 'loss':
            return None
        images, data_samples = arguments['inputs'], arguments.get('data_samples')
        with torch.autocast(images.device.type, enabled=False):
            student = self.layers.features(self.taps, len(images), self.distiller.pyramid)
            losses = distillation_losses(
                self.distiller, student, self._reads, data_samples, task, self._progress
            )
        self._reads = {}
        if self._freeze.active:
            task = self._freeze.zero_losses(model, task, losses)
        if same := sorted(task.keys() & losses.keys()):
            raise ValueError(
                f'the losses of {type(model).__name__} and of the distillation hook have the same '
                f'names {same}: rename those of the model.'
            )
        return {**task, **losses}

    # -- checkpoints -------------------------------------------------------------------------

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Add the distiller's state, as plain tensors, and which teacher it learned from."""
        if self.distiller is None:
            return
        check_parameters(runner, self.distiller, checkpoint['meta']['iter'], 'distiller')
        state = dict(**self.optimizer.state_dict(), teacher=self.teacher_record)
        checkpoint['distiller'] = apply_to(state, torch.is_tensor, Tensor.cpu)

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Restore the distiller of a resumed run."""
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
        now = self.teacher_record['precision']
        before = saved['teacher'].get('precision', now)
        if before != now:
            runner.logger.warning(
                f'RepFusion: until now the teacher computed in {before}, here in {now}, which '
                f"changes its features by about 0.5 %: precision='{before}' in the hook keeps them"
            )
        self.optimizer.load_state_dict(saved)


def _check_pair(name: str, pair: dict) -> None:
    """Check the keys of a pair and those values that FeaturePair does not read."""
    keys = set(pair) if isinstance(pair, dict) else set()
    if not REQUIRED <= keys <= REQUIRED | COMPARISON | {'student_channels'}:
        raise ValueError(
            f"{name} needs 'student', 'teacher' and 'loss', and may have 'target', 'standardize', "
            f"'connector', 'balance' and 'student_channels'; got {pair!r}."
        )
    layers = of_type(f'{name}: student', pair['student'], str, list, tuple)
    for layer in [layers] if isinstance(layers, str) else layers:
        of_type(f'{name}: each student layer', layer, str)
    if not layers:
        raise ValueError(f'{name}: student is empty: name at least one layer.')
    of_type(f'{name}: teacher', pair['teacher'], str)
    channels = of_type(
        f'{name}: student_channels', pair.get('student_channels'), int, list, tuple, type(None)
    )
    for number in channels if isinstance(channels, (list, tuple)) else [channels]:
        if number is not None:
            integer(f'{name}: student_channels', number, 1)


def _unwrapped(runner: Runner) -> nn.Module:
    """Return the run's model without DDP."""
    return runner.model.module if is_model_wrapper(runner.model) else runner.model


def _arguments(args: tuple, kwargs: dict) -> dict[str, Any]:
    """Return the arguments of a model's forward pass by name."""
    return dict(zip(('inputs', 'data_samples', 'mode'), args), **kwargs)

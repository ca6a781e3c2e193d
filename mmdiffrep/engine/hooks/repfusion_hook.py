# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""RepFusion as a hook: distill a diffusion model into any unmodified OpenMMLab model."""

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.dist import get_rank, get_world_size
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from mmengine.utils import apply_to
from torch import Tensor, nn

from mmdiffrep.diffusion.noise import build_noise
from mmdiffrep.engine.distillation.attachment import Attachment
from mmdiffrep.engine.distillation.host_model import check_host, warn_of_small_holdout
from mmdiffrep.engine.distillation.pair_options import check_pairs
from mmdiffrep.engine.distillation.phases import PhaseSchedule
from mmdiffrep.engine.distillation.run_distiller import build_run_distiller
from mmdiffrep.engine.distillation.run_teacher import build_run_teacher, check_record
from mmdiffrep.engine.distillation.side_optimizer import SideOptimizer
from mmdiffrep.engine.distillation.student_layers import StudentLayers
from mmdiffrep.engine.hooks.finite_loss_hook import check_parameters
from mmdiffrep.models.distillers.repfusion_distiller import RepFusionDistiller
from mmdiffrep.models.layer_taps import LayerTaps
from mmdiffrep.models.teachers.base import Teacher
from mmdiffrep.models.teachers.normalization import check_normalization
from mmdiffrep.models.timestep_policies.base import TimestepSample
from mmdiffrep.registry import HOOKS
from mmdiffrep.utils.checks import about, equal, has_type, integer, of_type, one_of, within
from mmdiffrep.utils.random_streams import IterationStreams


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
        none = type(None)
        of_type('policy', policy, dict, none)
        build_noise(of_type('noise', noise, str, dict))
        of_type('reward', reward, dict, none)
        of_type('optimizer', optimizer, dict, none)
        schedulers = of_type('param_scheduler', param_scheduler, dict, list, none) or []
        for scheduler in [schedulers] if isinstance(schedulers, dict) else schedulers:
            has_type('each param_scheduler', scheduler)
        if normalization is not None:
            check_normalization(normalization)
        self.teacher_cfg = of_type('teacher', teacher, str, dict, nn.Module)
        if teacher in ('', {}):
            raise ValueError(f'teacher must be a folder, a hub id or a config, got {teacher!r}.')
        self.pairs = check_pairs(pairs)
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
        self.teacher_size, self.teacher_batch = (
            None if value is None else integer(name, value, 1)
            for name, value in (('teacher_size', teacher_size), ('teacher_batch', teacher_batch))
        )
        self.precision = precision
        self.teacher_input = one_of('teacher_input', teacher_input, ('exact', 'student'))
        self.normalization = normalization
        self.seed = integer('seed', seed, 0)
        self.teacher: Teacher | None = None
        self.distiller: RepFusionDistiller | None = None
        self.check_teacher = of_type('check_teacher', check_teacher, bool)
        self._attached: Attachment | None = None
        self._resumed: dict[str, Any] = {}

    @property
    def drawn(self) -> dict[str, TimestepSample]:
        """The timesteps drawn in this iteration, by policy."""
        return {} if self._attached is None else self._attached.drawn

    # -- set-up and tear-down ----------------------------------------------------------------

    def before_run(self, runner: Runner) -> None:
        """Build teacher, distiller and optimizer; the model's random state stays as it was."""
        # Validation and test alone leave the optimizer unbuilt.
        if self.distiller is not None or isinstance(runner.optim_wrapper, (dict, type(None))):
            return
        check_host(runner)
        alone = 'Give one hook several pairs: losses and checkpoints of two have the same names.'
        equal('RepFusionHooks', sum(isinstance(h, RepFusionHook) for h in runner.hooks), 1, alone)
        self.phases.warn_if_late(runner)
        warn_of_small_holdout(runner, self.holdout)
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
        resumed, self._resumed = self._resumed, {}
        saved = resumed.get('param_schedulers', [])
        self.optimizer.follow_schedule(runner, self.param_scheduler, saved)
        if resumed:
            self.after_load_checkpoint(runner, resumed)

    def _build(self, model: nn.Module, runner: Runner) -> None:
        with about('pairs: student'):
            self.taps = LayerTaps(model, self.layers.names)
        self.teacher = build_run_teacher(
            self.teacher_cfg,
            [pair['teacher'] for pair in self.pairs],
            model,
            runner.cfg,
            self.normalization,
            self.teacher_size,
            raw_input=self.teacher_input == 'student',
            noise=self.noise,
            precision=self.precision,
            pass_size=self.teacher_batch,
        )
        self.distiller = build_run_distiller(
            model,
            self.teacher,
            self.pairs,
            self.layers,
            policy=self.policy_cfg,
            reward=self.reward_cfg,
            holdout=self.holdout,
            phases=self.phases,
        )
        runner.logger.info(
            f'RepFusion: teacher {self.teacher.source} ({self.teacher.weights_hash[:12]}), taps '
            f'{self.teacher.taps} with {self.teacher.channels} channels, student layers '
            f'{self.layers.names} with {[pair.student_channels for pair in self.distiller.pairs]} '
            'channels'
        )

    def before_train(self, runner: Runner) -> None:
        """Tap the student; after EMAHook has copied the model, so that the copy stays plain."""
        model = _unwrapped(runner)
        logger = runner.logger if self.check_teacher and runner.iter == 0 else None
        self._attached = Attachment(self.teacher, self.distiller, self.layers, self.taps, logger)
        self._attached.attach(model, runner.optim_wrapper.optimizer)
        self.optimizer.attach(runner.optim_wrapper)

    def after_train(self, runner: Runner) -> None:
        """Remove every hook from the student and its optimizer."""
        self._attached.detach()
        self.optimizer.detach()

    # -- one iteration -----------------------------------------------------------------------

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict | None = None
    ) -> None:
        """Set what depends on the iteration; free the teacher when fine-tuning begins."""
        phase = self.phases.at(runner.iter)
        streams = IterationStreams(self.seed, runner.iter, get_rank(), get_world_size())
        progress = self.phases.progress(runner.iter, runner.max_iters)
        self._attached.begin(streams, progress, frozen_task=phase == 'distill')
        if phase == 'finetune' and self.teacher is not None:
            self.after_train(runner)
            self.teacher = self._attached.teacher = None
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
        if not runner._resume:
            return
        if self.distiller is None:  # a flexible runner loads before it builds
            kept = checkpoint.keys() & {'distiller', 'param_schedulers', 'meta'}
            self._resumed = {key: checkpoint[key] for key in kept}
            return
        if 'distiller' not in checkpoint:
            runner.logger.warning(
                'RepFusion: this checkpoint was written without the hook; the distiller and its '
                'learning rate start afresh'
            )
            return
        saved = checkpoint['distiller']
        check_record(saved['teacher'], self.teacher_record, runner.logger)
        self.optimizer.load_state_dict(saved)


def _unwrapped(runner: Runner) -> nn.Module:
    """Return the run's model without DDP."""
    return runner.model.module if is_model_wrapper(runner.model) else runner.model

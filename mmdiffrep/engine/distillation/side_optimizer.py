# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""An optimizer that steps beside the host's, in the same backward pass."""

import math
from collections.abc import Sequence
from typing import Any

import torch
from mmengine.dist import all_reduce, broadcast, get_world_size
from mmengine.optim import OptimWrapper, build_optim_wrapper
from mmengine.registry import OPTIMIZERS
from mmengine.runner import Runner
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_

from mmdiffrep.utils.arguments import check_arguments
from mmdiffrep.utils.checks import at_least, of_type, one_of, positive
from mmdiffrep.utils.near_names import did_you_mean

# Those of mmengine's DefaultOptimWrapperConstructor, which ignores others.
PARAMWISE_KEYS = (
    'custom_keys',
    'bias_lr_mult',
    'bias_decay_mult',
    'norm_decay_mult',
    'flat_decay_mult',
    'dwconv_decay_mult',
    'dcn_offset_lr_mult',
    'bypass_duplicate',
)


class SideOptimizer:
    """Train ``module`` with its own optimizer whenever the host's optimizer steps.

    The host is not patched: the step happens in a post-hook of the host optimizer's ``step``,
    which makes it right under gradient accumulation and GradScaler (the scale is still that of
    this backward pass; if the host's step is skipped for an overflow, so is this one). Under DDP
    the gradients are averaged over the ranks in one flat all-reduce. A module without trainable
    parameters (a loss without a connector) is left alone.

    Args:
        module (nn.Module): The trained module; it lives outside the host's model.
        optimizer (dict): Optimizer config, e.g. ``dict(type='AdamW', lr=1e-3)``.
        paramwise_cfg (dict, optional): As in mmengine's ``optim_wrapper``. Defaults to None.
        clip_grad (dict, optional): Arguments of ``torch.nn.utils.clip_grad_norm_``; the norm is
            this module's own, not the host's. Defaults to None.

    Raises:
        TypeError, ValueError: ``optimizer`` does not name an optimizer, or has a number that is
            negative, NaN or infinite; options that are unknown, out of range, or match no
            parameter.
    """

    def __init__(
        self,
        module: nn.Module,
        optimizer: dict,
        paramwise_cfg: dict | None = None,
        clip_grad: dict | None = None,
    ) -> None:
        self.params: list[nn.Parameter] = [p for p in module.parameters() if p.requires_grad]
        _check_optimizer(optimizer)
        if paramwise_cfg is not None:
            _check_paramwise(module, of_type('paramwise_cfg', paramwise_cfg, dict))
        if clip_grad is not None:
            of_type('clip_grad', clip_grad, dict)
            check_arguments(clip_grad, clip_grad_norm_, 'clip_grad', hidden=['parameters'])
            if 'max_norm' not in clip_grad:
                raise ValueError(f'clip_grad needs a max_norm, got {dict(clip_grad)!r}.')
            max_norm: Any = clip_grad['max_norm']
            positive('max_norm of clip_grad', max_norm)
            norm_type: Any = clip_grad.get('norm_type', 2)
            if of_type('norm_type of clip_grad', norm_type, float) != math.inf:
                positive('norm_type of clip_grad', norm_type)
        wrapper_cfg = dict(type='OptimWrapper', optimizer=optimizer)
        if paramwise_cfg is not None:
            wrapper_cfg['paramwise_cfg'] = paramwise_cfg
        if self.params:
            self.optimizer = build_optim_wrapper(module, wrapper_cfg).optimizer
        else:  # torch refuses an empty list, but not an empty group
            self.optimizer = OPTIMIZERS.build(dict(optimizer, params=[dict(params=[])]))
        self.clip_grad = clip_grad
        self.module = module
        self._handle: torch.utils.hooks.RemovableHandle | None = None

    def broadcast(self) -> None:
        """Give every rank the parameters and buffers of rank 0."""
        for tensor in (*self.module.parameters(), *self.module.buffers()):
            broadcast(tensor.detach())

    def attach(self, host: OptimWrapper) -> None:
        """Step from now on after each step of the host's optimizer."""
        if not self.params:
            return
        scaler = getattr(host, 'loss_scaler', None)

        def step(*_: object) -> None:
            self._synchronize()
            if self.clip_grad is not None:
                if scaler is not None:
                    scaler.unscale_(self.optimizer)
                clip_grad_norm_(self.params, **self.clip_grad)
            if scaler is not None:
                scaler.step(self.optimizer)
            else:
                self.optimizer.step()

        self._handle = host.optimizer.register_step_post_hook(step)

    def detach(self) -> None:
        """Stop stepping."""
        if self._handle is not None:
            self._handle.remove()
            self._handle = None

    def zero_grad(self) -> None:
        """Clear the gradients; to be called once the host's accumulation window is over."""
        self.optimizer.zero_grad(set_to_none=True)

    def state_dict(self) -> dict[str, Any]:
        """Return the states of module and optimizer."""
        return dict(state_dict=self.module.state_dict(), optimizer=self.optimizer.state_dict())

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        """Load what :meth:`state_dict` returned.

        Raises:
            ValueError: The module or the optimizer is built differently.
        """
        try:
            self.module.load_state_dict(saved['state_dict'])
            self.optimizer.load_state_dict(saved['optimizer'])
            # torch takes the state of any optimizer; another kind lacks what a step needs.
            missing = self.optimizer.defaults.keys() - self.optimizer.param_groups[0].keys()
            if missing:
                raise ValueError(f'its optimizer has no {", ".join(sorted(missing))}')
        except (RuntimeError, ValueError) as error:
            raise ValueError(
                "the checkpoint's distiller was built by another config than this run's: resume "
                'with the same pairs, policy, reward and optimizer of the RepFusionHook, or start '
                f'anew with load_from ({error})'
            ) from error

    def follow_schedule(
        self,
        runner: Runner,
        param_scheduler: dict | list | None,
        saved: Sequence[dict[str, Any]] = (),
    ) -> None:
        """Build its own schedulers; the runner steps, saves and restores them.

        Args:
            runner (Runner): The host's runner; its schedulers are built already.
            param_scheduler (dict or list, optional): Scheduler configs. None takes the run's own,
                with its absolute values (``eta_min`` and the like).
            saved (sequence of dict): States of all schedulers of the run, where a flexible runner
                has loaded them before. Defaults to ``()``.
        """
        if not self.params:
            return
        configs = runner.cfg.get('param_scheduler') if param_scheduler is None else param_scheduler
        if not configs:
            if param_scheduler is None and runner.param_schedulers:
                runner.logger.warning(
                    "the run's schedulers are not in its config, so the distiller's learning rate "
                    'stays constant: give the hook param_scheduler=...'
                )
            return
        before: Any = runner.param_schedulers or []
        if isinstance(before, dict):
            raise TypeError(
                'the run has several optimizers (param_scheduler is a dict); the distillation hook '
                'supports one optimizer'
            )
        # These also take a plain optimizer and return a list for it.
        optimizer: Any = self.optimizer
        strategy = getattr(runner, 'strategy', None)
        if strategy is None:
            runner.param_schedulers = [*before, *runner._build_param_scheduler(configs, optimizer)]
            return
        lengths = ('epoch_length', 'max_epochs', 'max_iters')
        known = {name: strategy.dispatch_kwargs[name] for name in lengths}
        own = strategy._build_param_scheduler(configs, optimizer, known)
        for scheduler, state in zip(own, saved[len(before) :]):
            scheduler.load_state_dict(state)
        # A flexible runner steps its list; its strategy saves one.
        runner.param_schedulers = strategy.param_schedulers = [*before, *own]

    def _synchronize(self) -> None:
        """Average the gradients over all ranks; a missing gradient counts as zero.

        Parameters without `requires_grad` (the same on all ranks) stay without one.
        """
        params = [param for param in self.params if param.requires_grad]
        for param in params:
            if param.grad is None:
                param.grad = torch.zeros_like(param)
        if get_world_size() == 1 or not params:
            return
        grads = [param.grad for param in params if param.grad is not None]
        flat: Tensor = torch.cat([grad.flatten() for grad in grads])
        all_reduce(flat, op='mean')
        for grad, part in zip(grads, flat.split([grad.numel() for grad in grads])):
            grad.copy_(part.view_as(grad))


def _check_optimizer(optimizer: dict) -> None:
    """Name a type that does not exist, and numbers that are not finite."""
    kind = of_type('optimizer', optimizer, dict).get('type')
    with OPTIMIZERS.switch_scope_and_registry(None) as registry:
        built = registry.get(kind) if isinstance(kind, str) else kind
        if not isinstance(built, type):
            raise ValueError(
                f"the distiller's optimizer has the type {kind!r}, which is not in the "
                f'{registry.scope} registry of optimizers: expected one such as '
                f"dict(type='AdamW', lr=1e-3), got {dict(optimizer)!r}"
            )
    arguments = {key: value for key, value in optimizer.items() if key != 'type'}
    check_arguments(arguments, built, 'optimizer', hidden=['params'])
    for key, value in arguments.items():
        if key in ('lr', 'momentum', 'weight_decay') or isinstance(value, float):
            at_least(f'{key} of the optimizer', value, 0)


def _check_paramwise(module: nn.Module, paramwise_cfg: dict) -> None:
    """Name keys that mmengine would ignore, and custom keys that match no parameter."""
    for key in paramwise_cfg:
        one_of('each key of paramwise_cfg', key, PARAMWISE_KEYS)
    names = [name for name, _ in module.named_parameters()]
    for key, options in paramwise_cfg.get('custom_keys', {}).items():
        if names and not any(key in name for name in names):
            parts = sorted({part for name in names for part in name.split('.')})
            raise ValueError(
                f'custom_keys of paramwise_cfg has {key!r}, which is not in the name of any '
                f'parameter of the distiller.{did_you_mean(key, parts)} The names are made of: '
                f'{", ".join(parts)}.'
            )
        for name in of_type(f'custom_keys[{key!r}]', options, dict):
            one_of(f'each option of custom_keys[{key!r}]', name, ('lr_mult', 'decay_mult'))

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Compare a resumed run with the run that it continues."""

import ast
import inspect
from collections.abc import Iterator
from typing import Any

from mmengine.dist import get_world_size
from mmengine.optim import OptimWrapper
from mmengine.runner import Runner

# What the runner is told, but for where it writes and how it is started.
_COMPARED = inspect.signature(Runner.__init__).parameters.keys() - {
    *('self', 'cfg', 'work_dir', 'load_from', 'resume', 'launcher', 'log_level'),
    *('experiment_name', 'visualizer', 'log_processor'),
}
_ABSENT = object()
_LONGEST_VALUE = 80  # letters


def check_resumable(runner: Runner, checkpoint: dict[str, Any]) -> None:
    """Check that a checkpoint holds the state of a run, of the optimizer that this run has.

    Raises:
        ValueError: It holds weights only, or the state of another optimizer.
    """
    if missing := [key for key in ('meta', 'message_hub', 'state_dict') if key not in checkpoint]:
        raise ValueError(
            f'This checkpoint cannot be resumed from, as it has no {", ".join(missing)}: it holds '
            'weights alone. To start a new run with its weights, leave --resume out and give '
            '--cfg-options load_from=FILE.'
        )
    wrapper = runner.optim_wrapper
    if 'optimizer' not in checkpoint:
        runner.logger.warning(
            'The checkpoint holds no optimizer (a best checkpoint, or save_optimizer=False): '
            'momentum and learning rate start anew.'
        )
    elif isinstance(wrapper, OptimWrapper) and 'param_groups' in checkpoint['optimizer']:
        saved = checkpoint['optimizer']['param_groups'][0]
        if missing := sorted(wrapper.optimizer.defaults.keys() - saved.keys()):
            raise ValueError(
                f"The checkpoint's optimizer has no {', '.join(missing)}: it is not the "
                f'{type(wrapper.optimizer).__name__} of this run. Resume with the optim_wrapper '
                'that the run was started with, or start a new one with load_from.'
            )


def log_changes(runner: Runner, meta: dict[str, Any]) -> None:
    """Log what of the config and the number of processes is not as it was.

    Args:
        runner: The resumed run.
        meta: Of the checkpoint; its ``cfg`` is read without running it.
    """
    changes = list(config_changes(meta.get('cfg', ''), runner.cfg.pretty_text))
    processes = meta.get('world_size', get_world_size())
    if processes != get_world_size():
        changes.append(f'number of processes: {processes} -> {get_world_size()}')
    if changes:
        runner.logger.warning(
            'The run goes on with other settings than those in its checkpoint (checkpoint -> '
            'now):\n' + '\n'.join(f'    {change}' for change in changes)
        )


def config_changes(before: str, now: str) -> Iterator[str]:
    """Compare two configs, given as text like ``Config.pretty_text``.

    Yields:
        ``'<key>: <value before> -> <value now>'``, and whether that has an effect on a resume.
    """
    try:
        old, new = _read(before), _read(now)
    except SyntaxError:  # not a config, or one of another format
        return
    if not old or not new:  # a runner that was built without a config
        return
    for name in sorted(_COMPARED):
        for path, *values in _differences((name,), old.get(name, _ABSENT), new.get(name, _ABSENT)):
            change = ' -> '.join(map(_in_short, values))
            yield f'{".".join(path)}: {change}{_effect(path)}'


def _read(text: str) -> dict[str, Any]:
    """Return the assignments of a config. Nothing is executed."""
    assignments = [node for node in ast.parse(text).body if isinstance(node, ast.Assign)]
    return {node.targets[0].id: _value(node.value) for node in assignments}


def _value(node: ast.expr) -> Any:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == 'dict':
        items: dict[str, Any] = {}
        for keyword in node.keywords:  # without a name: **{...}
            value = _value(keyword.value)
            items.update({keyword.arg: value} if keyword.arg else value)
        return items
    if isinstance(node, ast.Dict):
        keys = [ast.unparse(key) if key else '**' for key in node.keys]
        return dict(zip((key.strip('\'"') for key in keys), map(_value, node.values)))
    if isinstance(node, (ast.List, ast.Tuple)):  # a config does not always keep them apart
        return [_value(item) for item in node.elts]
    return ast.unparse(node)


def _differences(path: tuple[str, ...], old: Any, new: Any) -> Iterator[tuple]:
    if isinstance(old, list) and isinstance(new, list):
        old, new = (dict(enumerate(values)) for values in (old, new))
    if isinstance(old, dict) and isinstance(new, dict):
        for key in [*old, *(key for key in new if key not in old)]:
            yield from _differences((*path, str(key)), old.get(key, _ABSENT), new.get(key, _ABSENT))
    elif old != new:
        yield path, old, new


def _effect(path: tuple[str, ...]) -> str:
    if 'param_scheduler' in path:
        return " (has no effect: the schedulers' state has its own)"
    if 'optimizer' in path or 'paramwise_cfg' in path:
        return " (has no effect: the optimizer's state has its own)"
    return ''


def _in_short(value: Any) -> str:
    if value is _ABSENT:
        return '(absent)'
    text = value if isinstance(value, str) else str(value)
    return text if len(text) <= _LONGEST_VALUE else f'{text[:_LONGEST_VALUE]}...'

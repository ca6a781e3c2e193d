# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Find hooks in a config by their type, whether they have a name or a place in a list.

The configs here name their hooks in ``default_hooks``; other configs may list the same hooks in
``custom_hooks``, which mmengine reads as well.
"""

from mmengine.config import Config, ConfigDict

# What a runner of mmengine registers by default.
STANDARD = ('runtime_info', 'timer', 'sampler_seed', 'logger', 'param_scheduler', 'checkpoint')


def find_hooks(cfg: Config, kind: str) -> dict[str, ConfigDict]:
    """Return the hooks of one type.

    Args:
        cfg (Config): A config.
        kind (str): Name of the hook's class, with or without a scope: ``'RepFusionHook'``.

    Returns:
        dict: The config of each hook by its dotted key, such as ``'default_hooks.repfusion'`` or
        ``'custom_hooks.1'``, as ``--cfg-options`` spells it. Changing a hook changes ``cfg``.
    """
    named = (cfg.get('default_hooks') or {}).items()
    listed = enumerate(cfg.get('custom_hooks') or ())
    hooks = {f'default_hooks.{name}': hook for name, hook in named}
    hooks.update({f'custom_hooks.{index}': hook for index, hook in listed})
    return {key: hook for key, hook in hooks.items() if _is(hook, kind)}


def drop_hooks(cfg: Config, *kinds: str) -> None:
    """Remove all hooks of some types from a config.

    Args:
        cfg (Config): A config, changed in place.
        kinds (str): Names of the hooks' classes, with or without a scope.
    """

    def stays(hook: object) -> bool:
        return not any(_is(hook, kind) for kind in kinds)

    if cfg.get('default_hooks'):
        cfg.default_hooks = {name: hook for name, hook in cfg.default_hooks.items() if stays(hook)}
    if cfg.get('custom_hooks'):
        cfg.custom_hooks = [hook for hook in cfg.custom_hooks if stays(hook)]


def drop_switched_off_hooks(cfg: Config) -> None:
    """Remove hooks that are None, which mmengine takes for its own hooks only.

    Args:
        cfg (Config): A config, changed in place: ``default_hooks.ema=None`` leaves ``ema`` out.
    """
    hooks = cfg.get('default_hooks') or {}
    for name in [name for name, hook in hooks.items() if hook is None and name not in STANDARD]:
        del hooks[name]


def keep_standard_hooks(cfg: Config) -> None:
    """Remove all hooks but those that every runner of mmengine has.

    Args:
        cfg (Config): A config, changed in place.
    """
    hooks = cfg.get('default_hooks') or {}
    cfg.default_hooks = {name: hook for name, hook in hooks.items() if name in STANDARD}
    cfg.custom_hooks = []


def _is(hook: object, kind: str) -> bool:
    """Whether a hook's config has this type; mmengine notes a scope as a string among the hooks."""
    if not isinstance(hook, dict):
        return False
    return str(hook.get('type')).rpartition('.')[-1] == kind.rpartition('.')[-1]

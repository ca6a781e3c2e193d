# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Children of mmengine's registries, found from any config by the prefix ``mmdiffrep.``.

mmengine imports this module by itself when it meets a type such as ``mmdiffrep.DPMBackbone``, and
``locations`` make it import our components on the first look-up. Nothing has to be registered by
hand in a downstream project.
"""

from typing import Any

from mmengine import registry as mmengine_registries
from mmengine.registry import Registry

from mmdiffrep.utils.checks import about, has_type
from mmdiffrep.utils.near_names import near_names


def _child_of(parent: Registry, *packages: str) -> Registry:
    """Return a registry below one of mmengine's, of the components in some of our packages."""
    return Registry(
        parent.name,
        parent=parent,
        scope='mmdiffrep',
        locations=[f'mmdiffrep.{package}' for package in packages],
    )


MODELS = _child_of(mmengine_registries.MODELS, 'models')
HOOKS = _child_of(mmengine_registries.HOOKS, 'engine.hooks')
DATASETS = _child_of(mmengine_registries.DATASETS, 'datasets', 'feature_bank')
TRANSFORMS = _child_of(mmengine_registries.TRANSFORMS, 'datasets')
METRICS = _child_of(mmengine_registries.METRICS, 'evaluation')
LOOPS = _child_of(mmengine_registries.LOOPS, 'engine.loops')
STRATEGIES = _child_of(mmengine_registries.STRATEGIES, 'engine.strategies')


def build_part(registry: Registry, cfg: Any, key: str, **inferred: Any) -> Any:
    """Build a part that a config describes inside another one; each error names its key.

    Args:
        registry: One of this module.
        cfg: ``dict(type=..., ...)``.
        key: Where it stands, such as ``'policy'``.
        **inferred: Further arguments of the class.

    Raises:
        TypeError: Not a dict.
        ValueError: Its type is not a class of the registry, or what the class raises.
    """
    kind = has_type(key, cfg)['type']
    if isinstance(kind, str) and kind:
        with registry.switch_scope_and_registry(None) as scoped:
            found = scoped.get(kind)
    else:
        found = kind
    if not callable(found):
        near = [
            f'mmdiffrep.{name}'
            for name in near_names(str(kind).rpartition('.')[-1], registry.module_dict)
        ]
        hint = f' Did you mean {" or ".join(near)}?' if near else ''
        raise ValueError(
            f'{key}: type must be the name of a class, such as mmdiffrep.{_example(registry)}; '
            f'{kind!r} is not in the {registry.name} registry (got {dict(cfg)!r}).{hint}'
        )
    with about(key):
        return registry.build({**cfg, **inferred})


def _example(registry: Registry) -> str:
    """Return the name of a class of a registry."""
    return sorted(registry.module_dict)[0] if registry.module_dict else 'Class'

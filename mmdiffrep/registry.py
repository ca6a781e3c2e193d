# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Children of mmengine's registries, found from any config by the prefix ``mmdiffrep.``.

mmengine imports this module by itself when it meets a type such as ``mmdiffrep.DPMBackbone``, and
``locations`` make it import our components on the first look-up. Nothing has to be registered by
hand in a downstream project.
"""

from typing import Any

from mmengine.registry import DATASETS as MMENGINE_DATASETS
from mmengine.registry import HOOKS as MMENGINE_HOOKS
from mmengine.registry import LOOPS as MMENGINE_LOOPS
from mmengine.registry import METRICS as MMENGINE_METRICS
from mmengine.registry import MODELS as MMENGINE_MODELS
from mmengine.registry import STRATEGIES as MMENGINE_STRATEGIES
from mmengine.registry import TRANSFORMS as MMENGINE_TRANSFORMS
from mmengine.registry import Registry

from mmdiffrep.utils.checks import about, of_type
from mmdiffrep.utils.near_names import near_names

MODELS = Registry(
    'model', parent=MMENGINE_MODELS, scope='mmdiffrep', locations=['mmdiffrep.models']
)
HOOKS = Registry(
    'hook', parent=MMENGINE_HOOKS, scope='mmdiffrep', locations=['mmdiffrep.engine.hooks']
)
DATASETS = Registry(
    'dataset',
    parent=MMENGINE_DATASETS,
    scope='mmdiffrep',
    locations=['mmdiffrep.datasets', 'mmdiffrep.feature_bank'],
)
TRANSFORMS = Registry(
    'transform', parent=MMENGINE_TRANSFORMS, scope='mmdiffrep', locations=['mmdiffrep.datasets']
)
METRICS = Registry(
    'metric', parent=MMENGINE_METRICS, scope='mmdiffrep', locations=['mmdiffrep.evaluation']
)
LOOPS = Registry(
    'loop', parent=MMENGINE_LOOPS, scope='mmdiffrep', locations=['mmdiffrep.engine.loops']
)
STRATEGIES = Registry(
    'strategy',
    parent=MMENGINE_STRATEGIES,
    scope='mmdiffrep',
    locations=['mmdiffrep.engine.strategies'],
)


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
    kind = of_type(key, cfg, dict).get('type')
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

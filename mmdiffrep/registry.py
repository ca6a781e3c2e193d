# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Children of mmengine's registries, found from any config by the prefix ``mmdiffrep.``.

mmengine imports this module by itself when it meets a type such as ``mmdiffrep.DPMBackbone``, and
``locations`` make it import our components on the first look-up. Nothing has to be registered by
hand in a downstream project.
"""

from mmengine.registry import DATASETS as MMENGINE_DATASETS
from mmengine.registry import HOOKS as MMENGINE_HOOKS
from mmengine.registry import LOOPS as MMENGINE_LOOPS
from mmengine.registry import METRICS as MMENGINE_METRICS
from mmengine.registry import MODELS as MMENGINE_MODELS
from mmengine.registry import TRANSFORMS as MMENGINE_TRANSFORMS
from mmengine.registry import Registry

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

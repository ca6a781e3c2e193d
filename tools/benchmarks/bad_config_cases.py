# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Bad options, hook configs and diffusers folders, for bad_input.py."""

import copy
import functools
import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from diffusers import DDPMScheduler, UNet2DModel

from mmdiffrep.diffusion.feature_extractor import FeatureExtractor
from mmdiffrep.registry import DATASETS, MODELS, TRANSFORMS
from mmdiffrep.testing import tiny_runner, tiny_teacher
from mmdiffrep.testing.bad_input import Case
from mmdiffrep.testing.damaged_files import damage
from mmdiffrep.testing.tiny_distillation import hook_cfg, run

VALUES: tuple[Any, ...] = (
    *(None, True, False, -1, 0, 1, 2, 1.5, math.nan, math.inf),
    *('', 'abc', [], {}, [1], dict(a=1)),
)
SIZES: tuple[Any, ...] = (None, True, 'abc', -1, 0, 1.5, math.nan, [1], dict(a=1))
# Values of the hook's keys that are fine, and values that may be fine.
FINE: dict[str, tuple[Any, ...]] = {
    'policy': (None,),
    'reward': (None,),
    'holdout': (0,),
    'optimizer': (None,),
    'paramwise_cfg': (None,),
    'clip_grad': (None,),
    'param_scheduler': (None,),
    'phases': (None,),
    'teacher_size': (None,),
    'normalization': (None,),
    'seed': (0, 1, 2),
    'pairs.0.standardize': (True, False),
    'pairs.0.connector': (None,),
    'pairs.0.student_channels': (None,),
    'optimizer.lr': (0, 1, 2, 1.5),
    'optimizer.momentum': (0,),
    'clip_grad.max_norm': (1, 2, 1.5),
    'clip_grad.norm_type': (1, 2, 1.5, math.inf),
    'policy.num_buckets': (None, 1, 2),
}
PERHAPS: dict[str, tuple[Any, ...]] = {
    'policy': ({},),
    'phases': ([],),
    'paramwise_cfg': ({},),
    'param_scheduler': ([], {}),
    'teacher_size': (1, 2),
    'pairs.0.student_channels': (1, 2),
    'pairs.0.loss.weight': (0, 1, 2, 1.5, None),
    'policy.num_timesteps': (1, 2),
    'optimizer.momentum': (1, 2, 1.5),
}
# Other words for a key in an error.
SAID = {'pairs.0.teacher': ('tap',)}
BASE = dict(clip_grad=dict(max_norm=1.0), optimizer=dict(type='SGD', lr=0.05, momentum=0.9))
TOP = (
    *('teacher', 'pairs', 'policy', 'noise', 'reward', 'holdout', 'optimizer', 'paramwise_cfg'),
    *('clip_grad', 'param_scheduler', 'phases', 'teacher_size', 'teacher_input'),
    *('normalization', 'seed'),
)
NESTED = (
    *('pairs.0.student', 'pairs.0.teacher', 'pairs.0.loss', 'pairs.0.standardize'),
    *('pairs.0.connector', 'pairs.0.student_channels', 'pairs.0.loss.distance'),
    *('policy.num_timesteps', 'policy.num_buckets', 'policy.type', 'optimizer.type'),
    *('optimizer.lr', 'optimizer.momentum', 'clip_grad.max_norm', 'clip_grad.norm_type'),
)
TYPOS = (
    'techer',
    'pairz',
    'polcy',
    'pairs.0.studnt',
    'policy.num_bucket',
    'optimizer.l',
    'holdoutt',
)


def shown(value: Any) -> tuple[str, ...]:
    """Return how a clear error shows a value; of a list or a dict, it may show an item or key."""
    items = [*value, *value.values()] if isinstance(value, dict) else value
    shown_items = map(shown, items) if isinstance(items, (list, tuple)) else ()
    return repr(value), str(value) or repr(value), *(text for each in shown_items for text in each)


def _among(value: Any, values: tuple[Any, ...]) -> bool:
    return any(type(value) is type(other) and repr(value) == repr(other) for other in values)


def hook_cases() -> Iterator[Case]:
    """Yield every key of the hook with every wrong value, two steps each."""
    for keys, values in ((TOP, VALUES), (NESTED, SIZES), (TYPOS, (1,))):
        for key in keys:
            for value in values:
                fine = _among(value, FINE.get(key, ()))
                perhaps = _among(value, PERHAPS.get(key, ()))
                expect = 'ok' if fine else 'any' if perhaps else 'error'
                case = functools.partial(_train, key=key, value=value)
                names = (key.rpartition('.')[-1], *SAID.get(key, ()))
                given = () if key in TYPOS else shown(value)
                yield Case('RepFusionHook config', f'{key}={value!r}', case, names, expect, given)


def _train(folder: Path, key: str, value: Any) -> None:
    cfg = copy.deepcopy(hook_cfg(**BASE))
    *parents, last = [int(part) if part.isdigit() else part for part in key.split('.')]
    inside: Any = cfg
    for part in parents:
        inside = inside[part]
    inside[last] = value
    run(folder / 'run', 2, cfg)


def diffusers_cases() -> Iterator[Case]:
    """Yield mutated folders of a tiny diffusion model."""
    group = 'diffusers folder'

    def case(
        name: str,
        file: str,
        change: Callable[[Path], object],
        *names: str,
        given: tuple[str, ...] = (),
    ) -> Case:
        def build(folder: Path) -> None:
            _save_model(folder / 'model')
            change(folder / 'model' / file)
            extractor = FeatureExtractor(str(folder / 'model'), ['mid'], timesteps=[1])
            extractor(torch.zeros(1, 3, 16, 16))

        return Case(group, name, build, (Path(file).name, *names), given=given)

    unet, scheduler = 'unet/config.json', 'scheduler/scheduler_config.json'
    for content in ('', '{', '[]', 'null', '"x"', '1', '{}'):
        for file in (unet, scheduler):
            write = functools.partial(_write, text=content)
            yield case(f'{file} {content!r}', file, write)
    keys: dict[str, tuple[Any, ...]] = {
        'sample_size': (0, -1, 10**9, 'a'),
        'in_channels': (0, -1, 'a'),
        'layers_per_block': (0, -1, 10**7, 'a'),
        'block_out_channels': ([], [10**6] * 2, ['a', 'b'], [0, 0]),
        'norm_num_groups': (0, 7, 'a'),
        'down_block_types': (['Nothing', 'Nothing'], []),
        '_class_name': ('Nothing',),
        'act_fn': ('nothing',),
    }
    for key, values in keys.items():
        for value in values:
            change = functools.partial(_set, key=key, value=value)
            yield case(f'{key}={value!r}', unet, change, key, given=shown(value))
    keys = {
        'num_train_timesteps': (0, -1, 10**9, 'a', 1.5),
        'beta_start': (math.nan, -1, 2, 'a'),
        'beta_schedule': ('nothing',),
        'prediction_type': ('nothing',),
        '_class_name': ('Nothing',),
    }
    for key, values in keys.items():
        for value in values:
            change = functools.partial(_set, key=key, value=value)
            yield case(f'{key}={value!r}', scheduler, change, key, given=shown(value))
    for kind in ('empty', 'cut half', 'text', 'pipe', 'missing', 'folder'):
        change = functools.partial(damage, kind=kind)
        file = 'unet/diffusion_pytorch_model.safetensors'
        yield case(f'weights {kind}', file, change, 'unet')


def _save_model(folder: Path) -> None:
    torch.manual_seed(0)
    UNet2DModel(**tiny_teacher()['unet']).save_pretrained(folder / 'unet')
    DDPMScheduler(num_train_timesteps=20).save_pretrained(folder / 'scheduler')


def _write(path: Path, text: str) -> None:
    path.write_text(text)


def _set(path: Path, key: str, value: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), key: value}))


def option_cases() -> Iterator[Case]:
    """Yield wrong options of data sets, transforms, necks, heads and loops."""
    faces = dict(type='mmdiffrep.ToyFacesDataset', split='val', num_images=2)
    head = dict(type='mmdiffrep.PixelMLPEnsembleHead', num_classes=3, in_channels=4)
    neck = dict(type='mmdiffrep.PoolFlatten', in_channels=[4])
    wrong: list[tuple[Any, dict, str, Any]] = [
        *((DATASETS, faces, 'num_images', value) for value in (0, -1, 1.5, 'a', None)),
        *((DATASETS, faces, 'image_size', value) for value in (0, 16, 'a')),
        *((DATASETS, faces, 'split', value) for value in ('vall', None, 1)),
        *((DATASETS, faces, 'task', value) for value in ('segm', None)),
        *((DATASETS, faces, 'seed', value) for value in (-1, 'a', 0.5)),
        *((MODELS, head, 'num_members', value) for value in (0, 'a', 1.5)),
        *((MODELS, head, 'num_classes', value) for value in (1, 'a')),
        *((MODELS, head, 'hidden_channels', value) for value in ([], [0])),
        *((MODELS, head, 'patience', value) for value in (-1, None)),
        *((MODELS, neck, 'pool', value) for value in (0, 1.5, 'a')),
        *((MODELS, neck, 'in_channels', value) for value in (4, [], [0])),
        *((TRANSFORMS, dict(type='mmdiffrep.LeftRightFlip'), 'prob', p) for p in (2, 'a', None)),
    ]
    for registry, config, key, value in wrong:
        build = functools.partial(_build, registry=registry, config={**config, key: value})
        name = f'{config["type"]} {key}={value!r}'
        yield Case('options', name, build, (key,), given=shown(value))
    for key, value in (('batch_size', 1), ('dtype', 'half'), ('max_epochs', 0)):
        loop = functools.partial(_pixel_loop, key=key, value=value)
        yield Case('options', f'PixelTrainLoop {key}={value!r}', loop, (key,), given=shown(value))


def _build(_: Path, registry: Any, config: dict) -> None:
    registry.build(config)


def _pixel_loop(folder: Path, key: str, value: Any) -> None:
    runner = tiny_runner(folder / 'run')
    runner.build_train_loop({'type': 'mmdiffrep.PixelTrainLoop', key: value})


def config_cases() -> list[Case]:
    """Return all cases of this file."""
    return [*option_cases(), *hook_cases(), *diffusers_cases()]

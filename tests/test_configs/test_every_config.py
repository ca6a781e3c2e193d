# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""What holds for every shipped config: how it reads, and what every run needs."""

import re
from itertools import combinations, takewhile
from pathlib import Path

import pytest
import torch
import yaml
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.runner import Runner

from mmdiffrep.datasets import LoadToyFace
from mmdiffrep.registry import MODELS

ROOT = Path(__file__).parents[2]
CONFIGS = ROOT / 'configs'
PATHS = sorted(path for path in CONFIGS.glob('*/**/*.py') if '_base_' not in path.parts)
MAX_DEPTH = 3  # a config, its base, the base's base
MAX_FILES_BEHIND = 5
# Keys that a runner of mmengine reads; the others are variables of the configs.
RUN = (
    *('model', 'data_preprocessor', 'train_dataloader', 'val_dataloader', 'test_dataloader'),
    *('train_cfg', 'optim_wrapper', 'param_scheduler', 'default_hooks', 'randomness'),
    *('val_evaluator', 'test_evaluator'),
)


def name_of(path):
    return path.relative_to(CONFIGS).with_suffix('').as_posix()


every_config = pytest.mark.parametrize('path', PATHS, ids=name_of)


@pytest.fixture(scope='module')
def load():
    """Read each config once."""
    configs = {}

    def load_once(path):
        if path not in configs:
            configs[path] = Config.fromfile(path)
        return configs[path]

    return load_once


def bases_of(path):
    names = Config._get_base_files(str(path))
    return [Path(Config._get_cfg_path(name, str(path))[0]).resolve() for name in names]


def depth_of(path):
    return 1 + max(map(depth_of, bases_of(path)), default=0)


def files_behind(path):
    return set().union(*({base} | files_behind(base) for base in bases_of(path)))


# -- how it reads ----------------------------------------------------------------------------------


@every_config
def test_inherits_little(path):
    assert depth_of(path) <= MAX_DEPTH
    assert len(files_behind(path)) <= MAX_FILES_BEHIND


def test_the_first_config_of_the_readme_is_four_bases_and_itself():
    assert len(files_behind(CONFIGS / 'repfusion' / 'celebamask_r50.py')) == 4


@every_config
def test_says_what_it_is_and_what_it_reached(path):
    lines = path.read_text().splitlines()[1:]  # after the license
    comment = takewhile(lambda line: line.startswith('#'), lines)
    text = ' '.join(line.removeprefix('#').strip() for line in comment)
    what, _, result = text.partition('Result: ')
    assert len(what.split()) >= 4, 'the first comment says what the config is'
    known = r'\d|never run at full size|not measured|README'
    assert re.search(known, result), 'its last sentence says what the config reached'


@pytest.mark.parametrize('path', sorted(CONFIGS.rglob('*.py')), ids=name_of)
def test_hooks_have_names(path):
    assert 'custom_hooks' not in path.read_text()


def leaves(node, key=''):
    """All values of a config by their dotted keys."""
    if isinstance(node, dict) and node:
        for name, child in node.items():
            yield from leaves(child, f'{key}.{name}')
    elif isinstance(node, (list, tuple)) and node:
        for index, child in enumerate(node):
            yield from leaves(child, f'{key}.{index}')
    else:
        yield key, node


def test_configs_that_differ_in_one_value_are_experiments(load):
    values = {
        path: dict(leaves({key: load(path).get(key) for key in RUN}))
        for path in PATHS
        if 'experiments' not in path.parts
    }
    pairs = []
    for (path, ours), (other, theirs) in combinations(values.items(), 2):
        if abs(len(ours) - len(theirs)) <= 1:
            keys = ours.keys() | theirs.keys()
            differences = (key for key in keys if ours.get(key, keys) != theirs.get(key, keys))
            if next(differences, None) is None or next(differences, None) is None:
                pairs.append((name_of(path), name_of(other)))
    assert pairs == []


def test_every_config_is_in_a_model_index():
    index = yaml.safe_load((ROOT / 'model-index.yml').read_text())['Import']
    models = [m for file in index for m in yaml.safe_load((ROOT / file).read_text())['Models']]
    assert sorted(model['Config'] for model in models) == [
        f'configs/{name_of(p)}.py' for p in PATHS
    ]
    assert all(model['Name'] == Path(model['Config']).stem for model in models)


# -- what every run needs --------------------------------------------------------------------------


@every_config
def test_resumes_bit_for_bit_and_stops_at_a_loss_that_is_not_finite(path, load):
    cfg = load(path)
    if 'train_dataloader' not in cfg:
        return  # a config of a test alone
    hooks = cfg.default_hooks
    assert hooks.finite_loss.type == 'mmdiffrep.FiniteLossHook'
    assert hooks.checkpoint.type == 'mmdiffrep.AtomicCheckpointHook'
    # PixelTrainLoop draws from (seed, epoch, member), and resumes exactly without the hook.
    if cfg.train_cfg.get('type') != 'mmdiffrep.PixelTrainLoop':
        assert hooks.exact_resume.type == 'mmdiffrep.ExactResumeHook'
    assert cfg.randomness.seed is not None
    if cfg.train_cfg.get('by_epoch') or cfg.train_cfg.get('type') == 'EpochBasedTrainLoop':
        # Persistent workers would go on with random numbers that a resume cannot restore.
        assert not cfg.train_dataloader.get('persistent_workers')


# Crops of random size, which the host's data preprocessor pads one by one, and pairs of images.
IMAGES_OF_MANY_SIZES = re.compile(
    r'repfusion/(celebamask_r\d+\w*|(ade20k|cityscapes)_\w+)|difformer/difformer_(ade20k|coco)_\w+'
    r'|dift/hyperfeatures_\w+'
)


@every_config
def test_a_batch_is_one_tensor_and_averages_need_few_kernels(path, load):
    cfg = load(path)
    loader = cfg.get('train_dataloader')
    if loader and loader.batch_size > 1 and not IMAGES_OF_MANY_SIZES.fullmatch(name_of(path)):
        assert loader.collate_fn == dict(type='default_collate')
    if 'ema' in cfg.get('default_hooks', {}):
        assert cfg.default_hooks.ema.ema_type == 'mmdiffrep.ForeachEMA'


def metrics_of(cfg):
    found = [cfg.get(f'{split}_evaluator') or [] for split in ('val', 'test')]
    return [metric for one in found for metric in ([one] if isinstance(one, dict) else one)]


@every_config
def test_a_label_without_a_class_is_named(path, load):
    """Where the head's loss has one score per class, in a training run of mmpretrain."""
    cfg = load(path)
    if cfg.get('default_scope') == 'mmpretrain' and cfg.model.get('head'):
        types = [hook.type for hook in cfg.default_hooks.values()]
        assert 'mmdiffrep.LabelRangeHook' in types


@every_config
def test_faces_without_a_landmark_are_no_perfect_score(path, load):
    assert not {'NME', 'mmpose.NME'} & {metric.type for metric in metrics_of(load(path))}


def losses_with_class_weights(node):
    if isinstance(node, dict):
        if 'class_weight' in node:
            yield node
        node = list(node.values())
    if isinstance(node, (list, tuple)):
        for child in node:
            yield from losses_with_class_weights(child)


@every_config
def test_masks_with_ignored_pixels_train_with_class_weights(path, load):
    """mmseg's own loss looks up the weight of label 255, and fails."""
    cfg = load(path)
    for loss_cfg in losses_with_class_weights(cfg.model):
        with DefaultScope.overwrite_default_scope(cfg.default_scope):
            loss = MODELS.build(loss_cfg)
        scores = torch.zeros(1, len(loss_cfg.class_weight), 2, 2, requires_grad=True)
        loss(scores, torch.tensor([[[0, 255], [1, 255]]]), ignore_index=255).backward()
        assert scores.grad.isfinite().all() and (scores.grad[..., 1] == 0).all()


def test_a_run_with_ignored_pixels(tmp_path, monkeypatch):
    draw = LoadToyFace.transform

    def ignore_a_corner(self, results):
        results = draw(self, results)
        results['gt_seg_map'][:4, :4] = 255
        return results

    monkeypatch.setattr(LoadToyFace, 'transform', ignore_a_corner)
    cfg = Config.fromfile(CONFIGS / 'repfusion' / 'toyfaces_r18_scratch.py')
    cfg.train_dataloader.update(batch_size=2, num_workers=0, persistent_workers=False)
    cfg.train_dataloader.dataset.update(num_images=4, indices=None)
    cfg.update(val_dataloader=None, val_cfg=None, val_evaluator=None)
    cfg.train_cfg.max_iters = 2
    cfg.default_hooks.logger.interval = 1
    cfg.work_dir, cfg.experiment_name = str(tmp_path), 'ignored'
    runner = Runner.from_cfg(cfg)
    runner.train()
    assert 0 < runner.message_hub.get_scalar('train/decode.loss_ce').current() < 100

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import os
import pickle

import pytest
import torch
from mmengine.config import Config
from torch import nn

from mmdiffrep.utils.host_models import (
    build_host_model,
    find_config,
    load_host_weights,
    model_config,
    weights_of,
)

NAME = 'repfusion/toyfaces_r18_cls_scratch.py'
CLASSIFIER = dict(
    default_scope='mmpretrain',
    model=dict(
        type='ImageClassifier',
        backbone=dict(type='ResNet_CIFAR', depth=18, base_channels=4, stem_channels=4),
        neck=dict(type='GlobalAveragePooling'),
        head=dict(type='LinearClsHead', num_classes=5, in_channels=32),
    ),
    data_preprocessor=dict(num_classes=5, mean=[1.0, 2.0, 3.0], std=[4.0, 5.0, 6.0], to_rgb=False),
)


class RunsCode:
    def __reduce__(self):
        return os.mkdir, ('ran',)


def test_configs_are_found_by_file_by_name_and_as_they_are(tmp_path, monkeypatch):
    shipped = find_config(NAME)
    assert find_config(NAME.removesuffix('.py')).model == shipped.model
    assert find_config(f'mmdiffrep::{NAME}').model == shipped.model
    assert find_config(shipped) is shipped
    assert find_config(dict(CLASSIFIER)).model.head.num_classes == 5
    Config(CLASSIFIER).dump(tmp_path / 'own.py')
    assert find_config(tmp_path / 'own.py').default_scope == 'mmpretrain'
    monkeypatch.setenv('HOME', str(tmp_path))
    assert find_config('~/own.py').default_scope == 'mmpretrain'


def test_a_config_of_a_host_says_its_host():
    cfg = find_config(
        'mmpretrain::_base_/datasets/cifar10_bs16.py', {'train_dataloader.batch_size': 3}
    )
    assert cfg.default_scope == 'mmpretrain' and cfg.train_dataloader.batch_size == 3


def test_names_that_do_not_exist_list_near_ones():
    with pytest.raises(FileNotFoundError, match='Did you mean: .*cls_scratch'):
        find_config('repfusion/toyfaces_r18_cls_scrach.py')


def test_a_model_is_built_with_its_preprocessor():
    model = build_host_model(Config(CLASSIFIER))
    assert model.data_preprocessor.mean.flatten().tolist() == [1.0, 2.0, 3.0]
    inside = Config(dict(CLASSIFIER, model=dict(CLASSIFIER['model'], data_preprocessor=dict(a=1))))
    assert model_config(inside)['data_preprocessor'] == dict(a=1)


@pytest.mark.parametrize(
    'pack',
    [
        lambda state: state,
        lambda state: dict(state_dict=state, meta=dict(epoch=1)),
        lambda state: dict(model={f'module.{name}': value for name, value in state.items()}),
        lambda state: dict(module=state, optimizer=dict()),
    ],
)
def test_weights_are_found_where_training_codes_keep_them(tmp_path, pack):
    source, target = nn.Linear(2, 3), nn.Linear(2, 3)
    torch.save(pack(source.state_dict()), tmp_path / 'w.pth')
    load_host_weights(target, tmp_path / 'w.pth')
    assert torch.equal(source.weight, target.weight) and torch.equal(source.bias, target.bias)


def test_the_whole_checkpoint_comes_back(tmp_path):
    model = nn.Linear(2, 3)
    torch.save(dict(state_dict=model.state_dict(), meta=dict(classes=['a'])), tmp_path / 'w.pth')
    assert load_host_weights(model, tmp_path / 'w.pth')['meta'] == dict(classes=['a'])


def test_a_part_of_a_model_takes_its_own_weights(tmp_path):
    whole = nn.ModuleDict(dict(backbone=nn.Linear(2, 3), head=nn.Linear(3, 1)))
    torch.save(whole.state_dict(), tmp_path / 'whole.pth')
    torch.save(dict(whole.backbone.state_dict(), fc=torch.ones(1)), tmp_path / 'part.pth')
    for file in ('whole.pth', 'part.pth'):
        part = nn.Linear(2, 3)
        load_host_weights(part, tmp_path / file, prefix='backbone.', extra=True)
        assert torch.equal(part.weight, whole.backbone.weight)
    with pytest.raises(ValueError, match=r'1 unexpected \(fc\)'):
        load_host_weights(nn.Linear(2, 3), tmp_path / 'part.pth')


def test_each_way_not_to_fit_is_named(tmp_path):
    state = dict(nn.Linear(2, 3).state_dict(), extra=torch.ones(1), bias=torch.ones(9))
    torch.save(
        {name: value for name, value in state.items() if name != 'weight'}, tmp_path / 'w.pth'
    )
    with pytest.raises(
        ValueError,
        match=r'w\.pth does not fit the Linear .*1 missing \(weight\), 1 unexpected \(extra\), '
        r'1 of another shape \(bias\)\. Give the config',
    ):
        load_host_weights(nn.Linear(2, 3), tmp_path / 'w.pth')


def test_code_in_a_checkpoint_does_not_run_whoever_started_the_process(tmp_path, monkeypatch):
    """As a launcher without the safe loader, with a torch whose default is to run it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv('TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD', '1')
    state = dict(nn.Linear(2, 3).state_dict(), bad=RunsCode())
    torch.save(dict(state_dict=state), 'bomb.pth')
    with pytest.raises(pickle.UnpicklingError, match='runs code when it is loaded'):
        load_host_weights(nn.Linear(2, 3), 'bomb.pth')
    assert not os.path.exists('ran')


def test_an_address_goes_through_the_safe_loader(monkeypatch):
    model, asked = nn.Linear(2, 3), []

    def download(url, map_location, weights_only):
        asked.append((url, weights_only))
        return model.state_dict()

    monkeypatch.setattr(torch.hub, 'load_state_dict_from_url', download)
    load_host_weights(nn.Linear(2, 3), 'https://some.where/w.pth')
    assert asked == [('https://some.where/w.pth', True)]


@pytest.mark.parametrize(
    ('content', 'message'),
    [([1], 'holds a list, not a checkpoint'), (dict(meta=1), r"holds no weights: .*\['meta'\]")],
)
def test_files_without_weights(content, message):
    with pytest.raises(ValueError, match=message):
        weights_of(content, 'w.pth')

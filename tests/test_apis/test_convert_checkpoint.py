# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pickle

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer
from safetensors.torch import load_file

from mmdiffrep.apis.convert_checkpoint import convert_checkpoint

WEIGHTS = {'backbone.conv.weight': torch.ones(2, 3).t(), 'head.bias': torch.zeros(2)}


@pytest.fixture
def foreign(tmp_path):
    """A checkpoint as OpenMMLab's own hook writes it."""
    path = tmp_path / 'foreign.pth'
    checkpoint = dict(
        state_dict=WEIGHTS,
        meta=dict(
            dataset_meta=dict(classes=('a', 'b'), sigmas=np.array([0.5, 1.0])), cfg='a = 1', epoch=3
        ),
        message_hub=dict(log_scalars={'loss': HistoryBuffer([1.0], [1])}),
        optimizer=dict(state={0: torch.ones(5)}),
    )
    torch.save(checkpoint, path)
    return path


def test_needs_trust_and_becomes_plain(foreign, tmp_path):
    target = tmp_path / 'plain.pth'
    with pytest.raises(pickle.UnpicklingError, match='--trust'):
        convert_checkpoint(foreign, target)
    assert not target.exists()
    assert convert_checkpoint(foreign, target, trust=True) == 2
    converted = torch.load(target, weights_only=True)
    torch.testing.assert_close(converted['state_dict'], WEIGHTS)
    assert converted['meta'] == {'dataset_meta': {'classes': ('a', 'b'), 'sigmas': [0.5, 1.0]}}
    assert set(converted) == {'state_dict', 'meta'}


@pytest.mark.parametrize('container', [None, 'model', 'module', 'state_dict'])
def test_finds_the_weights(tmp_path, container):
    torch.save({container: WEIGHTS, 'step': 3} if container else WEIGHTS, tmp_path / 'a.pt')
    convert_checkpoint(tmp_path / 'a.pt', tmp_path / 'a.safetensors')
    torch.testing.assert_close(load_file(tmp_path / 'a.safetensors'), WEIGHTS)


def test_prefix_and_renaming(tmp_path):
    weights = {f'module.student.{name}': value for name, value in WEIGHTS.items()}
    torch.save(weights, tmp_path / 'a.pt')
    convert_checkpoint(
        tmp_path / 'a.pt',
        tmp_path / 'b.safetensors',
        prefix='student.',
        rename=[('backbone.', 'encoder.'), ('head.', 'backbone.')],
    )
    assert set(load_file(tmp_path / 'b.safetensors')) == {'encoder.conv.weight', 'backbone.bias'}


def test_a_part_of_a_tensor_takes_no_more_room_than_it_needs(tmp_path):
    torch.save({'a.b': torch.zeros(10**5)[:10]}, tmp_path / 'a.pt')
    convert_checkpoint(tmp_path / 'a.pt', tmp_path / 'b.pth')
    assert (tmp_path / 'b.pth').stat().st_size < 10**4


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(prefix='backbon.'), r"No weight starts with 'backbon\.'.*\['backbone\.'"),
        (dict(rename=[('backbone.conv.weight', 'x'), ('head.bias', 'x')]), "be called 'x'"),
        (dict(target='b.onnx'), r"one of '\.pth', '\.safetensors', got '\.onnx'"),
    ],
)
def test_bad_input(tmp_path, options, message):
    torch.save(WEIGHTS, tmp_path / 'a.pt')
    target = tmp_path / options.pop('target', 'b.pth')
    with pytest.raises(ValueError, match=message):
        convert_checkpoint(tmp_path / 'a.pt', target, **options)
    assert not target.exists()


@pytest.mark.parametrize('content', [[torch.zeros(3)], torch.zeros(3)])
def test_no_checkpoint(tmp_path, content):
    torch.save(content, tmp_path / 'a.pt')
    with pytest.raises(ValueError, match=f'holds a {type(content).__name__}, not a checkpoint'):
        convert_checkpoint(tmp_path / 'a.pt', tmp_path / 'b.pth')


def test_no_weights(tmp_path):
    torch.save({'epoch': 1}, tmp_path / 'a.pt')
    with pytest.raises(ValueError, match=r"holds no weights.*\['epoch'\]"):
        convert_checkpoint(tmp_path / 'a.pt', tmp_path / 'b.pth')

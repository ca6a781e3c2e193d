# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
import torch

from mmdiffrep.engine.distillation.student_layers import StudentLayers
from mmdiffrep.testing import greatest_difference, parameters_of
from mmdiffrep.testing.tiny_distillation import hook_cfg, hook_of, run

DENSE = dict(type='mmdiffrep.DenseFeatureLoss')
PYRAMID = dict(student=['backbone.layer1', 'backbone.layer4'], channels=8)


def pairs(*layers):
    return [dict(student=layer) for layer in layers]


def test_layers_of_pairs_and_pyramid():
    layers = StudentLayers(pairs('a', ['b', 'c'], 'pyramid[1]'), PYRAMID)
    assert layers.by_pair == [('a',), ('b', 'c'), ()]
    assert layers.levels == [None, None, 1]
    assert layers.names == ['a', 'b', 'c', *PYRAMID['student']]
    assert layers.pyramid == dict(type='mmdiffrep.PyramidConnector', channels=8)


@pytest.mark.parametrize(
    ('student', 'pyramid', 'match'),
    [
        ('pyramid[2]', PYRAMID, r"with 2 layers give one map, 'pyramid\[0\]' to 'pyramid\[1\]'"),
        (['pyramid[0]', 'a'], PYRAMID, 'give one map'),
        ('a', PYRAMID, 'no pair uses it'),
    ],
)
def test_maps_that_are_not_there(student, pyramid, match):
    with pytest.raises(ValueError, match=match):
        StudentLayers(pairs(student), pyramid)


def test_pairs_train_one_pyramid(tmp_path):
    """Two pairs compare maps of the same pyramid, a third one a layer; all of them learn."""
    hook = hook_cfg(
        policy=dict(type='mmdiffrep.FixedTimestep', t=3),
        pyramid=PYRAMID,
        pairs=[
            dict(student='pyramid[0]', teacher='dec.0', loss=DENSE, target='layer_norm'),
            dict(student='pyramid[1]', teacher='mid', loss=DENSE, target='channel'),
            dict(student='backbone', teacher='mid', loss=DENSE),
        ],
    )
    trained = run(tmp_path / 'run', 3, hook)
    distiller = hook_of(trained).distiller
    assert distiller.pairs[0].student_channels == (8,)
    before = run(tmp_path / 'start', 1, hook)
    moved = {
        name: (value - parameters_of(hook_of(before).distiller)[name]).abs().max() > 0
        for name, value in parameters_of(distiller).items()
    }
    assert all(moved.values()), moved
    again = run(tmp_path / 'again', 3, hook)
    assert greatest_difference(parameters_of(trained.model), parameters_of(again.model)) == 0
    assert all('pyramid' not in name for name in trained.model.state_dict())


def test_stratified_timesteps_reach_a_connector(tmp_path):
    hook = hook_cfg(
        policy=dict(type='mmdiffrep.StratifiedTimestep', bins=2, high=20),
        pairs=[
            dict(
                student='backbone',
                teacher='mid',
                loss=DENSE,
                connector=dict(type='mmdiffrep.TimestepConnector', depth=1),
            )
        ],
        noise='fresh',
    )
    modulation = hook_of(run(tmp_path, 4, hook)).distiller.pairs[0].connector.blocks[0].modulation
    assert torch.count_nonzero(modulation.weight) > 0

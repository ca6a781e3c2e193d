# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The weights of the backbone alone."""

import pytest
import torch

from mmdiffrep.engine.hooks import ExportBackboneHook
from mmdiffrep.engine.hooks.export_backbone_hook import backbone_weights
from mmdiffrep.testing import tiny_runner


def test_names_are_those_of_the_backbone_or_of_its_library():
    one = torch.ones(1)
    assert list(backbone_weights({'backbone.conv1.weight': one, 'head.weight': one})) == [
        'conv1.weight'
    ]
    assert list(backbone_weights({'backbone.network.fc.weight': one})) == ['fc.weight']
    with pytest.raises(ValueError, match='no backbone'):
        backbone_weights({'head.weight': one})


def test_the_file_is_rewritten_at_every_save(tmp_path):
    runner = tiny_runner(str(tmp_path), 4, [dict(type='mmdiffrep.ExportBackboneHook')])
    runner.train()
    weights = torch.load(tmp_path / 'student.pth', weights_only=True)
    own = runner.model.backbone.state_dict()
    assert weights.keys() == own.keys()
    assert all(torch.equal(weights[name], own[name]) for name in own)
    assert isinstance(ExportBackboneHook('x.pth').filename, str)

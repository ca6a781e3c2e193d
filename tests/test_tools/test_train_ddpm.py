# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The benchmark of training through mmengine, on a tiny network."""

from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS

ROOT = Path(__file__).parents[2]


@pytest.fixture
def tool(import_tool, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / 'tools' / 'benchmarks'))
    return import_tool('train_ddpm')


@pytest.fixture
def cfg():
    config = Config.fromfile(ROOT / 'configs' / 'ddpm' / 'ddpm_fashionmnist_32.py')
    config.merge_from_dict(
        {
            'model.unet.block_out_channels': (8, 8, 8),
            'model.unet.norm_num_groups': 4,
            'model.unet.attention_head_dim': 8,
            'train_dataloader.batch_size': 2,
            'train_dataloader.num_workers': 0,
            'train_dataloader.persistent_workers': False,
        }
    )
    return config


def test_both_loops_take_turns(tool, cfg, monkeypatch):
    order = []
    step, count = tool.BareLoop.step, tool.TakeTurns.after_train_iter
    monkeypatch.setattr(tool.BareLoop, 'step', lambda self: (order.append('b'), step(self)))
    monkeypatch.setattr(
        tool.TakeTurns,
        'after_train_iter',
        lambda self, *args, **kwargs: (order.append('m'), count(self, *args, **kwargs)),
    )
    pairs = tool.measure(cfg, rounds=2, iters=2, device='cpu')
    assert ''.join(order) == 'mmbb' * 3
    assert len(pairs) == 2 and min(min(pair) for pair in pairs) > 0


def test_the_bare_loop_trains_the_same_network(tool, cfg):
    model = MODELS.build(cfg.model)
    bare = tool.BareLoop(cfg, model, 'cpu')
    weights = model.unet.state_dict()
    assert all(torch.equal(value, weights[key]) for key, value in bare.unet.state_dict().items())
    assert type(bare.optimizer).__name__ == 'AdamW' and bare.prediction == 'v_prediction'
    assert bare.max_norm == 1 and bare.autocast['dtype'] == torch.bfloat16
    for _ in range(2):
        bare.step()
    assert any(not torch.equal(v, weights[k]) for k, v in bare.unet.state_dict().items())


@pytest.mark.parametrize('prediction_type', ['epsilon', 'sample', 'v_prediction'])
def test_the_bare_loop_has_the_same_target(tool, cfg, monkeypatch, prediction_type):
    cfg.model.scheduler.prediction_type = prediction_type
    model = MODELS.build(cfg.model)
    bare = tool.BareLoop(cfg, model, 'cpu')
    images = torch.rand(2, 3, 32, 32) * 2 - 1
    draw = model.draw(images)
    target = bare.target(images, draw.noise, draw.timesteps)
    monkeypatch.setattr(model, 'output', lambda images, draw: target)
    assert model.loss(images, draw)['loss_denoise'] == 0


def test_summary_is_that_of_the_pairs(tool):
    result = tool.summary([(1.0, 2.0), (3.0, 3.0), (6.0, 4.0)])
    assert result['mmengine'] == 3 and result['bare'] == 3 and result['ratio'] == 1
    assert result['low'] == 0.5 and result['high'] == 1.5


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (['--rounds', '1'], 'rounds >= 2'),
        (['--config', 'ddpm/edm_fashionmnist_32.py'], 'the config has mmdiffrep.EDM'),
    ],
)
def test_bad_options(tool, options, message, capsys):
    with pytest.raises(SystemExit):
        tool.main([*options, '--device', 'cpu'])
    assert message in capsys.readouterr().err

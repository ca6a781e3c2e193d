# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
import torch
from mmengine.hooks import EMAHook
from mmengine.runner.checkpoint import CheckpointLoader

from mmdiffrep.engine.hooks import ExactResumeHook
from mmdiffrep.testing import tiny_run


def test_images_are_jittered_but_labels_are_fixed():
    dataset = tiny_run.TinyDataset()
    first, again = dataset[5], dataset[5]
    assert first['label'] == again['label'] == 2
    assert first['x'].shape == (8,) and not torch.equal(first['x'], again['x'])


@pytest.mark.parametrize(('by_epoch', 'length', 'steps'), [(False, 2, 2), (True, 1, 4)])
def test_run_has_what_a_resume_can_get_wrong(tmp_path, by_epoch, length, steps):
    runner = tiny_run.build_tiny_runner(str(tmp_path), by_epoch=by_epoch, length=length)
    runner.train()
    assert runner.iter == steps
    for hook in (EMAHook, ExactResumeHook):
        assert any(isinstance(each, hook) for each in runner.hooks)
    name = f'epoch_{length}.pth' if by_epoch else f'iter_{length}.pth'
    checkpoint = torch.load(tmp_path / name, weights_only=True)
    assert {'ema_state_dict', 'optimizer', 'param_schedulers'} <= set(checkpoint)
    assert runner.model.layers[3].p > 0  # dropout


def test_run_resumes_by_itself(tmp_path, monkeypatch):
    schemes = dict(CheckpointLoader._schemes)
    monkeypatch.setattr(CheckpointLoader, '_schemes', schemes)  # the run registers its own loader
    tiny_run.run(str(tmp_path), length=2)
    tiny_run.run(str(tmp_path), length=4)
    names = sorted(path.name for path in tmp_path.glob('iter_*.pth'))
    assert names == ['iter_2.pth', 'iter_4.pth']

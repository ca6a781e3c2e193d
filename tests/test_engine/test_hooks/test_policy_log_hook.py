# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import csv

import numpy as np
import pytest
import torch
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from mmdiffrep.engine.hooks import PolicyLogHook
from mmdiffrep.testing import tiny_runner, tiny_teacher

DISTILLATION = dict(
    type='mmdiffrep.RepFusionHook',
    teacher=tiny_teacher(),
    pairs=[dict(student='backbone', teacher='mid', loss=dict(type='mmdiffrep.DenseFeatureLoss'))],
    policy=dict(type='mmdiffrep.ReinforcedTimestep', num_timesteps=20),
)
VISUALIZER = dict(
    type='mmengine.Visualizer', vis_backends=[dict(type='TensorboardVisBackend')], name='logged'
)


def run(tmp_path, max_iters=5, distillation=DISTILLATION, **kwargs):
    log = dict(type='mmdiffrep.PolicyLogHook', **{'interval': 2, 'picture_interval': 4, **kwargs})
    hooks = [hook for hook in (log, distillation) if hook is not None]
    runner = tiny_runner(tmp_path, max_iters, hooks, visualizer=VISUALIZER)
    runner.train()
    return runner


def test_table_picture_and_tensorboard_show_what_was_drawn(tmp_path):
    runner = run(tmp_path)
    with open(tmp_path / 'timesteps.csv') as file:
        rows = list(csv.DictReader(file))
    assert [row['iteration'] for row in rows] == ['2', '4', '5']
    shares = np.array([[float(row[f't{t}']) for t in range(20)] for row in rows])
    np.testing.assert_allclose(shares.sum(axis=1), 1, rtol=1e-4)
    mean_t = [float(row['mean_t']) for row in rows]
    np.testing.assert_allclose(mean_t, shares @ np.arange(20), rtol=1e-3)
    logged = runner.message_hub.log_scalars['train/timestep'].data[0]
    np.testing.assert_allclose(mean_t[0], logged[:2].mean(), rtol=1e-4)
    assert 2.9 < float(rows[0]['entropy']) <= np.log(20) + 1e-4
    assert Image.open(tmp_path / 'timesteps.png').size[0] == 800

    (events,) = tmp_path.glob('**/events.out.tfevents.*')
    events = EventAccumulator(str(events.parent), dict(images=0, histograms=0)).Reload()
    assert [image.step for image in events.Images('timesteps')] == [4, 5]
    histograms = events.Histograms('timesteps')
    assert [one.step for one in histograms] == [2, 4, 5]
    assert [one.histogram_value.num for one in histograms] == [8, 8, 4]


def test_named_policies_have_files_of_their_own(tmp_path):
    policies = dict(
        task=DISTILLATION['policy'], common=dict(type='mmdiffrep.UniformTimestep', high=20)
    )
    run(tmp_path, 1, dict(DISTILLATION, policy=policies), num_buckets=4)
    for name in ('task', 'common'):
        assert (tmp_path / f'timesteps_{name}.png').is_file()
        assert len((tmp_path / f'timesteps_{name}.csv').read_text().splitlines()) == 2


def test_counting_stops_with_the_distillation(tmp_path):
    runner = run(tmp_path, 4, dict(DISTILLATION, phases=[('joint', 1)]))
    hook = next(hook for hook in runner.hooks if isinstance(hook, PolicyLogHook))
    assert hook.histories[''].iterations == [2]
    assert hook.histories[''].counts.sum() == 4  # one iteration of four images


def test_checkpoint_loads_without_running_code(tmp_path):
    runner = run(tmp_path, 3)
    runner.save_checkpoint(str(tmp_path), 'saved.pth')
    saved = torch.load(tmp_path / 'saved.pth', weights_only=False)
    torch.save(saved['policy_log'], tmp_path / 'log.pth')
    log = torch.load(tmp_path / 'log.pth', weights_only=True)
    assert log['']['iterations'] == [2, 3]


def test_run_without_distillation_is_named(tmp_path):
    with pytest.raises(ValueError, match='the run has none'):
        run(tmp_path, 1, distillation=None)


@pytest.mark.parametrize('name', ['interval', 'picture_interval', 'num_buckets'])
def test_bad_arguments_are_named(name):
    with pytest.raises(ValueError, match=f'{name} must be at least 1'):
        PolicyLogHook(**{name: 0})

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import uuid

import pytest
from mmengine.config import Config
from mmengine.runner import Runner

from mmdiffrep.engine.hooks import MapRankHook
from mmdiffrep.testing import greatest_difference, parameters_of, tiny_teacher


def train(work_dir, *hooks, model='DDPM', max_iters=3):
    pipeline = [dict(type='mmdiffrep.LoadToyFace'), dict(type='mmdiffrep.PackImage')]
    options = dict(scheduler=dict(num_train_timesteps=20)) if model == 'DDPM' else {}
    unet = dict(tiny_teacher()['unet'], sample_size=32, dropout=0.1)
    cfg = dict(
        model=dict(
            type=f'mmdiffrep.{model}',
            unet=unet,
            data_preprocessor=dict(
                type='ImgDataPreprocessor', mean=[127.5] * 3, std=[127.5] * 3, bgr_to_rgb=True
            ),
            **options,
        ),
        work_dir=str(work_dir),
        train_dataloader=dict(
            dataset=dict(
                type='mmdiffrep.ToyFacesDataset',
                task='image',
                split='train',
                image_size=32,
                num_images=8,
                pipeline=pipeline,
            ),
            sampler=dict(type='InfiniteSampler', shuffle=True),
            batch_size=2,
        ),
        train_cfg=dict(type='IterBasedTrainLoop', max_iters=max_iters),
        optim_wrapper=dict(optimizer=dict(type='Adam', lr=1e-3)),
        default_hooks=dict(logger=None, checkpoint=None),
        custom_hooks=list(hooks),
        randomness=dict(seed=0),
        experiment_name=uuid.uuid4().hex,
        visualizer=dict(
            type='Visualizer',
            vis_backends=[dict(type='LocalVisBackend')],
            name=uuid.uuid4().hex,
        ),
    )
    runner = Runner.from_cfg(Config(cfg))
    runner.train()
    return runner


def scalars(work_dir):
    (path,) = work_dir.glob('*/vis_data/scalars.json')
    return path.read_text().splitlines()


@pytest.mark.parametrize('model', ['DDPM', 'EDM'])
def test_ranks_of_every_interval_and_of_the_end(tmp_path, model):
    train(tmp_path, dict(type='mmdiffrep.MapRankHook', interval=2, num_images=4), model=model)
    lines = scalars(tmp_path)
    assert len(lines) == 2
    assert '"map_rank/mid"' in lines[0] and '"map_rank/dec.1"' in lines[0]
    assert '"step": 2' in lines[0] and '"step": 3' in lines[1]


def test_the_training_is_not_touched(tmp_path):
    hook = dict(type='mmdiffrep.MapRankHook', interval=1, taps=['mid'], num_images=4)
    with_hook = train(tmp_path / 'with', hook)
    without = train(tmp_path / 'without')
    assert greatest_difference(*(parameters_of(r.model) for r in (with_hook, without))) == 0


@pytest.mark.parametrize(
    ('options', 'match'),
    [
        (dict(interval=0), 'interval must be at least 1'),
        (dict(noise_level=1.0), 'noise_level must be in'),
        (dict(num_images=0), 'num_images must be at least 1'),
    ],
)
def test_bad_options(options, match):
    with pytest.raises(ValueError, match=match):
        MapRankHook(**options)

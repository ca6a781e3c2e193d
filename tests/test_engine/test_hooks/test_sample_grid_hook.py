# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
from types import SimpleNamespace
from unittest.mock import Mock

import cv2
import numpy as np
import pytest
import torch
from diffusers import DDPMScheduler, EDMEulerScheduler
from mmengine.hooks import EMAHook
from mmengine.runner import get_priority
from torch import nn

from mmdiffrep.diffusion.sampling import build_sampler
from mmdiffrep.engine.hooks.sample_grid_hook import SampleGridHook, image_grid
from mmdiffrep.testing.file_faults import FileFault


class Sampler(nn.Linear):
    """A model whose samples are noise from the generator that it is given."""

    def __init__(self, config=None) -> None:
        super().__init__(1, 1)
        self.config = config or DDPMScheduler().config
        self.calls = []

    def build_sampler(self, name):
        return build_sampler(name, self.config)

    def sample(self, num, generator, num_inference_steps, sampler):
        self.calls.append((num, num_inference_steps, sampler))
        return torch.rand(num, 3, 8, 8, generator=generator) * 2 - 1


def runner_at(iteration, tmp_path, model=None, max_iters=100):
    return SimpleNamespace(
        hooks=[],
        model=model or Sampler(),
        work_dir=str(tmp_path),
        iter=iteration - 1,
        max_iters=max_iters,
        visualizer=Mock(),
    )


def test_grid_places_images_row_by_row():
    images = torch.stack([torch.full((3, 2, 2), value) for value in (-1.0, 0.0, 1.0)])
    images[0, 0] = 1  # the first is pure red
    grid = image_grid(images, gap=1)
    assert grid.shape == (5, 5, 3) and grid.dtype == np.uint8
    assert (grid[:2, :2] == [255, 0, 0]).all()
    assert (grid[:2, 3:] == 128).all()
    assert (grid[3:, :2] == 255).all()
    assert (grid[2] == 255).all()


def test_a_full_disk_is_an_error_that_names_the_picture(tmp_path):
    hook = SampleGridHook(interval=10, num=4)
    with (
        FileFault(1, full_disk=True).installed(),
        pytest.raises(OSError, match=r'iter_000010\.png'),
    ):
        hook.after_train_iter(runner_at(10, tmp_path), batch_idx=0)


@pytest.mark.parametrize(('iteration', 'drawn'), [(9, False), (10, True), (11, False), (25, True)])
def test_draws_at_the_interval_and_at_the_end(tmp_path, iteration, drawn):
    runner = runner_at(iteration, tmp_path, max_iters=25)
    SampleGridHook(interval=10, num=4).after_train_iter(runner, batch_idx=0)
    path = tmp_path / 'samples' / f'iter_{iteration:06d}.png'
    assert path.is_file() is drawn
    assert runner.visualizer.add_image.called is drawn


def test_picture_is_rgb_in_the_file_and_for_the_visualizer(tmp_path):
    runner = runner_at(10, tmp_path)
    hook = SampleGridHook(interval=10, num=4, num_inference_steps=7, sampler='ddpm', seed=5)
    hook.after_train_iter(runner, batch_idx=0)
    assert runner.model.calls == [(4, 7, 'ddpm')]
    expected = image_grid(
        torch.rand(4, 3, 8, 8, generator=torch.Generator().manual_seed(5)) * 2 - 1
    )
    name, shown = runner.visualizer.add_image.call_args.args
    assert name == 'samples' and runner.visualizer.add_image.call_args.kwargs == dict(step=10)
    assert np.array_equal(shown, expected)
    stored = cv2.imread(str(tmp_path / 'samples' / 'iter_000010.png'))[..., ::-1]
    assert np.array_equal(stored, expected)


def test_global_random_state_is_untouched(tmp_path):
    runner = runner_at(1, tmp_path)
    before = torch.get_rng_state()
    SampleGridHook(interval=1, num=1).after_train_iter(runner, batch_idx=0)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(sampler='dddim'), 'sampler must be one of .*Did you mean ddim'),
        (dict(num=0), 'num must be at least 1, got 0'),
        (dict(num_inference_steps=0), 'num_inference_steps must be at least 1, got 0'),
    ],
)
def test_wrong_options_fail_at_build(options, message):
    with pytest.raises(ValueError, match=message):
        SampleGridHook(**options)


def test_a_model_that_cannot_be_sampled_from_fails_at_the_start(tmp_path):
    SampleGridHook().before_train(runner_at(1, tmp_path))
    with pytest.raises(TypeError, match=r'SampleGridHook calls sample\(\) .* Linear does not have'):
        SampleGridHook().before_train(runner_at(1, tmp_path, model=nn.Linear(1, 1)))


@pytest.mark.parametrize(
    ('hook', 'config', 'message'),
    [
        (dict(sampler='ddpm'), EDMEulerScheduler().config, "take 'heun' or 'ddim'"),
        (dict(num_inference_steps=1001), DDPMScheduler().config, r'in \[1, 1000\], got 1001'),
    ],
)
def test_a_sampler_that_is_not_for_the_model_fails_at_the_start(tmp_path, hook, config, message):
    with pytest.raises(ValueError, match=message):
        SampleGridHook(**hook).before_train(runner_at(1, tmp_path, model=Sampler(config)))


def test_comes_after_the_ema_update():
    assert get_priority(SampleGridHook.priority) > get_priority(EMAHook.priority)

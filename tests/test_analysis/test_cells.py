# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
import torch

from mmdiffrep.analysis import diffusion_grid
from mmdiffrep.diffusion.denoisers import load_denoiser
from mmdiffrep.testing import tiny_teacher


@pytest.fixture(scope='module')
def denoiser():
    torch.manual_seed(0)
    return load_denoiser(tiny_teacher(num_timesteps=20))


def test_cells_are_all_timesteps_taps_and_pools(denoiser):
    grid = diffusion_grid(denoiser, ['enc.0', 'mid'], [0, 15], pools=(1, 2), name='tiny')
    assert len(grid.cells) == 8 and grid.readers[0].recipe.pool == 2
    channels = {tap: denoiser.taps[tap].channels for tap in ('enc.0', 'mid')}
    for cell, key in grid.cells.items():
        assert key == (cell.timestep, cell.tap) and cell.model == 'tiny'
        assert cell.width == channels[cell.tap] * cell.pool**2
        assert cell.noise_level == pytest.approx(
            float(denoiser.schedule.noise_level(cell.timestep)), abs=1e-6
        )  # recipes have six digits


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(timesteps=[0, 20]), r'in \[0, 19\], got 20'),
        (dict(taps=['dec.40']), "no tap 'dec.40'"),
        (dict(pools=(2, 3)), 'greatest of pools=.* must be a multiple'),
        (dict(pools=(1, 16)), 'finer than the map of mid'),
        (dict(views=0), 'views must be at least 1'),
        (dict(noise='fresh'), 'draws anew'),
    ],
)
def test_bad_grids(denoiser, options, message):
    with pytest.raises(ValueError, match=message):
        diffusion_grid(denoiser, **{'taps': ['mid'], 'timesteps': [0], **options})


def test_a_tap_behind_the_cut_is_named():
    cut = load_denoiser(tiny_teacher(), taps=['mid'])
    with pytest.raises(ValueError, match="'dec.1' lies after the cut"):
        diffusion_grid(cut, ['dec.1'], [0])

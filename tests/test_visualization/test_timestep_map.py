# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import numpy as np

from mmdiffrep.visualization import draw_timestep_map


def picture(shares, entropy):
    shares = np.array(shares)
    return draw_timestep_map([10, 25], shares, np.array([50.0, 50.0]), np.array(entropy), 100)


def test_where_the_draws_are_it_is_bright():
    low = picture([[1.0, 0.0], [1.0, 0.0]], [np.nan, np.nan]).astype(int)
    high = picture([[0.0, 1.0], [0.0, 1.0]], [np.nan, np.nan]).astype(int)
    assert low.shape == high.shape == (400, 800, 3)
    # A column of the map: timesteps rise from the bottom to the top.
    column = low[:, 300].sum(axis=1) - high[:, 300].sum(axis=1)
    assert column[100] < -100 and column[300] > 100


def test_entropy_has_a_curve_of_its_own():
    assert picture([[0.5, 0.5]] * 2, [1.0, 0.5]).shape == (600, 800, 3)

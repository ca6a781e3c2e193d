# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from mmdiffrep.visualization import draw_heat_maps


def test_panels_share_names_and_scale():
    first = np.array([[0.1, 0.2], [0.9, np.nan]])
    figure = draw_heat_maps(
        {'a': first, 'b': first / 2}, ['0', '10'], ['mid', 'dec.0'], 't', 'tap', scale=100
    )
    left, right, _ = figure.axes
    assert [text.get_text() for text in left.get_yticklabels()] == ['0', '10']
    assert [text.get_text() for text in right.get_xticklabels()] == ['mid', 'dec.0']
    assert [text.get_text() for text in left.texts] == ['10.0', '20.0', '90.0']
    assert left.images[0].get_clim() == right.images[0].get_clim() == (5.0, 90.0)
    (frame,) = left.patches
    assert (frame.get_x(), frame.get_y()) == (-0.5, 0.5)  # the best: second row, first column


@pytest.mark.parametrize('panels', [{}, {'a': np.zeros((1, 2))}, {'a': np.full((2, 2), np.nan)}])
def test_other_shapes_are_refused(panels):
    with pytest.raises(ValueError, match=r'shape|finite'):
        draw_heat_maps(panels, ['0', '1'], ['mid', 'dec'], 't', 'tap')

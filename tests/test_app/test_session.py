# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import torch

from mmdiffrep.app import Reading, Stroke
from mmdiffrep.matching import CorrespondenceMatcher

READING = Reading('dec.1', 3)


def test_matches_are_those_of_the_matcher(session):
    points = [[3, 4], [20, 10]]
    found, similarity, heat = session.match(points, READING)
    match = CorrespondenceMatcher(session.denoiser, ['dec.1'], [3], size=16)
    images = session.images['source'], session.images['target']
    assert all(map(torch.equal, (found, similarity), match(*images, points)))
    torch.testing.assert_close(heat, match.heat_map(*images, points[-1]))


def test_draws_and_taps_change_what_is_read(session):
    maps = [
        session._map('source', Reading(*reading))
        for reading in (('dec.1', 15), ('dec.1', 15, 2), ('mid', 15))
    ]
    assert not torch.equal(maps[0], maps[1]) and not torch.equal(maps[0], maps[2])
    assert session._map('source', Reading('dec.1', 15)) is maps[0]


def test_another_image_is_read_anew(session):
    first = session.match([[3, 4]], READING)[2]
    session.set_image('target', np.zeros((10, 12, 3), np.uint8))
    assert session.match([[3, 4]], READING)[2].shape == (10, 12) != first.shape


def test_colors_and_segments_of_both_images(session):
    for side, colors in zip(('source', 'target'), session.colors(READING)):
        assert colors.shape == (*session._map(side, READING).shape[1:], 3) and colors.std() > 0
    strokes = [Stroke(0, [(1, 1), (2, 2)]), Stroke(2, [(20, 20), (21, 20)])]
    found = session.segment(strokes, READING)
    assert len(found) == 2 and set(found[0].labels.unique().tolist()) <= {0, 2}


@pytest.mark.parametrize(
    ('points', 'reading', 'message'),
    [
        ([], READING, 'Click into the left picture'),
        ([[40, 4]], READING, 'outside the source image of 32 x 24'),
        ([[3, 4]], Reading('dec.9', 3), "tap must be one of .*got 'dec.9'"),
        ([[3, 4]], Reading('dec.1', 20), r'timestep must be in \[0, 19\]'),
        ([[3, 4]], Reading('dec.1', 3, 17), r'draws must be in \[1, 16\]'),
    ],
)
def test_bad_questions(session, points, reading, message):
    with pytest.raises(ValueError, match=message):
        session.match(points, reading)

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import cv2
import numpy as np
import pytest

from mmdiffrep.datasets.toyfaces import render_face


@pytest.fixture
def tool(import_tool):
    return import_tool('toyfaces_sheet')


def test_sheet_shows_the_faces_asked_for(tool, tmp_path):
    out = tmp_path / 'sheet.png'
    tool.main(
        [str(out), '--rows', '1', '--columns', '2', '--first', '5', '--size', '48', '--tile', '48']
    )
    picture = cv2.imread(str(out))[..., ::-1]
    assert picture.shape == (96, 96, 3)
    assert np.array_equal(picture[:48, 48:], render_face(0, 6, 48).image)


def test_overlay_marks_covered_landmarks(tool):
    face = render_face(0, 5, 64)
    face = face._replace(visible=np.zeros(98, bool))
    reds = (tool.overlay(face) == tool.COVERED).all(-1).sum()
    assert reds > 30


def test_unwritable_path(tool, capsys, tmp_path):
    path = str(tmp_path / 'missing' / 'sheet.png')
    with pytest.raises(SystemExit):
        tool.main([path, '--rows', '1', '--columns', '1', '--size', '32', '--tile', '32'])
    assert 'does its folder exist' in capsys.readouterr().err

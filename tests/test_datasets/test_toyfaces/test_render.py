# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmdiffrep.datasets.celebamask_classes import CELEBAMASK_CLASSES
from mmdiffrep.datasets.toyfaces import ATTRIBUTES, render_face

LABEL = {name: label for label, name in enumerate(CELEBAMASK_CLASSES)}


@settings(max_examples=25)
@given(st.integers(0, 2**31), st.integers(0, 2**31))
def test_any_face_is_well_formed_and_repeatable(seed, index):
    face = render_face(seed, index, 48)
    assert face.image.shape == (48, 48, 3)
    assert face.image.dtype == face.mask.dtype == np.uint8
    assert face.mask.shape == (48, 48)
    assert face.mask.max() < 19
    assert face.landmarks.shape == (98, 2)
    assert face.landmarks.dtype == np.float32
    assert np.isfinite(face.landmarks).all()
    assert face.visible.dtype == bool
    assert face.attributes.keys() == ATTRIBUTES.keys()
    assert (face.mask == LABEL['skin']).mean() > 0.03
    assert (face.mask == LABEL['background']).mean() > 0.02
    assert 8 < face.image.mean() < 248
    again = render_face(seed, index, 48)
    for first, second in zip(face[:4], again[:4]):
        assert np.array_equal(first, second)


def test_sizes_show_the_same_face():
    for index in range(6):
        small, large = render_face(0, index, 64), render_face(0, index, 256)
        np.testing.assert_allclose((small.landmarks + 0.5) * 4, large.landmarks + 0.5, atol=1e-3)
        assert (large.mask[2::4, 2::4] == small.mask).mean() > 0.95
        mean = large.image.reshape(64, 4, 64, 4, 3).mean((1, 3))
        assert np.abs(mean - small.image).mean() < 14
        assert small.attributes == large.attributes


def test_thin_parts_survive_at_64_pixels():
    seen = dict.fromkeys(('ear_r', 'neck_l', 'u_lip', 'l_brow', 'r_brow', 'l_eye', 'r_eye'), 0)
    for index in range(150):
        face = render_face(2, index)
        has = face.attributes
        if has['occluder'] or has['hat'] or has['fringe'] or has['pose'] != 1:
            continue
        area = np.bincount(face.mask.ravel(), minlength=19)
        expected = ['u_lip', 'l_brow', 'r_brow']
        expected += ['ear_r'] * has['earrings'] + ['neck_l'] * has['necklace']
        if not has['eyes'] and has['glasses'] != 2:
            expected += ['l_eye', 'r_eye']
        for name in expected:
            assert area[LABEL[name]] >= 3, (index, name)
            seen[name] += 1
    assert min(seen.values()) >= 3, seen


def test_sides_follow_celebamask():
    """The person's left is at the image's right, as in CelebAMask-HQ."""
    for index in range(20):
        mask = render_face(0, index).mask
        for part in ('eye', 'brow', 'ear'):
            left, right = (np.nonzero(mask == LABEL[f'{side}_{part}'])[1] for side in 'lr')
            if len(left) and len(right):
                assert left.mean() > right.mean()


def test_parts_show_in_the_image():
    """Skin has its color where the mask says skin, and hair where it says hair."""
    errors = []
    for index in range(30):
        face = render_face(1, index)
        if not (face.mask == LABEL['hair']).any():
            continue
        means = [face.image[face.mask == LABEL[name]].mean(0) for name in ('skin', 'hair')]
        errors.append(np.abs(means[0] - means[1]).mean())
    assert np.median(errors) > 20


def test_covered_landmarks_are_not_visible():
    covered = 0
    for index in range(60):
        face = render_face(0, index)
        at = np.rint(face.landmarks).astype(int)
        inside = ((at >= 0) & (at < 64)).all(1)
        assert not face.visible[~inside].any()
        hat = np.zeros(98, bool)
        hat[inside] = face.mask[at[inside, 1], at[inside, 0]] == LABEL['hat']
        covered += hat.sum()
        assert face.visible[hat].mean() < 0.2 if hat.sum() > 5 else True
    assert covered > 20


@pytest.mark.parametrize(
    ('arguments', 'message'),
    [
        ((-1, 0), 'seed must be .*, got -1'),
        ((0, -2), 'index must be .*, got -2'),
        ((0, 0, 16), 'size must be .*, got 16'),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        render_face(*arguments)

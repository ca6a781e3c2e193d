# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Order and values of images along single transforms; whole pipelines are in test_pixel_facts."""

import pytest

from mmdiffrep.utils.pixel_steps import Pixels, after_transforms, class_name

BGR = Pixels('bgr')
NORMALIZE = dict(type='Normalize', mean=[1, 2, 3], std=[4, 5, 6], to_rgb=False)


def test_two_normalizations_are_one():
    found = Pixels('rgb').normalized([0.0], [255.0]).normalized([0.5, 0.25, 0.0], [0.5])
    # ((x / 255) - m) / s = (x - 255 m) / (255 s)
    assert found.mean == (127.5, 63.75, 0.0) and found.std == (127.5,) * 3


def test_a_swap_takes_the_values_along():
    found = BGR.normalized([1.0, 2.0, 3.0], [4.0, 5.0, 6.0]).swapped()
    assert found == Pixels('rgb', (3.0, 2.0, 1.0), (6.0, 5.0, 4.0))
    assert Pixels('gray').swapped().order == 'gray'


@pytest.mark.parametrize(
    ('pixels', 'text'),
    [
        (BGR, 'BGR'),
        (Pixels('unknown'), 'unknown'),
        (Pixels('rgb', (1.0,) * 3, (2.0,) * 3), 'RGB, mean (1.0, 1.0, 1.0), std (2.0, 2.0, 2.0)'),
    ],
)
def test_messages_say_order_and_values(pixels, text):
    assert pixels.describe() == text


def test_names_lose_their_library_except_torchvisions():
    assert class_name('mmseg.Resize') == class_name('Resize') == 'Resize'
    assert class_name('torchvision/Resize') == 'torchvision/Resize'
    assert class_name(Pixels) == 'Pixels'


def test_transforms_one_after_the_other():
    swap = dict(NORMALIZE, to_rgb=True)
    steps = [dict(type='TransformBroadcaster', transforms=[dict(type='mmseg.Resize'), swap])]
    assert after_transforms(BGR, steps, 'mmseg') == Pixels('rgb', (1.0, 2.0, 3.0), (4.0, 5.0, 6.0))


def test_a_choice_is_known_only_if_no_way_changes_anything():
    def choose(*ways):
        step = dict(type='RandomChoice', transforms=[[dict(way)] for way in ways])
        return after_transforms(BGR, [step], 'mmseg')

    resize = dict(type='mmseg.Resize')
    assert choose(resize, resize) == BGR
    found = choose(resize, NORMALIZE)
    assert found.order == 'unknown' and 'what RandomChoice chooses' in found.unknown


def test_a_transform_of_nobody_knows_whom_leaves_nothing_known():
    found = after_transforms(BGR, [dict(type='MyColors')], 'mmseg')
    assert found.order == 'unknown' and "channel_order = 'same'" in found.unknown

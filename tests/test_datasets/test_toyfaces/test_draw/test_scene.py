# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
def test_lines_are_never_thinner_than_a_final_pixel(make_scene):
    scene = make_scene(scale=0.24)
    assert scene.width(0.001) == 1 / 64
    assert scene.width(0.5) == 0.12

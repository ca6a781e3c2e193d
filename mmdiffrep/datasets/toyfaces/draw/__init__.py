# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Paint the parts of a face, from back to front, as materials on a supersampled canvas."""

from mmdiffrep.datasets.toyfaces.draw.accessories import earrings, glasses, hat, occluder
from mmdiffrep.datasets.toyfaces.draw.body import body
from mmdiffrep.datasets.toyfaces.draw.features import beard, brow, ears, eye, mouth, nose, skin
from mmdiffrep.datasets.toyfaces.draw.hair import back_hair, cranium, front_hair
from mmdiffrep.datasets.toyfaces.draw.scene import Scene

__all__ = ['Scene', 'paint']


def paint(scene: Scene) -> None:
    """Paint all parts onto the scene's canvas, from back to front."""
    back_hair(scene)
    body(scene)
    cranium(scene)
    ears(scene)
    skin(scene)
    beard(scene)
    nose(scene)
    mouth(scene)
    for side in (0, 1):
        eye(scene, side)
        brow(scene, side)
    front_hair(scene)
    glasses(scene)
    hat(scene)
    earrings(scene)
    occluder(scene)

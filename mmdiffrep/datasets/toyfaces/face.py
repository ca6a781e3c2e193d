# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Parameters of a toy face, drawn at random from (seed, index)."""

from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate

import numpy as np

RGB = tuple[float, float, float]

SKIN_TONES: tuple[RGB, ...] = (
    (250, 220, 202),
    (241, 200, 172),
    (228, 182, 148),
    (208, 158, 120),
    (176, 124, 88),
    (134, 90, 62),
    (94, 62, 44),
)
HAIR_COLORS: dict[str, RGB] = {
    'black': (34, 29, 29),
    'brown': (92, 60, 40),
    'blond': (204, 166, 104),
    'red': (150, 68, 34),
    'gray': (158, 155, 152),
}
EYE_COLORS: tuple[RGB, ...] = (
    (70, 44, 28),
    (98, 68, 38),
    (62, 98, 138),
    (84, 118, 82),
    (112, 120, 128),
)

ATTRIBUTES: dict[str, tuple[str, ...]] = {
    'pose': ('turned_image_left', 'frontal', 'turned_image_right'),
    'mouth': ('closed', 'open'),
    'smiling': ('no', 'yes'),
    'eyes': ('open', 'closed'),
    'skin_tone': ('light', 'medium', 'dark'),
    'hair_color': tuple(HAIR_COLORS),
    'hair_length': ('bald', 'short', 'medium', 'long'),
    'fringe': ('no', 'yes'),
    'beard': ('none', 'moustache', 'full'),
    'glasses': ('none', 'clear', 'dark'),
    'hat': ('none', 'beanie', 'cap', 'brimmed'),
    'earrings': ('no', 'yes'),
    'necklace': ('no', 'yes'),
    'makeup': ('no', 'yes'),
    'occluder': ('none', 'bar', 'ball', 'hand'),
    'light': ('image_left', 'front', 'image_right'),
}
"""Attribute name -> its class names; the class index is the position in the tuple."""


@dataclass(frozen=True)
class Face:
    """Parameters of a drawn face, independent of the image size.

    Angles are in degrees; colors are RGB in 0..255; positions and lengths are in image widths
    where noted and otherwise in half face widths, the unit of the head model. A field with the
    name of an attribute holds that attribute's class index.
    """

    yaw: float  # positive: the face looks towards the right edge of the image
    pitch: float  # positive: the face looks down
    roll: float  # positive: clockwise in the image
    scale: float  # half face width, in image widths
    center: tuple[float, float]  # mid-point of the eyes, in image widths

    jaw_width: float
    jaw_square: float  # exponent of the jaw's superellipse; 2 is an ellipse
    chin: float  # eye line to chin
    forehead: float  # eye line to hairline
    eye_size: float
    eye_spacing: float
    eye_tilt: float
    nose_width: float
    nose_length: float
    mouth_width: float
    mouth_height: float
    lip_fullness: float
    brow_height: float
    brow_thickness: float
    brow_arch: float
    neck_width: float

    mouth_open: float  # 0 closed .. 1 wide open
    smile: float  # -1 frown .. 1 smile
    eye_open: float  # 0 closed .. 1.2
    brow_raise: float
    gaze: tuple[float, float]

    skin: RGB
    hair: RGB
    eye: RGB
    lip: RGB
    cloth: tuple[RGB, RGB]
    accent: RGB  # hat
    occluder_color: RGB

    skin_tone: int
    hair_color: int
    hair_length: int
    fringe: int
    fringe_side: float  # -1 parted at the image's left .. 1 right
    curly: bool
    tucked: bool  # long hair behind the ears
    hair_volume: float
    beard: int
    glasses: int
    glasses_round: float  # exponent of the lens' superellipse
    glasses_size: float
    hat: int
    earrings: int
    necklace: int
    makeup: int
    occluder: int
    occluder_place: tuple[float, float, float]  # x, y in image widths, angle
    neckline: float
    cloth_pattern: int  # 0 plain, 1 stripes, 2 collar

    light: tuple[float, float, float]  # direction to the light, unit vector, z to the viewer
    ambient: float
    tint: RGB  # multiplies the image, about 1
    background: tuple[RGB, RGB]
    background_angle: float
    background_kind: int  # 0 gradient, 1 lights out of focus, 2 stripes, 3 panels
    texture: float
    noise: float
    blur: float  # in image widths
    texture_seed: int

    def attributes(self) -> dict[str, int]:
        """Return the class index of each attribute in `ATTRIBUTES`."""
        values = {
            'pose': int(np.digitize(self.yaw, (-12, 12))),
            'mouth': int(self.mouth_open > 0.12),
            'smiling': int(self.smile > 0.35),
            'eyes': int(self.eye_open < 0.2),
            'earrings': int(self.earrings and (self.hair_length < 2 or self.tucked)),
            'light': int(np.digitize(self.light[0], (-0.3, 0.3))),
        }
        return {
            name: values[name] if name in values else getattr(self, name) for name in ATTRIBUTES
        }


def _jitter(rng: np.random.Generator, color: RGB, spread: float) -> RGB:
    return tuple(float(v) for v in np.clip(np.array(color) + rng.normal(0, spread, 3), 6, 252))


def _clip(value: float, low: float, high: float) -> float:
    return min(max(value, low), high)


def _any_color(rng: np.random.Generator) -> RGB:
    """Return a color of random hue with mostly moderate saturation."""
    value = rng.uniform(25, 240)
    return tuple(float(v) for v in np.clip(value + rng.normal(0, 24, 3), 8, 250))


def sample_face(seed: int, index: int) -> Face:
    """Draw the parameters of face ``index`` of the collection ``seed``.

    Args:
        seed: Collection, a non-negative integer.
        index: Position in the collection, a non-negative integer.

    Returns:
        The face; the same arguments always give the same face.
    """
    rng = np.random.Generator(np.random.PCG64([seed, index]))

    def pick(*probabilities: float) -> int:
        cumulative = tuple(accumulate(probabilities))
        return bisect_right(cumulative, rng.random() * cumulative[-1])

    def chance(probability: float) -> bool:
        return bool(rng.random() < probability)

    yaw = _clip(rng.normal(0, 20), -45, 45)
    hair_length = pick(0.07, 0.40, 0.23, 0.30)
    long_hair = hair_length >= 2
    beard = 0 if long_hair and not chance(0.1) else pick(0.62, 0.14, 0.24)
    makeup = int(beard == 0 and chance(0.6 if long_hair else 0.06))
    skin_position = rng.uniform(0, len(SKIN_TONES) - 1)
    low = int(skin_position)
    share = skin_position - low
    skin = (1 - share) * np.array(SKIN_TONES[low]) + share * np.array(
        SKIN_TONES[min(low + 1, len(SKIN_TONES) - 1)]
    )
    skin = _jitter(rng, tuple(skin), 5)
    dark = skin_position > 3.6
    hair_color = pick(0.62, 0.24, 0.05, 0.03, 0.06) if dark else pick(0.26, 0.32, 0.22, 0.1, 0.1)
    hair = np.array(tuple(HAIR_COLORS.values())[hair_color]) * rng.normal(1, 0.1)
    hair = _jitter(rng, tuple(hair), 2.5)
    lip = 0.62 * np.array(skin) + 0.38 * np.array((172, 62, 66))
    if makeup:
        lip = 0.3 * lip + 0.7 * np.array((182, rng.uniform(24, 70), rng.uniform(40, 92)))
    background = _any_color(rng)
    if chance(0.18):  # a background of about the hair's or the skin's color
        background = _jitter(rng, hair if chance(0.6) else skin, 14)
    other = _jitter(rng, background, 40) if chance(0.6) else _any_color(rng)
    cloth = _any_color(rng)
    light = np.array((rng.normal(0, 0.65), rng.normal(-0.45, 0.3), 1.0))
    smile = _clip(rng.normal(0.3, 0.45), -0.7, 1.0)
    mouth_open = float(rng.uniform(0.15, 1)) ** 1.3 if chance(0.42) else 0.0
    hat = pick(0.84, 0.06, 0.05, 0.05)
    return Face(
        yaw=yaw,
        pitch=_clip(rng.normal(0, 7), -18, 18),
        roll=_clip(rng.normal(0, 7), -22, 22),
        scale=float(rng.uniform(0.212, 0.275)),
        center=(
            float(0.5 - 0.05 * np.sin(np.radians(yaw)) + rng.normal(0, 0.015)),
            float(0.475 + rng.normal(0, 0.02)),
        ),
        jaw_width=float(rng.uniform(0.9, 1.06)),
        jaw_square=float(rng.uniform(1.85, 2.25) if makeup else rng.uniform(1.95, 2.6)),
        chin=float(rng.uniform(1.5, 1.72)),
        forehead=float(rng.uniform(0.85, 1.1)),
        eye_size=float(rng.uniform(0.88, 1.15)),
        eye_spacing=float(rng.uniform(0.41, 0.455)),
        eye_tilt=float(rng.normal(0.02, 0.025)),
        nose_width=float(rng.uniform(0.8, 1.22)),
        nose_length=float(rng.uniform(0.62, 0.74)),
        mouth_width=float(rng.uniform(0.31, 0.4)),
        mouth_height=float(rng.uniform(0.98, 1.08)),
        lip_fullness=float(rng.uniform(0.75, 1.35)),
        brow_height=float(rng.uniform(0.27, 0.35)),
        brow_thickness=float(rng.uniform(0.7, 1.0) if makeup else rng.uniform(0.75, 1.4)),
        brow_arch=float(rng.uniform(0.02, 0.11)),
        neck_width=float(rng.uniform(0.52, 0.64) if makeup else rng.uniform(0.6, 0.78)),
        mouth_open=mouth_open,
        smile=smile,
        eye_open=0.05 if chance(0.07) else _clip(rng.normal(0.9, 0.17), 0.45, 1.25),
        brow_raise=float(rng.normal(0, 0.04)),
        gaze=(float(rng.normal(0, 0.25)), float(rng.normal(0, 0.12))),
        skin=skin,
        hair=hair,
        eye=_jitter(rng, EYE_COLORS[0 if dark else pick(0.3, 0.2, 0.25, 0.15, 0.1)], 8),
        lip=_jitter(rng, tuple(lip), 6),
        cloth=(cloth, _any_color(rng)),
        accent=_any_color(rng),
        occluder_color=_any_color(rng),
        skin_tone=int(np.digitize(skin_position, (2.2, 4.2))),
        hair_color=hair_color,
        hair_length=hair_length,
        fringe=int(hair_length > 0 and hat == 0 and chance(0.38)),
        fringe_side=float(rng.choice((-1, 1)) * rng.uniform(0.15, 0.8)),
        curly=chance(0.45 if dark else 0.16),
        tucked=chance(0.4),
        hair_volume=float(rng.uniform(0.0, 1.0)),
        beard=beard,
        glasses=pick(0.78, 0.15, 0.07),
        glasses_round=float(rng.uniform(2.0, 5.0)),
        glasses_size=float(rng.uniform(0.85, 1.2)),
        hat=hat,
        earrings=int(chance(0.5 if makeup else 0.08)),
        necklace=int(chance(0.4 if makeup else 0.07)),
        makeup=makeup,
        occluder=pick(0.88, 0.04, 0.04, 0.04),
        occluder_place=(
            float(rng.uniform(0.15, 0.85)),
            float(rng.uniform(0.5, 0.95)),
            float(rng.uniform(-1, 1)),
        ),
        neckline=float(rng.uniform(0.0, 1.0)),
        cloth_pattern=pick(0.55, 0.2, 0.25),
        light=tuple(float(v) for v in light / np.linalg.norm(light)),
        ambient=float(rng.uniform(0.45, 0.8)),
        tint=tuple(float(v) for v in rng.uniform(0.88, 1.16) * rng.normal(1, 0.035, 3)),
        background=(background, other),
        background_angle=float(rng.uniform(0, 2 * np.pi)),
        background_kind=pick(0.45, 0.25, 0.1, 0.2),
        texture=float(rng.uniform(0.3, 1.0)),
        noise=float(rng.uniform(0.5, 4.5)),
        blur=float(rng.choice((0.0, rng.uniform(0.0, 0.009)))),
        texture_seed=int(rng.integers(2**31)),
    )

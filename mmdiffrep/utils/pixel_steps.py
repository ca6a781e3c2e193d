# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Follow images through the transforms of a pipeline: who swaps channels, who scales values."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from importlib import import_module
from typing import Any, NamedTuple

from mmengine.registry import TRANSFORMS, Registry

UNKNOWN = 'unknown'
ORDERS = ('bgr', 'rgb', 'gray')
# Libraries whose transforms were looked through: what is not named below changes neither order
# nor scale of the channels.
AUDITED = ('mmcv', 'mmengine', 'mmseg', 'mmpose', 'mmpretrain', 'mmdet', 'mmdiffrep', 'torchvision')
FILE_BACKENDS = (None, 'cv2', 'pillow', 'turbojpeg')  # tifffile gives what is in the file
ALBUMENTATIONS = ('Albu', 'Albumentation', 'Albumentations')
# Of albumentations; the hosts pass its transforms on.
ALBU_CHANGES = (
    'ChannelShuffle',
    'FromFloat',
    'Lambda',
    'Normalize',
    'ToFloat',
    'ToRGB',
    'ToTensorV2',
)
# They give an image of their own, with channels that they alone know.
REPLACE = (
    'ConcatCDInput',
    'InferencerLoader',
    'LoadBiomedicalData',
    'LoadBiomedicalImageFromFile',
    'LoadImageFromNDArray',
    'LoadMultiChannelImageFromFiles',
    'LoadMultipleRSImageFromFile',
    'LoadSingleRSImageFromFile',
    'torchvision/Lambda',
    'torchvision/LinearTransformation',
)
IN_A_ROW = ('ApplyToList', 'Compose', 'TransformBroadcaster', 'torchvision/Compose')


class Pixels(NamedTuple):
    """What is known of the images at some place of a pipeline.

    Attributes:
        order: ``'bgr'``, ``'rgb'``, ``'gray'`` (equal channels) or ``'unknown'``.
        mean: Subtracted so far, per channel on the 0..255 scale; None: nothing was.
        std: What they were divided by; None likewise.
        unknown: Why the order is unknown.
        values_unknown: Why mean and std are unknown, or ``''``.
        mixed: Whether images of several orders come together.
    """

    order: str
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    unknown: str = ''
    values_unknown: str = ''
    mixed: bool = False

    def swapped(self) -> 'Pixels':
        """Return them with red and blue swapped."""
        order = {'rgb': 'bgr', 'bgr': 'rgb'}.get(self.order, self.order)
        mean = None if self.mean is None else self.mean[::-1]
        std = None if self.std is None else self.std[::-1]
        return self._replace(order=order, mean=mean, std=std)

    def normalized(self, mean: Sequence[float], std: Sequence[float]) -> 'Pixels':
        """Return them after ``(pixels - mean) / std``; one number is for all channels."""
        earlier_mean, earlier_std = self.mean or (0.0,) * 3, self.std or (1.0,) * 3
        means, stds = (tuple(map(float, _three(values))) for values in (mean, std))
        return self._replace(
            mean=tuple(m + a * s for m, s, a in zip(earlier_mean, earlier_std, means)),
            std=tuple(s * b for s, b in zip(earlier_std, stds)),
        )

    def describe(self) -> str:
        """Return the order, and the normalization if there was any, for messages."""
        values = f', mean {self.mean}, std {self.std}' if self.mean else ''
        return f'{self.order.upper() if self.order != UNKNOWN else self.order}{values}'


def after_transforms(pixels: Pixels, steps: Iterable[Any], scope: str | None) -> Pixels:
    """Return what the images are after some transforms.

    Args:
        pixels: What they are before.
        steps: Configs of the transforms, or the transforms.
        scope: ``default_scope``, in which names without a library are looked up.
    """
    for step in steps:
        pixels = _after(pixels, _settings(step), scope)
    return pixels


def class_name(kind: Any) -> str:
    """Return the name of a type without its library; ``torchvision/...`` keeps it."""
    return kind.rpartition('.')[-1] if isinstance(kind, str) else kind.__name__


def _settings(step: Any) -> dict[str, Any]:
    """Return the config of a transform, or what a built one would have as its config."""
    if isinstance(step, Mapping):
        return dict(step)
    step = getattr(step, 't', step)  # mmpretrain wraps torchvision's
    kind = type(step)
    library = 'torchvision/' if kind.__module__.startswith('torchvision.') else ''
    return {**vars(step), 'type': f'{library}{kind.__name__}', 'class': kind}


def _after(pixels: Pixels, step: dict[str, Any], scope: str | None) -> Pixels:
    name = class_name(step['type'])
    kind = step.get('class') or find_class(TRANSFORMS, step['type'], scope)
    declared = getattr(kind, 'channel_order', None)
    if declared in ORDERS:
        return pixels._replace(order=declared)
    if declared == 'same':
        return pixels
    if library_of(kind) not in AUDITED:
        return pixels._replace(
            order=UNKNOWN,
            unknown=f'it is not known what the transform {name} does to colors (its class may say '
            "it as channel_order = 'same', 'rgb' or 'bgr')",
        )
    if name in ALBUMENTATIONS:
        changes = sorted(set(_types(step.get('transforms') or ())) & set(ALBU_CHANGES))
        return _unknown(pixels, f'{name} with {", ".join(changes)}') if changes else pixels
    if name in REPLACE:
        return _unknown(pixels, name)
    if name == 'Rerange':
        return pixels._replace(values_unknown='Rerange stretches each image by its own range')
    if name in _STEPS:
        return _STEPS[name](pixels, step)
    nested = step.get('transforms')
    if not nested or not isinstance(nested, (list, tuple)):
        return pixels
    if name in IN_A_ROW:
        return after_transforms(pixels, _flat(nested), scope)
    # One of several, with some probability, in any order: fine if none of them changes anything.
    ways = [part if isinstance(part, (list, tuple)) else [part] for part in nested]
    if all(after_transforms(pixels, way, scope) == pixels for way in ways):
        return pixels
    return _unknown(pixels, f'what {name} chooses')


def _load(pixels: Pixels, step: Mapping[str, Any]) -> Pixels:
    if class_name(step['type']) == 'LoadImage' and pixels.order != UNKNOWN:
        return pixels  # mmpose's keeps an image that the data set gives
    color, backend = step.get('color_type', 'color'), step.get('imdecode_backend')
    if backend not in FILE_BACKENDS:
        return _unknown(pixels, f'files read with imdecode_backend={backend!r}')
    if color in ('color', 'color_ignore_orientation'):
        return Pixels('bgr')
    if color in ('grayscale', 'grayscale_ignore_orientation'):
        return Pixels('gray')
    return _unknown(pixels, f'files read with color_type={color!r}')


def _normalize(pixels: Pixels, step: Mapping[str, Any]) -> Pixels:
    pixels = pixels.swapped() if step.get('to_rgb', True) else pixels
    return pixels.normalized(step['mean'], step['std'])


def _scale(pixels: Pixels, step: Mapping[str, Any]) -> Pixels:
    """0..255 to 0..1; what is floating point already stays as it is."""
    return pixels if pixels.mean is not None else pixels.normalized([0.0], [255.0])


def _convert(pixels: Pixels, step: Mapping[str, Any]) -> Pixels:
    return _scale(pixels, step) if 'float' in str(step.get('dtype', 'float')) else pixels


def _to_pil(pixels: Pixels, step: Mapping[str, Any]) -> Pixels:
    return pixels._replace(mean=None, std=None)


def _swap_if(flag: str, pixels: Pixels, step: Mapping[str, Any]) -> Pixels:
    return pixels.swapped() if step.get(flag) else pixels


def _gray(pixels: Pixels, step: Mapping[str, Any]) -> Pixels:
    return pixels._replace(order='gray')


_STEPS: dict[str, Callable[[Pixels, Mapping[str, Any]], Pixels]] = {
    'LoadImage': _load,
    'LoadImageFromFile': _load,
    'LoadToyFace': lambda pixels, step: Pixels('bgr'),
    'Normalize': _normalize,
    'NumpyToPIL': partial(_swap_if, 'to_rgb'),
    'PILToNumpy': partial(_swap_if, 'to_bgr'),
    'RGB2Gray': _gray,
    'ToNumpy': partial(_swap_if, 'to_bgr'),
    'ToPIL': partial(_swap_if, 'to_rgb'),
    'torchvision/ConvertImageDtype': _convert,
    'torchvision/Grayscale': _gray,
    'torchvision/Normalize': lambda pixels, step: pixels.normalized(step['mean'], step['std']),
    'torchvision/ToPILImage': _to_pil,
    'torchvision/ToTensor': _scale,
}


def _unknown(pixels: Pixels, what: str) -> Pixels:
    return pixels._replace(order=UNKNOWN, unknown=f'the channels of {what} are not known')


def find_class(registry: Registry, kind: Any, scope: str | None) -> Any:
    """Return the class (or function) of a type of a config, None if there is none of that name."""
    if isinstance(kind, str):
        with suppress(ImportError):  # a config of another library's transforms needs no mmcv
            import_module('mmcv.transforms')  # which registers its transforms
        try:
            with registry.switch_scope_and_registry(scope) as found:
                kind = found.get(kind)
        except (ImportError, KeyError, AssertionError):
            return None
    return kind.func if isinstance(kind, partial) else kind


def library_of(kind: Any) -> str:
    """Return the package of a class, ``''`` of None."""
    return '' if kind is None else kind.__module__.partition('.')[0]


def _three(values: Sequence[float]) -> Sequence[float]:
    return list(values) * 3 if len(values) == 1 else values


def _types(node: Any) -> Iterator[str]:
    if isinstance(node, Mapping):
        if isinstance(node.get('type'), str):
            yield class_name(node['type'])
        node = list(node.values())
    if isinstance(node, (list, tuple)):
        for child in node:
            yield from _types(child)


def _flat(steps: Sequence[Any]) -> Iterator[Any]:
    for step in steps:
        if isinstance(step, (list, tuple)):
            yield from _flat(step)
        else:
            yield step

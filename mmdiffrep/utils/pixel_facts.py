# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Find out from a host's config what its pixels are: channel order and normalization.

The config is followed from the data set through each transform of its pipeline to the data
preprocessor. What is not known is never guessed: a data set that gives images of its own, or a
transform of another library, makes the order unknown, which is an error that says what to set.
Other classes may declare it: ``channel_order = 'rgb'``, ``'bgr'`` or ``'gray'`` in a data set,
these or ``'same'`` in a transform.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from mmengine.config import Config
from mmengine.registry import DATASETS, DefaultScope

from mmdiffrep.utils.pixel_steps import (
    ORDERS,
    UNKNOWN,
    Pixels,
    after_transforms,
    class_name,
    find_class,
)

SPLITS = ('train', 'val', 'test')


class Source(NamedTuple):
    """The images of a data set that does not read image files.

    Attributes:
        order: ``'rgb'``, ``'bgr'`` or ``'gray'``.
        side: In pixels.
        padding: Pixels added on each side.
        channels: Of the array, 3 or 1.
    """

    order: str
    side: int
    padding: int = 0
    channels: int = 3


SOURCES = {
    'CIFAR10': Source('rgb', 32),
    'CIFAR100': Source('rgb', 32),
    'MNIST': Source('gray', 28, channels=1),
    'FashionMNIST': Source('gray', 28, channels=1),
    'FashionMNISTDataset': Source('gray', 28, padding=2),
}
_NOTHING = Pixels(UNKNOWN, unknown='the config reads no files by mmcv')
# Flags of the hosts' data preprocessors. Each swaps the channels, whatever their order is.
SWAPS = ('to_rgb', 'bgr_to_rgb', 'rgb_to_bgr')


def channel_order_of(cfg: Config, advice: str) -> str:
    """Return the channel order in which a config's pipeline packs images.

    Where the pipeline leaves it unknown, a flag of the data preprocessor says it: what it turns to
    RGB was BGR.

    Args:
        cfg: A host's config; the first of its data loaders counts.
        advice: What to do where the order is unknown, for the message.

    Returns:
        ``'bgr'`` or ``'rgb'``; ``'bgr'`` of gray images, whose channels are equal.

    Raises:
        ValueError: It is unknown.
    """
    return _order(packed_pixels(first_dataset(cfg), _scope(cfg)), preprocessor_of(cfg), advice)


def dataset_order(dataset: Mapping[str, Any], advice: str) -> str:
    """Return the channel order of the images that a data set packs, without a preprocessor.

    Args:
        dataset: Config of the data set.
        advice: See :func:`channel_order_of`.

    Raises:
        ValueError: It is unknown.
    """
    return _order(packed_pixels(dataset, _current_scope()), {}, advice)


def check_order(dataset: Mapping[str, Any], order: str, owner: str) -> None:
    """Check a channel order that was told against that of a data set, where it is known.

    Args:
        dataset: Config of the data set.
        order: ``'bgr'`` or ``'rgb'``.
        owner: Who says so, for the message.

    Raises:
        ValueError: The data set gives the other one.
    """
    found = packed_pixels(dataset, _current_scope()).order
    if {found, order} == {'rgb', 'bgr'}:
        raise ValueError(
            f'{owner} takes images as {order.upper()}, but the data set gives {found.upper()}: its '
            'features are those of images with red and blue swapped. Compute them again.'
        )


def network_order_of(cfg: Config, advice: str) -> str:
    """Return the channel order of the images that a config's network gets.

    Args:
        cfg: A host's config.
        advice: See :func:`channel_order_of`.

    Returns:
        ``'bgr'`` or ``'rgb'``: the order of the pipeline, swapped if the data preprocessor does.

    Raises:
        ValueError: It is unknown, see :func:`channel_order_of`.
    """
    swapped = _swaps(preprocessor_of(cfg))
    order = channel_order_of(cfg, advice)
    return {'rgb': 'bgr', 'bgr': 'rgb'}[order] if swapped else order


def network_normalization(
    cfg: Config,
    advice: str,
    mean: Sequence[float] | None = None,
    std: Sequence[float] | None = None,
    order: str | None = None,
) -> dict[str, Any]:
    """Return the normalization of the images that a config's network gets.

    Args:
        cfg: A host's config.
        advice: See :func:`channel_order_of`.
        mean: Of the data preprocessor. Default: as the config says.
        std: Likewise.
        order: Channel order, if it is told. Default: derived.

    Returns:
        ``channel_order``, and ``mean`` and ``std`` (3 numbers each on the 0..255 scale, in that
        order, or None): what pipeline and preprocessor do together.

    Raises:
        ValueError: It is unknown.
    """
    settings = preprocessor_of(cfg)
    if mean is None and std is None:
        mean, std = settings.get('mean'), settings.get('std')
    order = order or network_order_of(cfg, advice)
    pixels = packed_pixels(first_dataset(cfg), _scope(cfg))
    if pixels.values_unknown:
        raise ValueError(f'the values of the images are unknown: {pixels.values_unknown}: {advice}')
    if _swaps(settings):
        pixels = pixels.swapped()
    if mean is not None and std is not None:
        pixels = pixels.normalized(mean, std)
    return dict(
        mean=None if pixels.mean is None else list(pixels.mean),
        std=None if pixels.std is None else list(pixels.std),
        channel_order=order,
    )


def packed_pixels(dataset: Mapping[str, Any], scope: str | None = None) -> Pixels:
    """Follow a data set and its pipeline.

    Args:
        dataset: Config of the data set, wrappers included.
        scope: ``default_scope`` of the config.

    Returns:
        What the images are when they are packed.
    """
    inside = list(_inside(dataset))
    if inside:
        found = [packed_pixels(part, scope) for part in inside]
        pixels = _together(found, ['/'.join(sorted(_kinds(part))) for part in inside])
    else:
        pixels = _given(dataset['type'], scope) if 'type' in dataset else _NOTHING
    return after_transforms(pixels, dataset.get('pipeline') or (), scope)


def source_of(dataset: Mapping[str, Any]) -> Source | None:
    """Return what is known of a data set that gives arrays; None: it reads files, or is unknown."""
    kinds = _kinds(dataset)
    return SOURCES.get(next(iter(kinds))) if len(kinds) == 1 else None


def reads_cifar(cfg: Config) -> bool:
    """Whether the first of a config's data loaders reads CIFAR-10 or CIFAR-100, and no other."""
    kinds = _kinds(first_dataset(cfg))
    return bool(kinds) and kinds <= {'CIFAR10', 'CIFAR100'}


def preprocessor_of(cfg: Config) -> dict[str, Any]:
    """Return the settings of a config's data preprocessor, empty if it has none."""
    return cfg.get('model', {}).get('data_preprocessor') or cfg.get('data_preprocessor') or {}


def first_dataset(cfg: Config) -> Mapping[str, Any]:
    """Return the data set of the first of a config's data loaders, empty if it has none."""
    loaders = [cfg.get(f'{split}_dataloader') for split in SPLITS]
    found = [loader.get('dataset') for loader in loaders if isinstance(loader, Mapping)]
    return next((dataset for dataset in found if isinstance(dataset, Mapping)), {})


def _given(kind: Any, scope: str | None) -> Pixels:
    """Return what the images are that a data set gives to its pipeline."""
    name = class_name(kind)
    if name in SOURCES:
        return Pixels(SOURCES[name].order)
    declared = getattr(find_class(DATASETS, kind, scope), 'channel_order', None)
    if declared in ORDERS:
        return Pixels(declared)
    reason = f"{name} reads no files by mmcv (its class may say channel_order = 'rgb' or 'bgr')"
    return Pixels(UNKNOWN, unknown=reason)


def _together(found: Sequence[Pixels], names: Sequence[str]) -> Pixels:
    """Return what the images of several data sets are."""
    colored = [pixels for pixels in found if pixels.order != 'gray'] or found
    orders = {pixels.order for pixels in colored}
    if len({pixels[1:3] for pixels in found}) == 1:  # mean and std
        if len(orders) == 1:
            return colored[0]
        if orders == {'bgr', UNKNOWN}:  # a flag of the preprocessor may say that all are BGR
            return next(pixels for pixels in colored if pixels.order == UNKNOWN)
    kinds = [f'{name} ({pixels.describe()})' for name, pixels in zip(names, found)]
    return Pixels(UNKNOWN, unknown=f'the data mixes {" and ".join(kinds)}', mixed=True)


def _order(pixels: Pixels, settings: Mapping[str, Any], advice: str) -> str:
    to_rgb = settings.get('to_rgb') or settings.get('bgr_to_rgb')
    if pixels.order == 'bgr' and settings.get('rgb_to_bgr'):
        raise ValueError(
            'the channel order of the images is unknown: rgb_to_bgr=True of the data_preprocessor '
            f'says that they come as RGB, but they come as BGR: say bgr_to_rgb=True, or {advice}'
        )
    if pixels.order != UNKNOWN:
        return 'rgb' if pixels.order == 'rgb' else 'bgr'
    if pixels.mixed or not (to_rgb or settings.get('rgb_to_bgr')):
        told = 'the data_preprocessor converts no colors, and ' if settings else ''
        raise ValueError(
            f'the channel order of the images is unknown: {"" if pixels.mixed else told}'
            f'{pixels.unknown}: {advice}'
        )
    return 'bgr' if to_rgb else 'rgb'


def _current_scope() -> str | None:
    scope = DefaultScope.get_current_instance()
    return scope.scope_name if scope else None


def _swaps(settings: Mapping[str, Any]) -> bool:
    return any(settings.get(flag) for flag in SWAPS)


def _scope(cfg: Config) -> str | None:
    return cfg.get('default_scope')


def _inside(dataset: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Return what a wrapper such as RepeatDataset or ConcatDataset is around."""
    if isinstance(dataset.get('dataset'), Mapping):
        yield dataset['dataset']
    yield from dataset.get('datasets') or ()


def _kinds(dataset: Mapping[str, Any]) -> set[str]:
    """Class names of a data set, or of those inside its wrappers."""
    inside = list(_inside(dataset))
    if inside:
        return set().union(*(_kinds(part) for part in inside))
    return {class_name(dataset['type'])} if 'type' in dataset else set()

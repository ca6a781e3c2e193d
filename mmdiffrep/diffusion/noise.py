# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Sources of the noise eps in x_t: fresh, shared, per image, or none.

Papers differ: DDPM-Seg gives every image the same draw, DDAE, GDC and DIFT draw anew each time,
RepFusion's official code adds no noise. ``per_image`` makes features a function of the image
alone, whatever its batch, order or process, so that they can be cached and compared.
"""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from mmdiffrep.diffusion.counter_noise import content_keys, counter_normal
from mmdiffrep.utils.arguments import check_arguments
from mmdiffrep.utils.checks import as_many, integer, of_type, one_of
from mmdiffrep.utils.random_streams import Generators


class NoiseSource(ABC):
    """Gives the noise for a batch of images.

    Attributes:
        repeats: Whether the same images always get the same noise, so that a draw serves every
            timestep that they are read at.
    """

    repeats = False

    @abstractmethod
    def __call__(
        self, images: Tensor, generator: Generators = None, shape: Sequence[int] | None = None
    ) -> Tensor | None:
        """Draw noise.

        Args:
            images: (B, C, H, W) in [-1, 1].
            generator: Source of randomness, or one per image; used by ``fresh`` only.
            shape: Of the draw of an image, where noise is added to something else than its pixels,
                such as latents; None: (C, H, W).

        Returns:
            (B, *shape) standard normal noise with the images' device and dtype, or None for a
            clean input.
        """

    def of_draw(self, draw: int) -> 'NoiseSource':
        """Return the source of one of several draws for the same images; draw 0 is its own."""
        return self

    def at_timesteps(
        self,
        images: Tensor,
        num: int,
        generator: Generators = None,
        shape: Sequence[int] | None = None,
    ) -> Tensor | None:
        """Draw noise for a batch that is repeated once per timestep.

        Args:
            images: (B, C, H, W) in [-1, 1].
            num: Number of timesteps.
            generator: See :meth:`__call__`.
            shape: See :meth:`__call__`.

        Returns:
            (num * B, *shape), all images of the first timestep first, or None.
        """
        if not self.repeats:
            return self(images.repeat(num, 1, 1, 1), generator, shape)
        eps = self(images, generator, shape)
        return None if eps is None else eps.repeat(num, 1, 1, 1)


class FreshNoise(NoiseSource):
    """A new draw at every call, from ``generator`` or else torch's global state.

    With a generator per image the noise of an image does not depend on the rest of the batch.

    Args:
        counter: Hash the seeds of the generators per image instead of drawing from them: other
            numbers, one draw for the whole batch on its device, see
            :func:`~mmdiffrep.diffusion.counter_noise.counter_normal`.
    """

    def __init__(self, counter: bool = False) -> None:
        self.counter = of_type('counter', counter, bool)

    def __call__(
        self, images: Tensor, generator: Generators = None, shape: Sequence[int] | None = None
    ) -> Tensor:
        """Draw anew; see :class:`NoiseSource`."""
        shape = tuple(images.shape[1:] if shape is None else shape)
        if not isinstance(generator, (torch.Generator, type(None))):
            if self.counter:
                seeds = torch.tensor([source.initial_seed() for source in generator])
                return counter_normal(seeds.to(images.device), shape).to(images)
            draws = [
                torch.randn(shape, generator=source, device=source.device) for source in generator
            ]
            as_many('generators', draws, 'images', images)
            return torch.stack(draws).to(images)
        device = images.device if generator is None else generator.device
        return torch.randn(len(images), *shape, generator=generator, device=device).to(images)


class SharedNoise(NoiseSource):
    """One draw for all images of a shape, the same in every process (DDPM-Seg).

    Args:
        seed: Seed of the draw.
    """

    repeats = True

    def __init__(self, seed: int = 0) -> None:
        self.seed = seed
        self._drawn: dict[tuple[tuple[int, ...], torch.device, torch.dtype], Tensor] = {}

    def __call__(
        self, images: Tensor, generator: Generators = None, shape: Sequence[int] | None = None
    ) -> Tensor:
        """Return the draw of this shape; see :class:`NoiseSource`."""
        key = (tuple(images.shape[1:] if shape is None else shape), images.device, images.dtype)
        if key not in self._drawn:
            self._drawn[key] = _draw(self.seed, key[0]).to(images)
        return self._drawn[key].expand(len(images), *key[0])

    def of_draw(self, draw: int) -> 'SharedNoise':
        """Return the source of another draw; see :class:`NoiseSource`."""
        return self if draw == 0 else SharedNoise(_seed_of_draw(self.seed, draw))


class PerImageNoise(NoiseSource):
    """Noise that depends on the image's content and a seed alone.

    The image is rounded to 8 bits before it is hashed and the draw is made on the CPU, so the
    result does not depend on batch, order, process or device, as long as the rounded pixels agree.

    Args:
        seed: Another seed gives other noise for the same image.
        counter: Hash and draw on the images' device: other numbers, without reading the images
            back, see :func:`~mmdiffrep.diffusion.counter_noise.counter_normal`.
    """

    repeats = True

    def __init__(self, seed: int = 0, counter: bool = False) -> None:
        self.seed = seed
        self.counter = of_type('counter', counter, bool)

    def __call__(
        self, images: Tensor, generator: Generators = None, shape: Sequence[int] | None = None
    ) -> Tensor:
        """Draw from each image's own seed; see :class:`NoiseSource`."""
        shape = tuple(images.shape[1:] if shape is None else shape)
        if self.counter:
            return counter_normal(content_keys(images, self.seed), shape).to(images)
        levels = ((images.detach().float().clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
        draws = [_draw(self._seed_of(image), shape) for image in levels.cpu()]
        return torch.stack(draws).to(images)

    def of_draw(self, draw: int) -> 'PerImageNoise':
        """Return the source of another draw; see :class:`NoiseSource`."""
        if draw == 0:
            return self
        return PerImageNoise(_seed_of_draw(self.seed, draw), self.counter)

    def _seed_of(self, image: Tensor) -> int:
        head = f'{self.seed} {tuple(image.shape)} '.encode()
        digest = hashlib.sha256(head + image.contiguous().numpy().tobytes()).digest()
        return int.from_bytes(digest[:8], 'little') >> 1  # manual_seed takes 63 bits


class NoNoise(NoiseSource):
    """No noise: the denoiser sees the clean image and is told the timestep."""

    repeats = True

    def __call__(
        self, images: Tensor, generator: Generators = None, shape: Sequence[int] | None = None
    ) -> None:
        """Return None; see :class:`NoiseSource`."""
        return None


def check_draws(draws: int, noise: NoiseSource) -> int:
    """Check a number of draws.

    Raises:
        ValueError: Below 1, or several draws of no noise.
    """
    if integer('draws', draws, 1) > 1 and isinstance(noise, NoNoise):
        raise ValueError(f"draws={draws} of noise='none' are {draws} times the same pass.")
    return draws


def _seed_of_draw(seed: int, draw: int) -> int:
    return (seed + draw * 0x9E3779B1) % 2**32  # 2^32 over the golden ratio: far from other seeds


def _draw(seed: int, shape: tuple[int, ...]) -> Tensor:
    generator = torch.Generator('cpu').manual_seed(seed)
    return torch.randn(shape, generator=generator, device='cpu')


_SOURCES: dict[str, type[NoiseSource]] = {
    'fresh': FreshNoise,
    'shared': SharedNoise,
    'per_image': PerImageNoise,
    'none': NoNoise,
}


def build_noise(cfg: str | Mapping[str, Any] | NoiseSource) -> NoiseSource:
    """Build a noise source.

    Args:
        cfg: ``'fresh'``, ``'shared'``, ``'per_image'``, ``'none'``, or a dict with one of these as
            ``type`` and the source's arguments, e.g. ``dict(type='shared', seed=0)``; or a source,
            which is returned.

    Raises:
        ValueError: Unknown type or argument.
    """
    if isinstance(cfg, NoiseSource):
        return cfg
    args = dict(cfg) if isinstance(cfg, Mapping) else {'type': cfg}
    if 'type' not in args:
        raise ValueError(f'noise needs a `type`, one of {list(_SOURCES)}, got {cfg!r}.')
    kind: Any = args.pop('type')
    one_of('noise', kind, _SOURCES)
    check_arguments(args, _SOURCES[kind], f"noise '{kind}'")
    return _SOURCES[kind](**args)

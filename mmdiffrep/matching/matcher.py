# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Match points between two images by the features of a diffusion model (DIFT)."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from mmdiffrep.diffusion.condition import Condition
from mmdiffrep.diffusion.denoisers.feature_model import FeatureModel
from mmdiffrep.diffusion.feature_extractor import FeatureExtractor
from mmdiffrep.diffusion.features import MapKey
from mmdiffrep.diffusion.text import PromptEncoder
from mmdiffrep.matching.encoder_maps import EncoderMaps
from mmdiffrep.matching.images import ImageInput, image_size, load_image, resize_image
from mmdiffrep.matching.join_maps import join_maps
from mmdiffrep.matching.joint_pca import JointPCA
from mmdiffrep.matching.modulated_tokens import ModulatedTokens
from mmdiffrep.matching.nearest import Size, nearest, sample_vectors, similarity_maps
from mmdiffrep.matching.points import PointsInput, check_points
from mmdiffrep.matching.presets import PRESETS
from mmdiffrep.utils.checks import integer, one_of

ENCODER: MapKey = (0, 'encoder')  # key of the map of another encoder than the diffusion model
JOINS = ('normalized', 'joint_pca')
JOINED_TAPS = ['dec.1', 'dec.2', 'dec.3', 'dec.5']


class CorrespondenceMatcher:
    """Finds, for points of a source image, the corresponding points of a target image.

    Example:
        >>> match = CorrespondenceMatcher('mmdiffrep://toyfaces_ddpm_64', taps=['dec.2'])
        >>> points, similarity = match('a.png', 'b.png', [[30, 32], [34, 45]])

    An image is resized to the size that the network works at (bicubic, without keeping the aspect
    ratio, as DIFT does); points are pixels of the original images throughout. One map is compared
    as it is; several, of other taps and timesteps, are normalized per cell, resized to the largest,
    and joined.

    Args:
        model: Diffusers folder, hub id, ``mmdiffrep://<name>``, config, or a loaded denoiser.
        taps: What to read. Default None: the preset's; without a preset the first, second, third
            and fifth block of the decoder, the best set of the shipped model.
        timesteps: Where to read. Default None: the preset's; without a preset ``[1]``.
        preset: Name of DIFT's official settings for a task and a network, a key of
            :data:`~mmdiffrep.matching.presets.PRESETS`. Arguments given beside it win.
        size: Side, or height and width, that images are resized to. Default None: the preset's;
            without a preset the size the network was trained at.
        draws: Noise draws whose features are averaged. Default None: the preset's, or 1.
        noise: ``'per_image'``: features depend on the image and the seed alone; ``'none'``: the
            clean image, for networks that were trained on it (CleanDIFT).
        seed: Seed of the noise.
        prompt: What images are said to show unless a call says otherwise, for models of text;
            None: nothing.
        join: How several maps become one: ``'normalized'`` per cell and side by side, or
            ``'joint_pca'``: reduced to the principal components that both images share, as SD +
            DINO does; see :class:`~mmdiffrep.matching.joint_pca.JointPCA`.
        encoder: Another encoder whose map is joined, such as DINOv2: arguments of
            :class:`~mmdiffrep.models.backbones.HostBackbone`, ``size`` among them.
        discard: Channels that are set to 0 before the adaptive norms that ``taps`` name are applied
            to the mean over the draws, as DiTF does; ``()`` for none of them. None: the preset's;
            without a preset taps are read as they are.
        device: Where the model runs; None: where it is.
        dtype: Precision of weights and features; None: float32.

    Raises:
        FileNotFoundError: No such model.
        TapError: Unknown taps.
        ValueError: An unknown preset, timesteps out of range, ``draws`` below 1, or a prompt for a
            model that takes none.
    """

    def __init__(
        self,
        model: str | dict[str, Any] | FeatureModel,
        taps: Sequence[str] | None = None,
        timesteps: Sequence[int] | None = None,
        preset: str | None = None,
        size: int | Size | None = None,
        draws: int | None = None,
        noise: str = 'per_image',
        seed: int = 0,
        prompt: str | None = None,
        join: str = 'normalized',
        encoder: dict[str, Any] | None = None,
        discard: Sequence[int] | None = None,
        device: None | str | torch.device = None,
        dtype: None | str | torch.dtype = None,
    ) -> None:
        settings: dict[str, Any] = {}
        if preset is not None:
            settings = PRESETS[one_of('preset', preset, tuple(PRESETS))]
        taps = settings.get('taps', JOINED_TAPS) if taps is None else taps
        timesteps = settings.get('timesteps', [1]) if timesteps is None else timesteps
        size = settings.get('size') if size is None else size
        is_clean = one_of('noise', noise, ('per_image', 'none')) == 'none'
        own_draws = 1 if is_clean else settings.get('draws', 1)
        discard = settings.get('discard') if discard is None else discard
        self._pca = JointPCA() if one_of('join', join, JOINS) == 'joint_pca' else None
        self.noise: dict[str, Any] = dict(type=noise) if is_clean else dict(type=noise, seed=seed)
        self.extract = FeatureExtractor(
            model,
            taps if discard is None else ModulatedTokens.read_taps(taps),
            timesteps,
            noise=self.noise,
            device=device,
            dtype=dtype,
            draws=own_draws if draws is None else draws,
        )
        size = self.extract.denoiser.image_size if size is None else size
        height, width = size if isinstance(size, (list, tuple)) and len(size) == 2 else (size, size)
        self.size: Size = (integer('size', height, 1), integer('size', width, 1))
        self._modulated = None
        if discard is not None:
            self._modulated = ModulatedTokens(self.extract.denoiser, taps, discard)
        self._encoder = None if encoder is None else EncoderMaps(encoder).to(device)
        self.extra_settings = {} if encoder is None else dict(encoder=repr(encoder))
        if discard is not None:
            self.extra_settings['discard'] = list(discard)
        self.prompt = prompt
        self._conditions: dict[str, Condition] = {}
        self.condition_of()

    def to(self, device: str | torch.device) -> 'CorrespondenceMatcher':
        """Move the model; the maps are then there."""
        self.extract.denoiser.to(device)
        if self._encoder is not None:
            self._encoder.to(device)
        return self

    def condition_of(self, prompt: str | None = None) -> Condition | None:
        """Encode a prompt, once.

        Args:
            prompt: None: the matcher's own.

        Returns:
            None without either: the model's own condition.

        Raises:
            ValueError: A prompt for a model that takes none.
        """
        prompt = self.prompt if prompt is None else prompt
        if prompt is None:
            return None
        if prompt not in self._conditions:
            denoiser = self.extract.denoiser
            if denoiser.condition is None or denoiser.condition.prompt_embeds is None:
                raise ValueError(f'{denoiser.source} takes no prompt, got {prompt!r}.')
            self._conditions[prompt] = PromptEncoder(denoiser.source)(prompt)
        return self._conditions[prompt]

    def features(self, image: ImageInput, prompt: str | None = None) -> Tensor:
        """Read the joined map of one image.

        Args:
            image: A path, a PIL image, a uint8 RGB array (H, W, 3) or an RGB tensor (3, H, W) in
                [-1, 1].
            prompt: What it is said to show; None: the matcher's own prompt.

        Returns:
            Map (C, h, w), float32.
        """
        if self._pca is not None:
            raise ValueError("join='joint_pca' needs two images: call join(maps(a), maps(b)).")
        return join_maps(list(self.maps(image, prompt).values()))

    def maps(self, image: ImageInput, prompt: str | None = None) -> dict[MapKey, Tensor]:
        """Read the maps of one image before they are joined.

        Returns:
            ``{(timestep, tap): (C, h, w)}``, float32; that of the encoder is under
            :data:`ENCODER`.
        """
        image = load_image(image)
        resized = resize_image(image, self.size)[None]
        maps = self.extract(resized, self.condition_of(prompt))
        if self._modulated is not None:
            maps = self._modulated(maps)
        found = {key: value[0].float() for key, value in maps.items()}
        if self._encoder is not None:
            found[ENCODER] = self._encoder(image)
        return found

    def join(
        self, source: dict[MapKey, Tensor], target: dict[MapKey, Tensor]
    ) -> tuple[Tensor, Tensor]:
        """Make one map (C, h, w) of the maps of each of two images."""
        if self._pca is not None:
            return self._pca(source, target, ENCODER)
        return join_maps(list(source.values())), join_maps(list(target.values()))

    def _pair(
        self, source: ImageInput, target: ImageInput, prompt: str | None
    ) -> tuple[Tensor, Tensor]:
        return self.join(self.maps(source, prompt), self.maps(target, prompt))

    def __call__(
        self,
        source: ImageInput,
        target: ImageInput,
        points: PointsInput,
        prompt: str | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Find the target points that correspond to source points.

        Args:
            source: The image with the points, see :meth:`features`.
            target: The image to search.
            points: (K, 2), x and y in pixels of the source.
            prompt: What both images show; None: the matcher's own prompt.

        Returns:
            Points (K, 2) in pixels of the target, and their cosine similarities (K,).

        Raises:
            ValueError: Points of another shape, or outside the source image.
        """
        source, target = load_image(source), load_image(target)
        points = check_points(points, image_size(source))
        return nearest(
            *self._pair(source, target, prompt),
            points,
            image_size(source),
            image_size(target),
        )

    def heat_map(
        self,
        source: ImageInput,
        target: ImageInput,
        point: Sequence[float],
        prompt: str | None = None,
    ) -> Tensor:
        """Compare one source point with every target pixel.

        Returns:
            Cosine similarities (H, W) at the size of the target image.
        """
        source, target = load_image(source), load_image(target)
        points = check_points([point], image_size(source))
        maps = self._pair(source, target, prompt)
        vectors = sample_vectors(maps[0], points, image_size(source))
        return similarity_maps(vectors, maps[1], image_size(target))[0]

    def mutual(
        self,
        source: ImageInput,
        target: ImageInput,
        points: PointsInput,
        tolerance: float = 0.05,
        prompt: str | None = None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Match points and keep those whose match leads back to them.

        Args:
            source: The image with the points.
            target: The image to search.
            points: (K, 2), x and y in pixels of the source.
            tolerance: Largest distance between a point and the match of its match, in sides of
                the source image (the longer one).
            prompt: What both images show; None: the matcher's own prompt.

        Returns:
            Points (K, 2) in the target, similarities (K,), and which are mutual (K,), bool.
        """
        source, target = load_image(source), load_image(target)
        points = check_points(points, image_size(source))
        maps = self._pair(source, target, prompt)
        sizes = image_size(source), image_size(target)
        there, similarity = nearest(*maps, points, *sizes)
        back, _ = nearest(*reversed(maps), there, *reversed(sizes))
        distance = (back - points.to(back)).norm(dim=1)
        return there, similarity, distance <= tolerance * max(sizes[0])

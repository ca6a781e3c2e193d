# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Trained encoders (DINOv2, MAE, ResNet, ...), read like a diffusion model."""

import copy
import inspect
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope
from torch import Tensor

from mmdiffrep.diffusion.features import MapKey
from mmdiffrep.diffusion.input_range import DistortionWatch
from mmdiffrep.diffusion.precision import FrozenPrecision
from mmdiffrep.diffusion.weights import hash_weights
from mmdiffrep.feature_bank.reader import on_cpu, stored_bytes, to_stored
from mmdiffrep.feature_bank.recipe import FeatureRecipe
from mmdiffrep.models.encoders import is_encoder_name, load_encoder
from mmdiffrep.models.teachers.config import RANDOM
from mmdiffrep.utils.checks import one_of
from mmdiffrep.utils.host_models import find_config, load_host_weights
from mmdiffrep.utils.pixel_facts import network_normalization, reads_cifar
from mmdiffrep.utils.versions import require_host

DEFAULT_SIZE = 224  # px; what ImageNet's models were trained at
CIFAR_SIZE = 32  # px


class Encoder:
    """A frozen backbone of a host config, given images as a host packs them.

    The backbone is ``model.backbone`` of the config, normalized as its data preprocessor says: a
    ``mmdiffrep.HostBackbone``, or any other one, which is put into it (a vision transformer with
    ``out_type='featmap'``, so that it gives maps).

    Args:
        config: A config, its file, or a name as ``mmpretrain::resnet/resnet50_8xb32_in1k.py``; or a
            network of another library, ``'timm:NAME'``, ``'torchvision:NAME'`` or
            ``'transformers:FOLDER'``, after ``'random:'`` with random weights.
        checkpoint: Weights of the whole model or of its backbone; None: those of the config's
            ``init_cfg``, or random ones.
        size: Side in pixels that images are resized to; None: that of a ``HostBackbone`` in the
            config, the backbone's ``img_size``, 32 for a config of CIFAR, or 224.
        channel_order: Of the images given, ``'bgr'`` or ``'rgb'``.
        native_order: That the backbone was trained on, in which its mean and standard deviation
            are; None: as the config says, see
            :func:`~mmdiffrep.utils.pixel_facts.network_order_of`.
        device: Where it runs; None: the CPU.
        precision: What it computes in: ``'auto'``, ``'float32'``, ``'bfloat16'`` or ``'float16'``;
            None: float32 on a CPU, ``'auto'`` on a GPU. See
            :class:`~mmdiffrep.diffusion.precision.FrozenPrecision`.

    Attributes:
        name: Of the config, for tables; says so if the weights are random.
        layers: Names of what it gives.
        shapes: ``{layer: (C, h, w)}``.
        settings: What the features depend on besides the weights, as values that JSON has.
        weights_hash: Hash of the backbone's weights.

    Raises:
        FileNotFoundError: No such config or checkpoint.
        ValueError: A config without a backbone or known channel order, an image size that is not a
            square, weights that do not fit, or a backbone that gives no maps.
    """

    def __init__(
        self,
        config: str | Config,
        checkpoint: None | str | Path = None,
        size: int | None = None,
        channel_order: str = 'bgr',
        device: None | str | torch.device = None,
        native_order: str | None = None,
        precision: str | None = None,
    ) -> None:
        one_of('channel_order', channel_order, ('rgb', 'bgr'))
        one_of('native_order', native_order, (None, 'rgb', 'bgr'))
        of_library = isinstance(config, str) and is_encoder_name(config.removeprefix(RANDOM))
        if of_library:
            cfg, order = _library_config(config, checkpoint)
            native_order = native_order or order
        else:
            cfg = find_config(config)
        scope = cfg.get('default_scope', 'mmengine')
        require_host(scope)
        init_default_scope(scope)
        settings = _host_backbone(cfg, size)
        advice = "give native_order='bgr' or 'rgb'"
        normalization = network_normalization(cfg, advice, order=native_order)
        self.host = MODELS.build(copy.deepcopy(settings))
        self.name = str(config) if of_library else Path(cfg.filename or 'encoder').stem
        if checkpoint is not None:
            network = getattr(self.host.backbone, 'network', self.host.backbone)
            load_host_weights(network, checkpoint, prefix='backbone.', extra=True)
        elif of_library:
            pass  # LibraryBackbone has loaded them
        elif settings['backbone'].get('init_cfg'):
            self.host.init_weights()
        else:
            self.name += ' (random weights)'
        self.host.eval().requires_grad_(False).to(device or 'cpu')
        self.weights_hash = hash_weights(self.host.backbone)
        self._precision = FrozenPrecision(precision)
        self.size = self.host.size
        self._distortion = DistortionWatch('the encoder', 'choose a data set of square images')
        native_order = normalization['channel_order']
        self._flip = channel_order != native_order
        mean = normalization['mean'] or [0.0] * 3
        std = normalization['std'] or [1.0] * 3
        self._mean = torch.tensor(mean, device=device).view(1, 3, 1, 1)
        self._std = torch.tensor(std, device=device).view(1, 3, 1, 1)
        maps = self._maps(torch.zeros(1, 3, self.size, self.size, device=device))
        self.layers = tuple(self.host.layers or [f'out.{i}' for i in range(len(maps))])
        self.shapes = {layer: tuple(map_.shape[1:]) for layer, map_ in zip(self.layers, maps)}
        settings['backbone'].pop('init_cfg', None)
        record = dict(backbone=settings, mean=mean, std=std, channel_order=native_order)
        self.settings: dict[str, Any] = json.loads(json.dumps(record, default=str))

    def __call__(self, images: Sequence[Tensor]) -> dict[str, Tensor]:
        """Compute the maps of images.

        Args:
            images: (3, H, W) each, 0 to 255.

        Returns:
            ``{layer: (B, C, h, w)}`` on the encoder's device.
        """
        device = self._mean.device
        sized = [self._resized(image[None].to(device).float()) for image in images]
        return dict(zip(self.layers, self._maps(torch.cat(sized))))

    def _resized(self, image: Tensor) -> Tensor:
        if tuple(image.shape[2:]) == (self.size, self.size):
            return image
        self._distortion.check(image.shape[2:], (self.size, self.size))
        return torch.nn.functional.interpolate(
            image, size=(self.size, self.size), mode='bilinear', antialias=True
        )

    @property
    def precision(self) -> str:
        """What a pass computes in, such as ``'float32'``."""
        return self._precision.name_of(self.host)

    @torch.no_grad()
    def _maps(self, images: Tensor) -> Sequence[Tensor]:
        images = images.flip(1) if self._flip else images
        normalized = (images - self._mean) / self._std
        with self._precision.frozen_pass(self.host):
            dtype = self._precision.dtype_of(self.host)
            return [maps.float() for maps in self.host(normalized.to(dtype))]


class EncoderReader:
    """Computes what a bank stores of an :class:`Encoder`.

    Args:
        encoder: What is read.
        channel_order: As given to the encoder.
        pool: Maps are averaged over ``pool`` x ``pool`` cells.
        dtype: What is stored.
        batch_size: Images in a pass.
    """

    def __init__(
        self, encoder: Encoder, channel_order: str, pool: int, dtype: str, batch_size: int
    ) -> None:
        self.encoder = encoder
        self.batch_size = batch_size
        self.dtype = getattr(torch, dtype)
        self.shapes = {
            (0, layer): (encoder.shapes[layer][0], pool, pool) for layer in encoder.layers
        }
        self.recipe = FeatureRecipe(
            weights=encoder.weights_hash,
            settings={'family': 'encoder', **encoder.settings},
            taps=list(encoder.layers),
            timesteps=[0],
            noise_levels=[0.0],
            noise={'type': 'none', 'seed': None},
            size=encoder.size,
            channel_order=channel_order,
            precision=encoder.precision,
            pool=pool,
            dtype=dtype,
            model=encoder.name,
        )

    @property
    def bytes_per_image(self) -> int:
        """Bytes per image in the bank."""
        return stored_bytes(self.shapes, self.dtype)

    def __call__(self, images: Sequence[Tensor]) -> dict[MapKey, Tensor]:
        """Compute the features of images (3, H, W), see ``FeatureReader``."""
        return on_cpu(
            {
                (0, layer): to_stored(maps, self.recipe.pool, self.dtype)
                for layer, maps in self.encoder(images).items()
            }
        )


def parse_encoder(text: str) -> dict[str, str | None]:
    """Split ``CONFIG[=CHECKPOINT]`` into the arguments of :class:`Encoder`."""
    config, _, checkpoint = text.partition('=')
    return dict(config=config, checkpoint=checkpoint or None)


def _library_config(name: str, checkpoint: None | str | Path) -> tuple[Config, str]:
    """Return a config of a network of another library, as a host would have one, and its order."""
    network = name.removeprefix(RANDOM)
    facts = load_encoder(network, init='random')
    if facts.mean is None or facts.std is None:
        raise ValueError(f'the normalization of {network} is unknown.')
    loads = checkpoint is None and network == name
    backbone = dict(
        type='mmdiffrep.LibraryBackbone', name=network, init='pretrained' if loads else 'random'
    )
    host = dict(type='mmdiffrep.HostBackbone', backbone=backbone, size=facts.size)
    model = dict(backbone=host, data_preprocessor=dict(mean=list(facts.mean), std=list(facts.std)))
    return Config(dict(default_scope='mmengine', model=model)), facts.channel_order


def _host_backbone(cfg: Config, size: int | None) -> dict[str, Any]:
    """Config of a ``HostBackbone`` with a size."""
    backbone: Mapping[str, Any] | None = cfg.get('model', {}).get('backbone')
    if not backbone:
        raise ValueError(
            f'{cfg.filename or "The config"} has no model.backbone to read features from.'
        )
    settings = copy.deepcopy(dict(backbone))
    if settings['type'] not in ('HostBackbone', 'mmdiffrep.HostBackbone'):
        with MODELS.switch_scope_and_registry(cfg.get('default_scope')) as registry:
            built_by = registry.get(settings['type'])
        if built_by is None:
            raise ValueError(f'{cfg.get("default_scope")} has no backbone {settings["type"]!r}.')
        if 'out_type' in inspect.signature(built_by).parameters:
            settings['out_type'] = 'featmap'
        settings = dict(type='mmdiffrep.HostBackbone', backbone=settings)
    settings['size'] = size or settings.get('size') or _trained_size(cfg, settings['backbone'])
    return settings


def _trained_size(cfg: Config, backbone: Mapping[str, Any]) -> int:
    """Side of the images that a backbone was trained on, as far as its config says."""
    given = backbone.get('img_size') or (CIFAR_SIZE if reads_cifar(cfg) else DEFAULT_SIZE)
    sides = {given} if isinstance(given, int) else set(given)
    if len(sides) > 1:
        raise ValueError(f'The backbone has img_size={given}, which is not a square: give a size.')
    return sides.pop()

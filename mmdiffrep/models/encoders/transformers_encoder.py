# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Vision networks of transformers: DINOv2, DINOv3, CLIP, SigLIP, ViT, ConvNeXt and others."""

import inspect
from typing import Any

from torch import Tensor, nn

from mmdiffrep.models.encoders.base import LoadedEncoder
from mmdiffrep.utils.versions import require_package

# of image processors, by which their mean and std are not all that happens to values
_UNKNOWN_STEPS = ('rescale_offset', 'include_top')
_OWN_CODE = (
    'networks that bring their own code are not loaded: build the module in Python and give it as '
    'the teacher'
)


def load_transformers(folder: str, pretrained: bool, options: dict[str, Any]) -> LoadedEncoder:
    """Build the image network of a transformers folder; no code in the folder is run.

    Mean, standard deviation and channel order are those of its ``preprocessor_config.json``.

    Args:
        folder: A local folder with ``config.json``, or a hub id.
        pretrained: Whether to load the weights.
        options: Further arguments of ``from_pretrained`` (``from_config`` without weights).

    Raises:
        FileNotFoundError: No such folder or hub id.
        ImportError: transformers is not installed.
        ValueError: Not a network that takes images, or one that needs code of its own.
    """
    transformers = require_package('transformers', 'transformers')
    try:
        config = transformers.AutoConfig.from_pretrained(folder, trust_remote_code=False)
    except ValueError as error:
        raise ValueError(
            f'{folder!r} describes no network of transformers {transformers.__version__}; '
            f'{_OWN_CODE}.'
        ) from error
    except OSError as error:
        raise FileNotFoundError(
            f'{folder!r} is neither a folder with the config.json of a transformers network nor a '
            f'hub id that could be fetched: {str(error).splitlines()[0]}'
        ) from error
    config = getattr(config, 'vision_config', config)  # of CLIP and SigLIP, the part for images
    kind = _network_class(transformers, config)
    network = kind.from_pretrained(folder, config=config, **options) if pretrained else kind(config)
    if getattr(network, 'main_input_name', '') != 'pixel_values':
        raise ValueError(f'{folder!r} holds a {kind.__name__}, which does not take images.')
    patch = getattr(config, 'patch_size', None)
    size = getattr(config, 'image_size', None) or 224
    flexible = 'interpolate_pos_encoding' in inspect.signature(network.forward).parameters
    has_table = any('position_embed' in name for name, _ in network.named_parameters())
    always = type(network).__name__.startswith(('Dinov2', 'DINOv3', 'Dinov3'))
    return LoadedEncoder(
        network=network,
        source=f'transformers:{folder}',
        **_pixels(transformers, folder),
        patch=patch if isinstance(patch, int) else None,
        size=size if isinstance(size, int) else size[0],
        fixed_size=has_table and not (flexible or always),
        multiple=patch if isinstance(patch, int) else 1,
        run=_run_interpolating if flexible and has_table else _run,
    )


def _run(network: nn.Module, images: Tensor) -> Any:
    return network(pixel_values=images)


def _run_interpolating(network: nn.Module, images: Tensor) -> Any:
    return network(pixel_values=images, interpolate_pos_encoding=True)


def _network_class(transformers: Any, config: Any) -> Any:
    try:
        return transformers.AutoModel._model_mapping[type(config)]
    except KeyError:
        raise ValueError(
            f'transformers {transformers.__version__} has no network for {type(config).__name__}; '
            f'{_OWN_CODE}.'
        ) from None


def _pixels(transformers: Any, folder: str) -> dict[str, Any]:
    """Return mean and std on the 0..255 scale, and channel order; nothing that is not stored."""
    try:
        settings, _ = transformers.ImageProcessingMixin.get_image_processor_dict(folder)
    except OSError:
        return {}
    if any(settings.get(key) for key in _UNKNOWN_STEPS):
        return {}
    scale = 1 / settings.get('rescale_factor', 1 / 255) if settings.get('do_rescale', True) else 1
    mean, std = (0.0,) * 3, (1.0,) * 3
    # The processors that flip have no normalization.
    if settings.get('do_normalize', 'do_flip_channel_order' not in settings):
        if not {'image_mean', 'image_std'} <= set(settings):
            return {}
        mean, std = settings['image_mean'], settings['image_std']
    return dict(
        mean=tuple(scale * value for value in mean),
        std=tuple(scale * value for value in std),
        channel_order='bgr' if settings.get('do_flip_channel_order') else 'rgb',
    )

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The registry of families, and the one function that loads any model.

A family is imported when it is asked for, so that reading one model brings in no other.
"""

from collections.abc import Mapping, Sequence
from pkgutil import resolve_name
from typing import Any, TypeVar

import torch

from mmdiffrep.diffusion.denoisers.feature_model import FeatureModel
from mmdiffrep.utils.arguments import check_arguments
from mmdiffrep.utils.near_names import did_you_mean

Family = TypeVar('Family', bound=type[FeatureModel])

_PACKAGE = 'mmdiffrep.diffusion.denoisers'
FAMILIES: dict[str, str | type[FeatureModel]] = {
    'ADMDenoiser': f'{_PACKAGE}.adm:ADMDenoiser',
    'DiTDenoiser': f'{_PACKAGE}.dit:DiTDenoiser',
    'FluxDenoiser': f'{_PACKAGE}.mmdit:FluxDenoiser',
    'LatentDiffusion': 'mmdiffrep.diffusion.image_model:LatentDiffusion',
    'PixArtDenoiser': f'{_PACKAGE}.pixart:PixArtDenoiser',
    'SD3Denoiser': f'{_PACKAGE}.mmdit:SD3Denoiser',
    'UNet2DConditionDenoiser': f'{_PACKAGE}.unet2d_condition:UNet2DConditionDenoiser',
    'UNet2DDenoiser': f'{_PACKAGE}.unet2d:UNet2DDenoiser',
    'VAEDenoiser': f'{_PACKAGE}.vae:VAEDenoiser',
}
"""Families by the name that ``type`` in a config gives them: ``'module:Class'``, or the class."""
_OF_FOLDER = f'{_PACKAGE}.folders:config_of_folder'


def register_family(family: Family) -> Family:
    """Make a subclass of :class:`Denoiser` known to configs and :func:`load_denoiser`.

    Used as a decorator; ``type`` in a config is then the name of the class.

    Raises:
        ValueError: Another family has this name.
    """
    name = family.__name__
    if FAMILIES.get(name, family) is not family:
        raise ValueError(f'There is another family {name!r}: give the class another name.')
    FAMILIES[name] = family
    return family


def find_family(kind: object) -> type[FeatureModel]:
    """Return the family of a ``type``; the prefix ``mmdiffrep.`` may be there.

    Raises:
        ValueError: No such family.
    """
    name = _name(kind)
    if name not in FAMILIES:
        raise ValueError(
            f'The denoiser type must be one of {", ".join(FAMILIES)}, got {kind!r}.'
            f'{did_you_mean(name, FAMILIES)} An own family is added with register_family.'
        )
    family = FAMILIES[name]
    return resolve_name(family) if isinstance(family, str) else family


def model_config(model: str | Mapping[str, Any]) -> dict[str, Any]:
    """Return the config of a model; of a diffusers folder or hub id, by what is in it.

    Raises:
        ValueError: Neither, or an empty name.
    """
    if model == '' or not isinstance(model, (str, Mapping)):
        raise ValueError(
            'a model must be a folder, a hub id, mmdiffrep://<name> or a dict with the type of a '
            f'family, got {model!r}'
        )
    return resolve_name(_OF_FOLDER)(model) if isinstance(model, str) else dict(model)


def load_denoiser(
    cfg: str | Mapping[str, Any],
    taps: Sequence[str] | None = None,
    dtype: None | str | torch.dtype = None,
    latents: bool = False,
) -> FeatureModel:
    """Load a model.

    Args:
        cfg: A diffusers folder (of a pipeline with a VAE: a latent model, read as one of images), a
            hub id or ``mmdiffrep://<name>``; or a dict with ``type``, the
            name of a family (the prefix ``mmdiffrep.`` may be there), and the arguments of that
            class's ``build``.
        taps: Truncate after the last of these; None: keep whole.
        dtype: Precision of the weights; None: that of the config, or float32.
        latents: Of a latent model load the denoiser of latents alone, with its condition.

    Raises:
        ValueError: Unknown type or argument.
        FileNotFoundError: No such model.
        TapError: Unknown taps.
    """
    args = model_config(cfg)
    if 'type' not in args:
        raise ValueError(
            f"A model's dict needs a type, such as 'mmdiffrep.UNet2DDenoiser', got {args!r}."
        )
    if dtype is not None:
        args['dtype'] = dtype
    kind = str(args.pop('type'))
    family: Any = find_family(kind)
    alone = latents and _name(kind) == 'LatentDiffusion'
    load = family.load_latent if alone else family.build
    owner = 'A latent model without its VAE' if alone else _name(kind)
    check_arguments(args, load, owner, hidden=['taps'])
    return load(**args, taps=taps)


def prompted(cfg: str | Mapping[str, Any], prompt: str) -> dict[str, Any]:
    """Return the config of a model of text and images with another prompt.

    Raises:
        ValueError: A model that takes no prompt.
    """
    args = model_config(cfg)
    if _name(args.get('type')) != 'LatentDiffusion':
        raise ValueError(
            f'{args.get("pretrained", args.get("type"))!r} takes no prompt: it is not the folder '
            'of a pipeline with a VAE and text encoders.'
        )
    return dict(args, prompt=prompt)


def reads_in_part(cfg: str | Mapping[str, Any]) -> bool:
    """Whether only the weights that outlive a cut are read, in the asked precision."""
    args = model_config(cfg)
    known = 'dtype' not in args and _name(args.get('type')) in FAMILIES
    return known and find_family(args['type']).reads_in_part


def _name(kind: object) -> str:
    return str(kind).removeprefix('mmdiffrep.')

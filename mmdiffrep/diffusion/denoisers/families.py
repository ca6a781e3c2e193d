# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The registry of families, and the one function that loads any model."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch

from mmdiffrep.diffusion.checkpoints import read_json, resolve_folder
from mmdiffrep.diffusion.denoisers.adm import ADMDenoiser
from mmdiffrep.diffusion.denoisers.base import Denoiser
from mmdiffrep.diffusion.denoisers.dit import DiTDenoiser
from mmdiffrep.diffusion.denoisers.from_folder import FolderDenoiser
from mmdiffrep.diffusion.denoisers.mmdit import FluxDenoiser, SD3Denoiser
from mmdiffrep.diffusion.denoisers.pixart import PixArtDenoiser
from mmdiffrep.diffusion.denoisers.unet2d import UNet2DDenoiser
from mmdiffrep.diffusion.denoisers.unet2d_condition import UNet2DConditionDenoiser
from mmdiffrep.utils.checks import check_arguments, did_you_mean

Family = TypeVar('Family', bound=type[Denoiser])

FAMILIES: dict[str, type[Denoiser]] = {}
"""Families by the name that ``type`` in a config gives them."""

# Class of the network in a diffusers folder -> family.
_BY_NETWORK: dict[str, type[Denoiser]] = {
    'DiTTransformer2DModel': DiTDenoiser,
    'FluxTransformer2DModel': FluxDenoiser,
    'PixArtTransformer2DModel': PixArtDenoiser,
    'SD3Transformer2DModel': SD3Denoiser,
    'Transformer2DModel': DiTDenoiser,  # older name of DiT
    'UNet2DConditionModel': UNet2DConditionDenoiser,
    'UNet2DModel': UNet2DDenoiser,
}


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


for _family in (ADMDenoiser, *_BY_NETWORK.values()):
    register_family(_family)


def load_denoiser(
    cfg: str | Mapping[str, Any],
    taps: Sequence[str] | None = None,
    dtype: None | str | torch.dtype = None,
) -> Denoiser:
    """Load a model.

    Args:
        cfg: A diffusers folder (of a pipeline with a VAE: a latent model, read as one of images), a
            hub id or ``mmdiffrep://<name>``; or a dict with ``type``, the
            name of a family (the prefix ``mmdiffrep.`` may be there), and the arguments of that
            class's ``build``.
        taps: Truncate after the last of these; None: keep whole.
        dtype: Precision of the weights; None: that of the config, or float32.

    Raises:
        ValueError: Unknown type or argument.
        FileNotFoundError: No such model.
        TapError: Unknown taps.
    """
    if isinstance(cfg, str):
        return FAMILIES[family_name(cfg)].build(pretrained=cfg, taps=taps, dtype=dtype)
    args = dict(cfg)
    if dtype is not None:
        args['dtype'] = dtype
    kind = str(args.pop('type', None))
    name = kind.removeprefix('mmdiffrep.')
    if name not in FAMILIES:
        raise ValueError(
            f'Unknown denoiser type {kind!r}.{did_you_mean(name, FAMILIES)} Known are '
            f'{", ".join(FAMILIES)}; an own family is added with register_family.'
        )
    family = FAMILIES[name]
    check_arguments(args, family.build, name, hidden=['taps'])
    return family.build(**args, taps=taps)


def prompted(cfg: str | Mapping[str, Any], prompt: str) -> dict[str, Any]:
    """Return the config of a model of text and images with another prompt.

    Raises:
        ValueError: A model that takes no prompt.
    """
    args = dict(cfg) if isinstance(cfg, Mapping) else dict(type=family_name(cfg), pretrained=cfg)
    if str(args.get('type')).removeprefix('mmdiffrep.') != 'LatentDiffusion':
        raise ValueError(
            f'{args.get("pretrained", args.get("type"))!r} takes no prompt: it is not the folder '
            'of a pipeline with a VAE and text encoders.'
        )
    return dict(args, prompt=prompt)


def reads_in_part(cfg: str | Mapping[str, Any]) -> bool:
    """Whether only the weights that outlive a cut are read, in the asked precision."""
    if isinstance(cfg, str):
        name = family_name(cfg)
    else:
        name = str(cfg.get('type')).removeprefix('mmdiffrep.')
        if 'dtype' in cfg:
            return False
    family = FAMILIES.get(name)
    is_part = family is not None and issubclass(family, FolderDenoiser)
    return is_part or name == 'LatentDiffusion'


def family_name(folder: str) -> str:
    """Return the ``type`` of what a diffusers folder is loaded as."""
    root = resolve_folder(folder)
    has_vae = (root / 'vae' / 'config.json').is_file()
    return 'LatentDiffusion' if has_vae else family_of_folder(root).__name__


def family_of_folder(root: Path) -> type[Denoiser]:
    """Tell the family of a diffusers folder by the class of its network."""
    for folder in (root / 'transformer', root / 'unet', root):
        if (folder / 'config.json').is_file():
            kind = read_json(folder / 'config.json').get('_class_name')
            if kind not in _BY_NETWORK:
                raise ValueError(
                    f"'{folder / 'config.json'}' describes a {kind}, which no family reads. Known "
                    f'are {", ".join(_BY_NETWORK)}; an own family is added with register_family.'
                )
            return _BY_NETWORK[kind]
    return UNet2DDenoiser  # which says what is missing

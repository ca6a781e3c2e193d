# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Denoisers: pre-trained diffusion networks of several families behind one contract."""

from collections.abc import Mapping, Sequence
from typing import Any

from mmdiffrep.diffusion.checkpoints import resolve_folder
from mmdiffrep.diffusion.denoisers.adm import ADMDenoiser
from mmdiffrep.diffusion.denoisers.base import Denoiser
from mmdiffrep.diffusion.denoisers.dit import DiTDenoiser
from mmdiffrep.diffusion.denoisers.unet2d import UNet2DDenoiser
from mmdiffrep.utils.checks import check_arguments

_FAMILIES = {
    'UNet2DDenoiser': UNet2DDenoiser,
    'ADMDenoiser': ADMDenoiser,
    'DiTDenoiser': DiTDenoiser,
}

__all__ = ['ADMDenoiser', 'Denoiser', 'DiTDenoiser', 'UNet2DDenoiser', 'load_denoiser']


def load_denoiser(cfg: str | Mapping[str, Any], taps: Sequence[str] | None = None) -> Denoiser:
    """Build a denoiser from a config.

    Args:
        cfg: A diffusers folder (a pipeline with ``transformer/`` is a DiT, any other model a
            U-Net), a hub id or ``mmdiffrep://<name>``; or a dict with ``type``
            (``'UNet2DDenoiser'``, ``'ADMDenoiser'`` or ``'DiTDenoiser'``; the prefix
            ``mmdiffrep.`` may be there) and the arguments of that class's ``build``.
        taps: Truncate after the last of these; None: keep whole.

    Raises:
        ValueError: Unknown type or argument.
        FileNotFoundError: No such model.
        TapError: Unknown taps.
    """
    if isinstance(cfg, str):
        is_dit = (resolve_folder(cfg) / 'transformer').is_dir()
        return (DiTDenoiser if is_dit else UNet2DDenoiser).from_pretrained(cfg, taps=taps)
    args = dict(cfg)
    kind = str(args.pop('type', None))
    name = kind[len('mmdiffrep.') :] if kind.startswith('mmdiffrep.') else kind
    if name not in _FAMILIES:
        raise ValueError(f'Unknown denoiser type {kind!r}; known are {", ".join(_FAMILIES)}.')
    family = _FAMILIES[name]
    check_arguments(args, family.build, name, hidden=['taps'])
    return family.build(**args, taps=taps)

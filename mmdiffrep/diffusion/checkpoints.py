# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Find the folders of diffusers models, on the disk or the hub, and read what is in them."""

import logging
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, TypeVar

from diffusers import ModelMixin, UNet2DModel
from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError
from safetensors import SafetensorError

from mmdiffrep.diffusion.schedule import build_schedule
from mmdiffrep.diffusion.schedule_base import Schedule
from mmdiffrep.diffusion.stored_config import read_json, read_network
from mmdiffrep.diffusion.unknown_schedule import UnknownSchedule
from mmdiffrep.utils.state_fit import check_fit

Network = TypeVar('Network', bound=ModelMixin)

logger = logging.getLogger('mmdiffrep')

_ASSETS = Path(__file__).parents[1] / 'assets'
_ASSET_PREFIX = 'mmdiffrep://'
_HUB_ID = re.compile(r'[\w.-]+/[\w.-]+')
# What diffusers and torch raise for a config.json that describes no network.
_BUILD_ERRORS = (
    *(OSError, ValueError, TypeError, RuntimeError),
    *(AttributeError, IndexError, KeyError, ZeroDivisionError),
)
_DESCRIPTIONS = ['model_index.json', 'config.json', 'scheduler_config.json']
_NETWORKS = ['unet', 'transformer', 'vae']
_TEXT = ['tokenizer*/*', 'text_encoder*/*.json']
_VARIANTS = ['*.fp16*', '*.non_ema*']  # the same weights again


def resolve_folder(path_or_id: str) -> Path:
    """Find the folder of a diffusers model, fetching it from the hub when it is not local.

    Args:
        path_or_id: A local folder, a hub id such as ``google/ddpm-cifar10-32``, or
            ``mmdiffrep://<name>`` for a model that comes with the package.

    Raises:
        FileNotFoundError: No such folder or model; says how to give a local one.
        ValueError: It is a file.
    """
    if path_or_id.startswith(_ASSET_PREFIX):
        folder = _ASSETS / path_or_id[len(_ASSET_PREFIX) :]
        if not folder.is_dir():
            known = sorted(entry.name for entry in _ASSETS.glob('*/') if entry.is_dir())
            raise FileNotFoundError(
                f"The package has no model '{path_or_id}'; it has "
                f'{[_ASSET_PREFIX + name for name in known]}.'
            )
        return folder
    folder = Path(path_or_id).expanduser()
    if folder.is_dir():
        return folder
    if folder.is_file():
        raise ValueError(
            f"'{path_or_id}' is a file, but a diffusers model is a folder. A checkpoint of "
            "guided-diffusion is given as dict(type='ADMDenoiser', checkpoint=..., <its flags>)."
        )
    if not _HUB_ID.fullmatch(path_or_id):
        raise FileNotFoundError(
            f"'{path_or_id}' is neither an existing folder nor a hub id (<owner>/<name>). Give the "
            'folder of a diffusers model: one with model_index.json, or a U-Net with config.json. '
            'A folder work_dirs/NAME/denoiser is what training with configs/ddpm/NAME.py leaves.'
        )
    return _download(path_or_id)


def load_unet2d(
    path_or_id: str, schedule: None | str | Mapping[str, Any] = None
) -> tuple[UNet2DModel, Schedule]:
    """Load an unconditional or class-conditional diffusers U-Net and its noise schedule.

    Args:
        path_or_id: See :func:`resolve_folder`; a pipeline's folder or that of a bare U-Net.
        schedule: See :func:`~mmdiffrep.diffusion.schedule.build_schedule`; None: that of the
            folder, see :func:`read_schedule`.

    Returns:
        The network in fp32 (whatever the stored precision) and its schedule.

    Raises:
        FileNotFoundError: No such model.
        ValueError: Not a ``UNet2DModel``, or weights that are damaged or do not fit the config.
    """
    root = resolve_folder(path_or_id)
    folder = component_folder(root, 'unet', 'diffusers U-Net')
    advice = 'UNet2DDenoiser reads unconditional or class-conditional pixel models.'
    read_network(folder, ['UNet2DModel'], advice)
    found = read_schedule(root) if schedule is None else build_schedule(schedule)
    return load_network(UNet2DModel, folder), found


def _download(hub_id: str) -> Path:
    weights = 'diffusion_pytorch_model*'
    places = ['', *(f'{network}/' for network in _NETWORKS)]
    wanted = [*_DESCRIPTIONS, *_TEXT, *(f'{folder}/*.json' for folder in (*_NETWORKS, 'scheduler'))]
    safe = [*(f'{place}{weights}.safetensors' for place in places), 'text_encoder*/*.safetensors']
    pickled = [f'{place}{weights}.bin' for place in places]
    try:
        for patterns, ignored in ((safe, _VARIANTS), (safe, []), (pickled, [])):
            folder = Path(
                snapshot_download(hub_id, allow_patterns=wanted + patterns, ignore_patterns=ignored)
            )
            if any(folder.rglob('*.safetensors')):
                break
    except (OSError, HfHubHTTPError, HFValidationError, LocalEntryNotFoundError) as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise FileNotFoundError(
            f"'{hub_id}' is not a local folder, and it could not be fetched from the model hub: "
            f'{reason} Without a network, fetch the model elsewhere and give the path of its '
            'folder (with model_index.json or config.json) in place of the id.'
        ) from error
    return folder


def check_one_layout(folder: Path, variant: str = '') -> None:
    """Refuse a folder with one file of weights and an index of shards: which is the newer model?

    Args:
        folder: Of the network.
        variant: The one that is read, such as ``'fp16'``; ``''``: the plain files.

    Raises:
        ValueError: Both are there.
    """
    suffix = f'.{variant}' if variant else ''
    single = f'diffusion_pytorch_model{suffix}.safetensors'
    index = f'diffusion_pytorch_model.safetensors.index{suffix}.json'
    if (folder / single).is_file() and (folder / index).is_file():
        raise ValueError(
            f"'{folder}' has {single} and {index}, which may be the weights of two models: delete "
            'the one that is not wanted, and with the index its shards.'
        )


def load_network(kind: type[Network], folder: Path, ignored: Collection[str] = ()) -> Network:
    """Load a diffusers network from its own folder, in fp32 whatever the stored precision.

    Args:
        kind: Class of the network.
        folder: With ``config.json`` and ``diffusion_pytorch_model*``.
        ignored: Names of weights that may be there in vain.

    Raises:
        ValueError: Weights that are damaged, do not fit the config, or are there in two layouts.
    """
    stored = {path.name for path in folder.glob('diffusion_pytorch_model*')}
    only_half = bool(stored) and all('.fp16' in name for name in stored)  # shards: .fp16-00001
    variant = 'fp16' if only_half else None
    check_one_layout(folder, variant or '')
    try:
        loaded: Any = kind.from_pretrained(str(folder), variant=variant, output_loading_info=True)
    except (*_BUILD_ERRORS, SafetensorError) as error:
        raise ValueError(
            f"The weights in '{folder}' ({sorted(stored) or 'no diffusion_pytorch_model file'}) "
            f'could not be read, or its config.json does not describe a network: {error} '
            'Check that the folder is complete.'
        ) from error
    network, report = loaded
    wrong = {key: {*report[f'{key}_keys']} - {*ignored} for key in ('missing', 'unexpected')}
    check_fit(f"'{folder}'", 'its config.json', wrong)
    return network.float()


def weight_files(path_or_id: str, name: str) -> list[Path]:
    """List the files of the weights of a network that was loaded from a folder.

    Args:
        path_or_id: See :func:`resolve_folder`.
        name: Of the component, such as ``'unet'``.
    """
    folder = component_folder(resolve_folder(path_or_id), name, name)
    return sorted(path for path in folder.glob('diffusion_pytorch_model*') if path.is_file())


def component_folder(root: Path, name: str, what: str) -> Path:
    """Find a network in a pipeline's folder, or in a folder of its own.

    Args:
        root: The folder.
        name: Of the component, such as ``'unet'``.
        what: The network, for the error.

    Raises:
        FileNotFoundError: Neither ``<name>/config.json`` nor ``config.json``.
    """
    for folder in (root / name, root):
        if (folder / 'config.json').is_file():
            _name_averaged(root, name)
            return folder
    raise FileNotFoundError(
        f"'{root}' holds no {what}, that is {name}/config.json or config.json, but "
        f'{sorted(entry.name for entry in root.iterdir())[:12]}.'
    )


def _name_averaged(root: Path, name: str) -> None:
    averaged = root / f'{name}_ema'
    if (root / name).is_dir() and averaged.is_dir():
        logger.warning(
            "'%s' holds the averaged weights too, which usually give better features: give '%s' to "
            'read them.',
            *(root, averaged),
        )


def read_schedule(root: Path) -> Schedule:
    """Read the noise schedule of a diffusers folder.

    Args:
        root: Folder of a pipeline, or of one of its networks: the scheduler is looked for in it and
            beside it. Of a folder without one the schedule is unknown: noise cannot be added.

    Raises:
        ValueError: A scheduler whose class is not known.
    """
    places = (root / 'scheduler', root, root.resolve().parent / 'scheduler')
    for folder in places:
        path = folder / 'scheduler_config.json'
        if path.is_file():
            config = read_json(path)
            try:
                return build_schedule(config)
            except (ValueError, TypeError, RuntimeError) as error:
                raise ValueError(f"'{path}': {error}") from error
    return UnknownSchedule(str(root))

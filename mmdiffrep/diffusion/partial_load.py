# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Load the weights that outlive a cut, in the asked precision, straight from safetensors.

The network is built without weights, cut, and then filled: the whole network never exists, neither
in memory nor in float32.
"""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import nn

from mmdiffrep.diffusion.checkpoints import check_one_layout, read_json
from mmdiffrep.utils.existing_files import require_file
from mmdiffrep.utils.state_fit import check_fit

_NAME = 'diffusion_pytorch_model'
_VARIANTS = ('', 'fp16', 'bf16', 'ema', 'non_ema')
_FUSE = (
    'The names are those of an adapter: fuse it first, pipeline.fuse_lora() and '
    'pipeline.unload_lora_weights() before save_pretrained().'
)
_MAPPED = 16 * 2**20  # numbers that are read before a file is opened anew


def build_without_weights(kind: Any, config: Mapping[str, Any]) -> Any:
    """Build a diffusers network with its parameters on the meta device, in eval mode.

    Buffers, such as tables of positions, are computed as usual.
    """
    with _parameters_on_meta():
        network = kind.from_config(dict(config))
    return network.eval()


def find_weights(
    folder: Path, variant: str | None = None, weights: str | Path | None = None
) -> dict[str, Path]:
    """Find the safetensors file of each tensor of a diffusers network.

    Args:
        folder: Folder of the network, with one file or with shards and their index.
        variant: ``'fp16'``, ``'non_ema'``, ...; None: the plain files, else the first variant that
            is there.
        weights: A file that is read in place of the folder's.

    Returns:
        Name of the tensor -> file.

    Raises:
        FileNotFoundError: No such files; a shard is missing.
        ValueError: A damaged file, an index that points out of its folder, or two layouts.
    """
    if weights is not None:
        require_file(weights, 'Give a safetensors file of weights.')
        return dict.fromkeys(_names_in(Path(weights)), Path(weights))
    variants = _VARIANTS if variant is None else (variant,)
    for name in variants:
        suffix = f'.{name}' if name else ''
        single = folder / f'{_NAME}{suffix}.safetensors'
        index = folder / f'{_NAME}.safetensors.index{suffix}.json'
        check_one_layout(folder, name)
        if index.is_file():
            return _read_index(index)
        if single.is_file():
            return dict.fromkeys(_names_in(single), single)
    found = sorted(path.name for path in folder.glob(f'{_NAME}*'))
    wanted = '' if variant is None else f' of the variant {variant!r}'
    raise FileNotFoundError(
        f"'{folder}' has no safetensors weights{wanted}, but {found or 'no weights at all'}. "
        'Convert pickled weights where you trust them: network.save_pretrained(folder).'
    )


def load_surviving(
    network: Any,
    files: Mapping[str, Path],
    whole: Collection[str],
    dtype: torch.dtype,
) -> None:
    """Fill a network on the meta device with the tensors that it still has.

    Args:
        network: The network, cut or whole, changed in place.
        files: See :func:`find_weights`.
        whole: Names of all tensors of the whole network.
        dtype: Precision of the weights.

    Raises:
        ValueError: Tensors that are missing, of another shape, or that the whole network has no
            place for; an adapter (LoRA) that was not fused.
    """
    wanted = network.state_dict()
    missing = sorted(set(wanted) - set(files))
    unexpected = sorted(set(files) - set(whole))
    source = next(iter(files.values())).parent if files else 'the folder'
    adapter = any('lora' in name or 'base_layer' in name for name in unexpected)
    problems = dict(missing=missing, unexpected=unexpected)
    check_fit(f"'{source}'", 'its config.json', problems, _FUSE if adapter else '')
    by_file: dict[Path, list[str]] = {}
    for name in wanted:
        by_file.setdefault(files[name], []).append(name)
    state = {}
    for path, names in _parts(by_file, wanted):
        with _opened(path) as file:
            for name in names:
                value = file.get_tensor(name)
                if value.shape != wanted[name].shape:
                    raise ValueError(
                        f"'{name}' in '{path}' has shape {tuple(value.shape)}, where config.json "
                        f'says {tuple(wanted[name].shape)}.'
                    )
                # copied: in the mapped file a tensor need not be aligned, which costs exactness
                kind = dtype if value.is_floating_point() else value.dtype
                state[name] = value.to(kind, copy=True)
    network.load_state_dict(state, assign=True)


def _parts(
    by_file: Mapping[Path, list[str]], wanted: Mapping[str, torch.Tensor]
) -> Iterator[tuple[Path, list[str]]]:
    """Yield files with some of their tensors: what has been read of an open file stays mapped."""
    for path, names in by_file.items():
        part: list[str] = []
        size = 0
        for name in names:
            part.append(name)
            size += wanted[name].numel()
            if size > _MAPPED:
                yield path, part
                part, size = [], 0
        yield path, part


def _read_index(index: Path) -> dict[str, Path]:
    places = read_json(index).get('weight_map')
    if not isinstance(places, dict):
        raise ValueError(f"'{index}' has no weight_map: it is damaged or not an index of shards.")
    folder = index.parent
    for name in set(places.values()):
        if not isinstance(name, str) or Path(name).name != name:
            raise ValueError(f"'{index}' points out of its folder, to {name!r}; it is not read.")
        if not (folder / name).is_file():
            raise FileNotFoundError(f"'{index}' names '{name}', which is missing. Fetch it again.")
    return {tensor: folder / name for tensor, name in places.items()}


def _names_in(path: Path) -> list[str]:
    with _opened(path) as file:
        return list(file.keys())


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        with safe_open(str(path), framework='pt') as file:
            yield file
    except (SafetensorError, OSError) as error:
        raise ValueError(
            f"'{path}' ({path.stat().st_size} bytes) is damaged or incomplete: {error}. "
            'Fetch or save it again.'
        ) from error


@contextmanager
def _parameters_on_meta() -> Iterator[None]:
    """Put every parameter that is created on the meta device, and leave buffers alone."""
    register = nn.Module.register_parameter

    def on_meta(module: nn.Module, name: str, parameter: nn.Parameter | None) -> None:
        if parameter is not None and not parameter.is_meta:
            parameter = nn.Parameter(parameter.to('meta'), parameter.requires_grad)
        register(module, name, parameter)

    nn.Module.register_parameter = on_meta  # type: ignore[method-assign]
    try:
        yield
    finally:
        nn.Module.register_parameter = register  # type: ignore[method-assign]

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""List the taps of a diffusion model: name, channels, stride, cost.

Examples:
    python tools/list_taps.py mmdiffrep://toyfaces_ddpm_64
    python tools/list_taps.py google/ddpm-celebahq-256
    python tools/list_taps.py adm-256-uncond --size 512
    python tools/list_taps.py adm:image_size=64,num_channels=64,attention_resolutions=16,8 --json
    python tools/list_taps.py mmdiffrep://toyfaces_ddpm_64 --images DIR --timesteps 50 200

With --images it also prints the rank of each map on some images of a folder, and that of the same
network with random weights: see docs/howto_train_ddpm.md.
"""

import argparse
import inspect
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor

from mmdiffrep.datasets.preparation.image_folder import look_through
from mmdiffrep.diffusion.denoisers import Denoiser, load_denoiser
from mmdiffrep.diffusion.denoisers.adm import ADMDenoiser
from mmdiffrep.diffusion.denoisers.adm_presets import ADM_PRESETS
from mmdiffrep.diffusion.denoisers.families import find_family, model_config, reads_in_part
from mmdiffrep.diffusion.input_range import DenoiserInput
from mmdiffrep.diffusion.map_ranks import MapRank, map_ranks
from mmdiffrep.diffusion.tap_costs import tap_costs
from mmdiffrep.utils.image_files import read_rgb


def parse_model(model: str) -> str | dict[str, Any]:
    """Turn the argument MODEL into what ``load_denoiser`` takes.

    Args:
        model: A diffusers folder, a hub id, ``mmdiffrep://<name>``, the name of an ADM preset, or
            ``adm:`` with guided-diffusion's flags, ``name=value`` separated by commas.

    Raises:
        ValueError: An unknown preset or flag, or a value of a wrong type.
    """
    if model in ADM_PRESETS:
        return dict(type='ADMDenoiser', **ADM_PRESETS[model])
    if model.startswith('adm-') and not Path(model).exists():
        raise ValueError(f'ADM has no preset {model!r}; it has {", ".join(ADM_PRESETS)}.')
    if not model.startswith('adm:'):
        return model
    parameters = inspect.signature(ADMDenoiser.build).parameters.values()
    # Weights and precision (default None) change nothing here.
    known = {flag.name: type(flag.default) for flag in parameters if flag.default is not None}
    flags: dict[str, Any] = {}
    # A comma also separates numbers within a value, as in attention_resolutions=32,16,8.
    for assignment in re.split(r',(?=\w+=)', model[len('adm:') :]):
        name, _, text = assignment.partition('=')
        if name not in known:
            raise ValueError(f'ADM has no flag {name!r}; it has {", ".join(known)}.')
        kind = known[name]
        if kind is bool and text not in ('True', 'False'):
            raise ValueError(f'{name} must be True or False, got {text!r}.')
        try:
            flags[name] = text == 'True' if kind is bool else kind(text)
        except ValueError:
            raise ValueError(f'{name} must be of type {kind.__name__}, got {text!r}.') from None
    return dict(type='ADMDenoiser', **flags)


def load_on_meta(cfg: str | dict[str, Any]) -> Denoiser:
    """Load a model on the meta device, without its weights where they are not needed for that."""
    if isinstance(cfg, str) and reads_in_part(cfg):
        family = find_family(model_config(cfg)['type'])
        if hasattr(family, 'without_weights'):
            return family.without_weights(cfg)
    if isinstance(cfg, str):
        return load_denoiser(cfg).to('meta')
    with torch.device('meta'):
        return load_denoiser(cfg)


def describe(
    denoiser: Denoiser, size: int | None = None, modules: bool = False
) -> list[dict[str, Any]]:
    """Return one row for every tap, in the order of a pass.

    Args:
        denoiser: A whole denoiser on the meta device.
        size: Side of the image that the cost is counted for; None: the trained one.
        modules: Also list every submodule that can be tapped.
    """
    names = [*denoiser.taps, *(denoiser.taps.module_taps() if modules else ())]
    costs = tap_costs(denoiser, names, size)
    rows = [
        dict(name=name, **denoiser.taps[name]._asdict(), flops_share=round(costs[name], 4))
        for name in names
    ]
    return sorted(rows, key=lambda row: row['flops_share']) if modules else rows


def read_images(folder: str, number: int, size: int) -> Tensor:
    """Read the first images of a folder as RGB (B, 3, size, size) in [-1, 1].

    Raises:
        FileNotFoundError: There is no such folder.
        ValueError: There is no image in it that can be read.
    """
    found = look_through(folder)
    if found.bad:
        listed = '\n  '.join(found.bad_lines())
        print(f'{len(found.bad)} files cannot be read:\n  {listed}', file=sys.stderr)
    to_unit = DenoiserInput(channel_order='rgb', size=size)
    images = [
        to_unit(torch.from_numpy(read_rgb(str(found.folder / name))).permute(2, 0, 1)[None])
        for name in sorted(found.images)[:number]
    ]
    if not images:
        raise ValueError(f'No image of {folder} can be read: {found.bad_lines()[0]}')
    return torch.cat(images)


def add_ranks(
    rows: list[dict[str, Any]],
    cfg: str | dict[str, Any],
    folder: str,
    timesteps: Sequence[int],
    number: int,
    size: int | None,
) -> None:
    """Add ``ranks`` to the rows: by timestep, that of the model and of random weights."""
    denoiser = load_denoiser(cfg).freeze()
    images = read_images(folder, number, size or denoiser.image_size)
    ranks = map_ranks(denoiser, images, [row['name'] for row in rows], timesteps)
    for row in rows:
        row['ranks'] = {
            t: {k: round(v, 2) for k, v in ranks[t, row['name']]._asdict().items()}
            for t in timesteps
        }


def print_table(rows: Sequence[dict[str, Any]], title: str) -> None:
    """Print the rows for a person."""
    table = Table()
    table.add_column('tap', overflow='fold')
    timesteps = list(rows[0].get('ranks', {}))
    ranks = [f'rank / random, t = {t}' for t in timesteps]
    for column in ('channels', 'stride', 'FLOPs up to there', *ranks):
        table.add_column(column, justify='right')
    for row in rows:
        share = f'{row["flops_share"]:.1%}'
        found = row.get('ranks', {}).values()
        cells = [
            f'{value["rank"]:.1f} / {value["random"]:.1f} = {MapRank(**value).share:.2f}'
            for value in found
        ]
        table.add_row(row['name'], str(row['channels']), str(row['stride']), share, *cells)
    print(title)
    Console().print(table)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        'model',
        metavar='MODEL',
        help='diffusers folder, hub id, mmdiffrep://<name>, adm:<flags>, or one of '
        + ', '.join(ADM_PRESETS),
    )
    parser.add_argument('--size', type=int, help='side of the image; default: the trained one')
    parser.add_argument('--modules', action='store_true', help='also list every submodule')
    parser.add_argument('--json', action='store_true', help='print JSON instead of a table')
    parser.add_argument('--images', metavar='DIR', help='measure ranks on images of this folder')
    parser.add_argument('--timesteps', type=int, nargs='+', default=[50])
    parser.add_argument('--num-images', type=int, default=16, help='of the folder (default: 16)')
    args = parser.parse_args(arguments)
    try:
        cfg = parse_model(args.model)
        denoiser = load_on_meta(cfg)
        rows = describe(denoiser, args.size, args.modules)
        if args.images:
            add_ranks(rows, cfg, args.images, args.timesteps, args.num_images, args.size)
    except (FileNotFoundError, ValueError) as error:
        parser.exit(2, f'{error}\n')
    if args.json:
        print(json.dumps(rows, indent=2))
    else:
        size = args.size or denoiser.image_size
        print_table(
            rows, f'{args.model} at {size} x {size} px, T = {denoiser.schedule.num_timesteps}'
        )


if __name__ == '__main__':
    main()

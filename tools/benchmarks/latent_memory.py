# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Measure the memory of a cut Stable Diffusion U-Net: its weights, a pass, several draws.

Writes a U-Net of Stable Diffusion 1.5's shape with random weights as sharded bfloat16 safetensors
(1.7 GB at full width, written once), loads it cut, and measures every step in a process of its own.

    python tools/benchmarks/latent_memory.py --folder work_dirs/sd15_random
    python tools/benchmarks/latent_memory.py --folder work_dirs/sd15_quarter --width 80 --size 256
"""

import argparse
import json
import multiprocessing
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from diffusers import DDPMScheduler, UNet2DConditionModel
from measure import peak_bytes
from safetensors.torch import save_file
from torch import Tensor

from mmdiffrep.diffusion import Denoiser, load_denoiser
from mmdiffrep.diffusion.features import read_features
from mmdiffrep.diffusion.memory import pass_bytes, weight_bytes
from mmdiffrep.diffusion.noise import build_noise
from mmdiffrep.testing.live_bytes import LiveBytes

MB = 1e6
_NAME = 'diffusion_pytorch_model'
_SHARD = 200 * MB


class Job(NamedTuple):
    """A measurement in a process of its own.

    Attributes:
        folder: The U-Net.
        tap: Where it is cut.
        dtype: Of the weights.
        size: Side of the image in pixels.
        draws: Draws that are averaged; 0: only loads.
    """

    folder: str
    tap: str
    dtype: str
    size: int
    draws: int


def shape_of(width: int) -> dict[str, Any]:
    """Return the config of Stable Diffusion 1.5's U-Net, whose first block has 320 channels."""
    return dict(
        sample_size=64,
        cross_attention_dim=768,
        attention_head_dim=8,
        norm_num_groups=min(32, width // 8),
        block_out_channels=(width, 2 * width, 4 * width, 4 * width),
    )


def write_random(folder: Path, config: Mapping[str, Any]) -> int:
    """Write a U-Net with random bfloat16 weights, shard by shard; return the bytes of the weights.

    Args:
        folder: Target folder; existing files are kept.
        config: Arguments of ``UNet2DConditionModel``.
    """
    with torch.device('meta'):
        network: Any = UNet2DConditionModel(**config)
    shapes = {name: value.shape for name, value in network.state_dict().items()}
    total = sum(2 * shape.numel() for shape in shapes.values())
    index = folder / f'{_NAME}.safetensors.index.json'
    if index.is_file():
        return total
    network.save_config(folder)
    DDPMScheduler(beta_schedule='scaled_linear').save_pretrained(folder)
    places: dict[str, str] = {}
    shard: dict[str, Tensor] = {}
    generator = torch.Generator().manual_seed(0)
    for name, shape in shapes.items():
        values = torch.randn(shape, generator=generator).mul_(0.02)
        shard[name] = (values + 1 if name.endswith('norm.weight') else values).bfloat16()
        if sum(value.nbytes for value in shard.values()) > _SHARD:
            _write(folder, shard, places)
    _write(folder, shard, places)
    index.write_text(json.dumps(dict(metadata=dict(total_size=total), weight_map=places)))
    return total


def _write(folder: Path, shard: dict[str, Tensor], places: dict[str, str]) -> None:
    name = f'{_NAME}-{len(set(places.values())) + 1:05d}.safetensors'
    save_file(shard, folder / name)
    places.update(dict.fromkeys(shard, name))
    shard.clear()


def load(job: Job) -> Denoiser:
    """Load the U-Net of a job, cut after its tap."""
    return load_denoiser(job.folder, taps=[job.tap], dtype=job.dtype).freeze()


def measure(job: Job) -> dict[str, int]:
    """Measure a job, in bytes: parameters, peak of loading; live tensors of a pass, and its map."""
    found: dict[str, Any] = {}

    def do_load() -> None:
        found['denoiser'] = load(job)

    loading = peak_bytes(do_load, 'cpu')
    denoiser: Denoiser = found['denoiser']
    result = dict(parameters=weight_bytes(denoiser), loading=loading)
    if not job.draws:
        return result
    latents = torch.randn(1, 4, job.size // 8, job.size // 8)
    cond = denoiser.example_condition('cpu')

    noise = build_noise('shared')
    with LiveBytes() as count:
        maps = read_features(denoiser, latents, [261], [job.tap], noise, cond, draws=job.draws)
    estimate = pass_bytes(denoiser, [job.tap], job.size // 8, job.size // 8)
    return dict(result, passes=count.peak, map=maps[261, job.tap].nbytes, estimate=estimate)


def in_own_process(call: Callable[..., Any], *args: Any) -> Any:
    """Call a function in a fresh process: this one keeps memory that it has freed."""
    with multiprocessing.get_context('spawn').Pool(1) as pool:
        return pool.apply(call, args)


def report(args: argparse.Namespace) -> dict[str, dict[str, int]]:
    """Print a measurement in MB (1e6 bytes) and return it."""
    config = shape_of(args.width)
    folder = Path(args.folder)
    folder.mkdir(parents=True, exist_ok=True)
    whole = in_own_process(write_random, folder, config)
    print(f'whole: {whole / MB:.0f} MB in bfloat16, {2 * whole / MB:.0f} MB in float32')
    results = {}
    for draws in (0, 1, args.draws):
        job = Job(str(folder), args.tap, args.dtype, args.size, draws)
        found = results[str(draws)] = in_own_process(measure, job)
        if not draws:
            print(
                f'cut at {args.tap} in {args.dtype}: {found["parameters"] / MB:.0f} MB of '
                f'parameters; loading takes {found["loading"] / MB:.0f} MB at its peak'
            )
            continue
        print(
            f'{draws} draw{"s" * (draws > 1)} at {args.size} px: {found["passes"] / MB:.1f} MB of '
            f'tensors besides the weights, of which a map is {found["map"] / MB:.1f} (estimated '
            f'for memory_gb: {found["estimate"] / MB:.1f})'
        )
    return results


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--folder', required=True, help='where the random weights are, or go')
    parser.add_argument('--width', type=int, default=320, help='of the first block; official: 320')
    parser.add_argument('--tap', default='module:up_blocks.1')
    parser.add_argument('--dtype', default='bfloat16')
    parser.add_argument('--size', type=int, default=512, help='side of the image in pixels')
    parser.add_argument('--draws', type=int, default=8)
    report(parser.parse_args(arguments))


if __name__ == '__main__':
    main()

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""DifFeed's training step: what freezing, keeping few maps, ending early and checkpointing save.

Times four variants of one model in turns in one run, and measures the peak memory of each in a
process of its own:

- official: weight gradients of the U-Net left on, both passes run to their ends, and pass 1 keeps
  the maps of all blocks;
- whole passes: the same without weight gradients;
- ours: no weight gradients, each pass ends at its last tap and keeps only the maps that are used;
- ours, checkpointed: activations of pass 2 are computed again in the backward pass.

All give the same gradients of the feedback nets and the head, which is checked. Weights are
random: speed does not depend on them.

    python tools/benchmarks/diffeed_step.py
    python tools/benchmarks/diffeed_step.py --shape adm-256 --device cuda --batch 4
"""

import argparse
import multiprocessing
import statistics
import zlib
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from measure import peak_bytes, time_in_turns
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn

from mmdiffrep.diffusion import Denoiser, load_denoiser
from mmdiffrep.diffusion.denoisers.adm_presets import ADM_PRESETS
from mmdiffrep.diffusion.feedback import MapAdder
from mmdiffrep.models.backbones import FeedbackDPMBackbone
from mmdiffrep.models.backbones.frozen_denoiser import UntrackedModule
from mmdiffrep.models.necks import DifFormer

SHAPES: dict[str, dict[str, Any]] = {
    # configs/ddpm/ddpm_fashionmnist_32.py
    'ddpm-32': dict(
        type='UNet2DDenoiser',
        unet=dict(
            sample_size=32,
            block_out_channels=(32, 64, 128),
            down_block_types=('DownBlock2D', 'DownBlock2D', 'AttnDownBlock2D'),
            up_block_types=('AttnUpBlock2D', 'UpBlock2D', 'UpBlock2D'),
            layers_per_block=1,
            attention_head_dim=32,
            norm_num_groups=16,
        ),
    ),
    # google/ddpm-cifar10-32
    'cifar10-32': dict(
        type='UNet2DDenoiser',
        unet=dict(
            sample_size=32,
            block_out_channels=(128, 256, 256, 256),
            down_block_types=('DownBlock2D', 'AttnDownBlock2D', 'DownBlock2D', 'DownBlock2D'),
            up_block_types=('UpBlock2D', 'UpBlock2D', 'AttnUpBlock2D', 'UpBlock2D'),
            layers_per_block=2,
            attention_head_dim=None,
        ),
    ),
    'adm-256': dict(type='ADMDenoiser', **ADM_PRESETS['adm-256-uncond']),
}
TAPS = {'ddpm-32': 'dec.1', 'cifar10-32': 'dec.4', 'adm-256': 'dec.4'}
VARIANTS = ('official', 'whole passes', 'ours', 'ours, checkpointed')


class Step:
    """One variant of the model and its training step.

    Args:
        variant: One of ``VARIANTS``.
        shape: Name of the denoiser in ``SHAPES``.
        batch: Images per step.
        size: Side of the images; None: that of the denoiser.
        device: Where it runs.
    """

    def __init__(self, variant: str, shape: str, batch: int, size: int | None, device: str):
        self.backbone = FeedbackDPMBackbone(
            denoiser=SHAPES[shape],
            taps=[TAPS[shape]],
            timestep=150,
            noise='shared',
            checkpoint=variant == 'ours, checkpointed',
            input=dict(
                mean=[127.5] * 3,
                std=[127.5] * 3,
                channel_order='rgb',
                **({'size': size} if size else {}),
            ),
        )
        if variant in ('official', 'whole passes'):
            _run_whole_passes(self.backbone, load_denoiser(SHAPES[shape]).freeze())
        draw_weights(self.backbone.denoiser)
        draw_weights(self.backbone.first_pass.module)  # the deeper one may have more
        if variant == 'official':
            self.backbone.denoiser.requires_grad_(True)
        (channels,), (side,) = self.backbone.out_channels, self.backbone.to_rgb.size[:1]
        cells = min(16, side // self.backbone.out_strides[0])
        neck = DifFormer([channels], [cells], num_timesteps=1, embed_dims=channels)
        self.head = nn.Sequential(neck, _First(), nn.Linear(channels, 1000))
        draw_weights(self.backbone.feedback_nets)
        draw_weights(self.head)
        self.backbone.to(device)
        self.head.to(device)
        self.trained = [*self.backbone.feedback_nets.parameters(), *self.head.parameters()]
        self.optimizer = torch.optim.SGD(self.trained, lr=1e-4)
        generator = torch.Generator().manual_seed(0)
        images = torch.rand(batch, 3, side, side, generator=generator) * 2 - 1
        self.images = images.to(device)
        self.labels = torch.arange(batch, device=device)

    def __call__(self) -> None:
        """Run forward and backward pass and update head and feedback nets."""
        self.optimizer.zero_grad()
        F.cross_entropy(self.head(self.backbone(self.images)), self.labels).backward()
        self.optimizer.step()

    def gradients(self) -> list[Tensor]:
        """Those of the last step, by which the variants are compared."""
        return [parameter.grad.clone() for parameter in self.trained]


class _First(nn.Module):
    """Takes the one entry of a neck's tuple."""

    def forward(self, values: Sequence[Tensor]) -> Tensor:
        """Return the first value."""
        return values[0]


def draw_weights(module: nn.Module) -> None:
    """Give every weight values by its name alone, so that all variants start equal."""
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            generator = torch.Generator().manual_seed(zlib.crc32(name.encode()))
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.02)


def _run_whole_passes(backbone: FeedbackDPMBackbone, whole: Denoiser) -> None:
    """Lets both passes run to their ends, the first keeping the map of every decoder block."""
    blocks = [name for name in whole.taps if name.startswith('dec.')]
    first = whole.share_weights().truncate(blocks)
    second = whole.truncate([*backbone.taps, blocks[-1]])
    backbone.adder = MapAdder(second, [target for _, target in backbone.pairs])
    backbone.first_pass, backbone.second_pass = UntrackedModule(first), UntrackedModule(second)


def peak_of(variant: str, shape: str, batch: int, size: int | None, device: str) -> int:
    """Bytes of model and two steps at their peak, in this process."""

    def build_and_step() -> None:
        step = Step(variant, shape, batch, size, device)
        for _ in range(2):
            step()

    return peak_bytes(build_and_step, device)


def compare(
    shape: str, batch: int, size: int | None, device: str, iters: int
) -> dict[str, list[float]]:
    """Time a step of every variant, in turns.

    Raises:
        RuntimeError: A variant gives other gradients.
    """
    steps = {name: Step(name, shape, batch, size, device) for name in VARIANTS}
    gradients = {}
    for name, step in steps.items():
        step()
        gradients[name] = step.gradients()
    tolerance = dict(rtol=1e-3, atol=1e-5) if device == 'cpu' else dict(rtol=0.1, atol=1e-3)
    for name in VARIANTS[1:]:
        for mine, official in zip(gradients[name], gradients['official']):
            if not torch.allclose(mine, official, **tolerance):
                raise RuntimeError(f'{name!r} gives other gradients than the official variant.')
    return time_in_turns(steps, iters, device)


def report(shape: str, args: argparse.Namespace) -> None:
    """Print a table for one denoiser."""
    seconds = compare(shape, args.batch, args.size, args.device, args.iters)
    table = Table(
        title=f'DifFeed step, {shape}, batch {args.batch}, {args.device}, medians of {args.iters}'
    )
    for column in ('variant', 'ms/step', 'x official', 'peak MiB', 'x official'):
        table.add_column(column, justify='left' if column == 'variant' else 'right')
    first: float | None = None
    for name in VARIANTS:
        # a process of its own: this one keeps memory that it has freed
        with multiprocessing.get_context('spawn').Pool(1) as pool:
            peak = pool.apply(peak_of, (name, shape, args.batch, args.size, args.device)) / 2**20
        first = peak if first is None else first
        ratio = statistics.median(b / a for a, b in zip(seconds['official'], seconds[name]))
        milliseconds = 1000 * statistics.median(seconds[name])
        table.add_row(name, f'{milliseconds:.1f}', f'{ratio:.2f}', f'{peak:.0f}',
                      f'{peak / first:.2f}')  # fmt: skip
    Console(width=100).print(table)


def main() -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--shape', choices=[*SHAPES], nargs='+', default=['ddpm-32', 'cifar10-32'])
    parser.add_argument('--size', type=int, help='image side; default: that of the denoiser')
    parser.add_argument('--batch', type=int, default=4, help='official on each GPU: 4')
    parser.add_argument('--iters', type=int, default=5, help='rounds that are counted')
    parser.add_argument('--device', default='cpu')
    args = parser.parse_args()
    for shape in args.shape:
        report(shape, args)


if __name__ == '__main__':
    main()

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Measure teacher pass and distillation step with a truncated and with the whole teacher.

Times both teachers in turns in one run, on U-Nets with the public configs of
google/ddpm-cifar10-32 and google/ddpm-celebahq-256 (random weights: speed does not depend on them),
checks that both give the same bits, and measures the peak memory of a teacher pass. The student
is a ResNet-18 whose last stage is projected onto the teacher's middle block.

    python tools/benchmarks/distill_step.py
    python tools/benchmarks/distill_step.py --device cuda --amp --batch 16
    python tools/benchmarks/distill_step.py --shape celebahq-256 --size 128 --iters 3
"""

import argparse
import multiprocessing
import statistics
from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from measure import peak_bytes, time_in_turns
from torch import Tensor, nn
from torchvision.models import resnet18

from mmdiffrep.diffusion import Denoiser, load_denoiser

TAP = 'module:mid_block.resnets.1.conv2'  # what RepFusion reads
_COMMON = dict(
    layers_per_block=2,
    downsample_padding=0,
    flip_sin_to_cos=False,
    freq_shift=1,
    norm_eps=1e-6,
    attention_head_dim=None,
)
SHAPES: dict[str, dict[str, Any]] = {
    'cifar10-32': dict(
        _COMMON,
        sample_size=32,
        block_out_channels=(128, 256, 256, 256),
        down_block_types=('DownBlock2D', 'AttnDownBlock2D', 'DownBlock2D', 'DownBlock2D'),
        up_block_types=('UpBlock2D', 'UpBlock2D', 'AttnUpBlock2D', 'UpBlock2D'),
    ),
    'celebahq-256': dict(
        _COMMON,
        sample_size=256,
        block_out_channels=(128, 128, 256, 256, 512, 512),
        down_block_types=('DownBlock2D',) * 4 + ('AttnDownBlock2D', 'DownBlock2D'),
        up_block_types=('UpBlock2D', 'AttnUpBlock2D') + ('UpBlock2D',) * 4,
    ),
}


def build_teacher(unet: dict[str, Any], taps: Sequence[str] | None, device: str) -> Denoiser:
    """Build a frozen teacher with random weights, so that a cut half never takes memory."""
    with torch.device('meta'):
        teacher = load_denoiser(dict(type='UNet2DDenoiser', unet=unet), taps=taps)
    teacher.to_empty(device=device)
    with torch.no_grad():
        for parameter in teacher.parameters():
            parameter.normal_(0, 0.02)
    return teacher.freeze()


def build_student(channels: int) -> nn.Module:
    """Build a ResNet-18 without its classifier, projected to ``channels`` at stride 32."""
    return nn.Sequential(*list(resnet18().children())[:-2], nn.Conv2d(512, channels, 1))


def read_teacher(teacher: Denoiser, images: Tensor) -> Tensor:
    """Read the tap of clean images at timestep 0, as RepFusion does."""
    with torch.no_grad():
        return teacher(images, 0, taps=[TAP])[TAP]


def distill(
    student: nn.Module, optimizer: torch.optim.Optimizer, teacher: Denoiser, images: Tensor
) -> None:
    """Run one step: teacher pass, student pass, loss, backward, update."""
    target = read_teacher(teacher, images).float()
    features = student(images).float()
    if features.shape[2:] != target.shape[2:]:
        target = F.adaptive_avg_pool2d(target, features.shape[2:])
    optimizer.zero_grad(set_to_none=True)
    F.mse_loss(features, target).backward()
    optimizer.step()


def peak_memory(unet: dict[str, Any], taps: Sequence[str] | None, shape: Sequence[int],
                device: str, amp: bool) -> int:  # fmt: skip
    """Return the bytes that a teacher and one pass of it take at their peak, in this process."""

    def build_and_read() -> None:
        teacher = build_teacher(unet, taps, device)
        with torch.autocast(device.partition(':')[0], torch.bfloat16, enabled=amp):
            read_teacher(teacher, torch.zeros(*shape, device=device))

    return peak_bytes(build_and_read, device)


def compare(unet: dict[str, Any], size: int, args: argparse.Namespace) -> dict[str, list[float]]:
    """Time teacher pass and step with both teachers, which hold the same weights.

    Raises:
        RuntimeError: The truncated teacher gave other features than the whole one.
    """
    whole = build_teacher(unet, None, args.device)
    cut = build_teacher(unet, [TAP], args.device)
    cut.load_state_dict({key: whole.state_dict()[key] for key in cut.state_dict()})
    student = build_student(whole.taps[TAP].channels).to(args.device)
    optimizer = torch.optim.SGD(student.parameters(), lr=0.01)
    images = torch.rand(args.batch, 3, size, size, device=args.device) * 2 - 1
    with torch.autocast(args.device.partition(':')[0], torch.bfloat16, enabled=args.amp):
        if not torch.equal(read_teacher(whole, images), read_teacher(cut, images)):
            raise RuntimeError('The truncated teacher gives other features than the whole one.')
        return time_in_turns(
            {
                'teacher, whole': lambda: read_teacher(whole, images),
                'teacher, cut': lambda: read_teacher(cut, images),
                'step, whole': lambda: distill(student, optimizer, whole, images),
                'step, cut': lambda: distill(student, optimizer, cut, images),
            },
            args.iters,
            args.device,
        )


def report(name: str, args: argparse.Namespace) -> None:
    """Print times, their ratios and the peak memory for one network shape."""
    unet = SHAPES[name]
    size = args.size or unet['sample_size']
    shape = (args.batch, 3, size, size)
    seconds = compare(unet, size, args)
    print(
        f'{name}: {args.batch} x 3 x {size} x {size}, {args.iters} rounds, medians; same features'
    )
    for what in ('teacher', 'step'):
        whole, cut = seconds[f'{what}, whole'], seconds[f'{what}, cut']
        ratio = statistics.median(a / b for a, b in zip(whole, cut))
        milliseconds = [1000 * statistics.median(times) for times in (whole, cut)]
        print(f'  {what:8} whole {milliseconds[0]:9.1f} ms   cut {milliseconds[1]:9.1f} ms   '
              f'{ratio:.2f} x faster')  # fmt: skip
    memory = []
    for taps in (None, [TAP]):
        # a process of its own: this one keeps memory that it has freed
        with multiprocessing.get_context('spawn').Pool(1) as pool:
            peak = pool.apply(peak_memory, (unet, taps, shape, args.device, args.amp))
        memory.append(peak / 2**20)
    print(f'  {"memory":8} whole {memory[0]:9.0f} MiB  cut {memory[1]:9.0f} MiB  '
          f'{memory[0] / memory[1]:.2f} x less')  # fmt: skip


def main() -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--shape', choices=[*SHAPES], nargs='+', default=[*SHAPES])
    parser.add_argument('--size', type=int, help='image side; default: that of the network')
    parser.add_argument('--batch', type=int, default=2)
    parser.add_argument('--iters', type=int, default=5, help='rounds that are counted')
    parser.add_argument('--device', default='cpu')
    parser.add_argument('--amp', action='store_true', help='autocast to bfloat16')
    args = parser.parse_args()
    for name in args.shape:
        report(name, args)


if __name__ == '__main__':
    main()

#!/usr/bin/env python
# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Cost of DDPM-Seg here and in its published formulation, which take turns in one run.

    store    bytes of an image's maps, and of the same resized to the image in float32 (computed)
    extract  one truncated pass for three timesteps, or three whole passes
    predict  one image with ten members, or resizing first and then one member after the other
    train    ten members at once, or one after the other
    quality  mean IoU on drawn faces, after the same updates done both ways

    python tools/benchmarks/ddpm_seg.py
    python tools/benchmarks/ddpm_seg.py --only train predict --device cuda

All but `quality` take the shapes of ADM at 256 px, with random weights and maps: speed does not
depend on them. `quality` takes the small model that comes with the package. `predict` needs 10 GB
of memory, nearly all of it for the published formulation.
"""

import argparse
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from statistics import median

import torch
from measure import time_in_turns
from published_ddpm_seg import pixel_bank, put_back, separate_members, train_one_by_one
from torch import Tensor

from mmdiffrep.apis import FeatureExtractor
from mmdiffrep.datasets.toyfaces import render_face
from mmdiffrep.diffusion.denoisers import Denoiser, load_denoiser
from mmdiffrep.diffusion.denoisers.adm_presets import ADM_PRESETS
from mmdiffrep.diffusion.tap_costs import tap_costs
from mmdiffrep.feature_bank import stored_bytes, stored_shapes, upsampled_bytes
from mmdiffrep.models.heads import PixelMLPEnsembleHead
from mmdiffrep.models.necks import Hypercolumns, LazyHypercolumn
from mmdiffrep.models.segmentors.labeled_pixels import LabeledPixels

MEMBERS = 10
BATCH = 64
CLASSES = 28
TAPS = ('dec.5', 'dec.6', 'dec.7', 'dec.8', 'dec.12')
TIMESTEPS = (50, 150, 250)
TOY_MODEL = 'mmdiffrep://toyfaces_ddpm_64'
TOY_TAPS = ('dec.1', 'dec.3', 'dec.5', 'dec.6')
TOY_SIZE = 64
TOY_CLASSES = 19


def build_adm(taps: Sequence[str] | None = None) -> Denoiser:
    """ADM at 256 px without memory for its weights."""
    with torch.device('meta'):
        return load_denoiser(dict(type='ADMDenoiser', **ADM_PRESETS['adm-lsun']), taps=taps)


def adm_shapes(timesteps: Sequence[int], size: int) -> list[tuple[int, int, int]]:
    """Shapes (C, h, w) of the maps that DDPM-Seg reads from it."""
    table = build_adm().taps
    return list(stored_shapes({tap: table[tap] for tap in TAPS}, timesteps, size).values())


def random_columns(timesteps: Sequence[int], size: int, device: str) -> Hypercolumns:
    """Random half-precision maps of one image with the shapes of ADM, joined as the neck does."""
    shapes = adm_shapes(timesteps, size)
    neck = LazyHypercolumn([shape[0] for shape in shapes], [size // s[1] for s in shapes])
    return neck([torch.randn(1, *shape, device=device).half() for shape in shapes])


def train_at_once(
    head: PixelMLPEnsembleHead, pixels: LabeledPixels, batches: Sequence[Tensor]
) -> Iterator[None]:
    """Our training: an update of all members per step."""
    optimizer = torch.optim.Adam(head.parameters(), lr=1e-3, fused=True)
    for batch in batches:
        columns, labels = pixels.batch(batch)
        optimizer.zero_grad()
        head.member_losses(columns, labels).sum().backward()
        optimizer.step()
        yield


def advance(steps: Iterator[None], count: int) -> Callable[[], None]:
    """Return a call that trains for this many steps."""
    return lambda: [next(steps) for _ in range(count)] and None


def exhaust(steps: Iterator[None]) -> None:
    """Run all steps."""
    deque(steps, maxlen=0)


def compare_store(args: argparse.Namespace) -> None:
    """Compare the bytes of an image's maps at their own resolution and resized."""
    shapes = dict(enumerate(adm_shapes(TIMESTEPS, args.size)))
    ours, naive = stored_bytes(shapes, torch.float16), upsampled_bytes(shapes, args.size)
    say('store', 'resized, float32', naive / 2**20, 'own size, float16', ours / 2**20, 'MiB')


def compare_extract(args: argparse.Namespace) -> None:
    """One pass for all timesteps, cut after the last tap, against a whole pass for each."""
    whole, cut = build_adm().to_empty(device=args.device), build_adm(TAPS)
    with torch.no_grad():
        for parameter in whole.parameters():
            parameter.normal_(0, 0.02)
    weights = whole.state_dict()
    cut.load_state_dict({key: weights[key] for key in cut.state_dict()}, assign=True)
    ours = FeatureExtractor(cut, TAPS, TIMESTEPS, device=args.device)
    naive = [FeatureExtractor(whole, TAPS, [t], device=args.device) for t in TIMESTEPS]
    image = torch.rand(1, 3, args.extract_size, args.extract_size, device=args.device) * 2 - 1
    found = {key: maps for extract in naive for key, maps in extract(image).items()}
    off = max(((maps - found[key]).abs().max() / found[key].abs().max()).item()
              for key, maps in ours(image).items())  # fmt: skip
    seconds = time_in_turns(
        dict(naive=lambda: [extract(image) for extract in naive], ours=lambda: ours(image)),
        args.rounds,
        args.device,
    )
    say_times('extract', 'three whole passes', 'one cut pass', seconds)
    share = max(tap_costs(build_adm(), TAPS, args.size).values())
    note(f'one image of {args.extract_size} px; features differ by {off:.1e} of the largest')
    note(f'at {args.size} px the cut pass has {share:.0%} of the arithmetic of a whole one')


@torch.no_grad()
def compare_predict(args: argparse.Namespace) -> None:
    """Labels of one image by ten members."""
    size, pixels = (args.size, args.size), args.size**2
    columns = random_columns(TIMESTEPS, args.size, args.device).to(torch.float32)
    head = PixelMLPEnsembleHead(CLASSES, columns.dim, MEMBERS).to(args.device).eval()
    members = [member.eval() for member in separate_members(head)]

    def naive() -> Tensor:
        bank = pixel_bank(columns, args.size)
        return torch.stack([member(bank) for member in members])

    first, logits = head.project(columns), naive()
    off = max((head.member_logits(first, member, size) - logits[member]).abs().max().item()
              for member in range(MEMBERS))  # fmt: skip
    same = (head.predict(columns, size).labels.flatten() == logits.argmax(2).mode(0).values).float()
    seconds = time_in_turns(
        dict(naive=naive, ours=lambda: head.predict(columns, size)), args.rounds, args.device
    )
    say_times('predict', 'resize, then members', 'first layer, then resize', seconds)
    linears = [linear.weight[0].numel() for linear in head.mlp.linears]
    width = head.mlp.linears[0].weight.shape[1]
    # bilinear resizing: a weighted sum of four
    native = sum((level[0].numel() + 4 * pixels) * width for level in columns.maps)
    tail = pixels * sum(linears[1:])
    naive_macs = MEMBERS * pixels * sum(linears) + 4 * pixels * columns.dim
    ours_macs = MEMBERS * (native + tail)
    say('', 'multiply-adds', naive_macs / 1e9, '', ours_macs / 1e9, '1e9')
    note(f'logits differ by {off:.1e}; {same.mean():.4%} of the labels are the same')


def compare_train(args: argparse.Namespace) -> None:
    """Update of ten members, the maps of one timestep."""
    columns = random_columns(TIMESTEPS[:1], args.size, args.device)
    labels = torch.randint(CLASSES, (1, args.size, args.size), device=args.device)
    pixels = LabeledPixels(columns, labels, 255, 1)
    batches = pixels.shuffles(0, 0, MEMBERS).split(BATCH, dim=1)
    head = PixelMLPEnsembleHead(CLASSES, columns.dim, MEMBERS).to(args.device)
    weight = head.mlp.linears[0].weight.detach().clone()
    members, bank = separate_members(head), pixel_bank(columns, args.size)
    x = torch.randn(MEMBERS, columns.dim, BATCH, device=args.device)
    out = torch.randn(MEMBERS, weight.shape[1], BATCH, device=args.device)
    square = torch.randn(2048, 2048, device=args.device)
    count = min(args.updates, len(batches) // (args.rounds + 1))
    seconds = time_in_turns(
        dict(
            naive=advance(train_one_by_one(members, bank, labels.flatten(), batches), count),
            ours=advance(train_at_once(head, pixels, batches), count),
            products=lambda: [(weight @ x, out @ x.mT) for _ in range(count)],
            square=lambda: square @ square,
        ),
        args.rounds,
        args.device,
    )
    say_times('train', 'one after the other', 'ten at once', seconds, count)
    products = median(seconds['products']) / count
    flops = 4 * BATCH * weight.numel()
    limit = 2 * 2048**3 / median(seconds['square'])
    ours = median(seconds['ours']) / count
    before = 1e3 * median(seconds['naive']) / count / MEMBERS
    maps = sum(level.numel() for level in columns.maps) * 2
    note(f'dim {columns.dim}, batch {BATCH}, {torch.get_num_threads()} threads')
    note(f'one after the other: {before:.2f} ms an update and member')
    note(f'the products of the first layer alone take {products / ours:.0%} of an update; at most '
         f'{flops / products / 1e9:.0f} GFLOP/s, of which {flops / ours / 1e9:.0f} are reached '
         f'(a square product: {limit / 1e9:.0f})')  # fmt: skip
    note(f'an image takes {bank.numel() * 4 / 2**20:.0f} MiB as a pixel bank, {maps / 2**20:.0f} '
         'MiB as maps')  # fmt: skip


def compare_quality(args: argparse.Namespace) -> None:
    """Mean IoU on drawn faces, trained both ways from the same start with the same batches."""
    extract = FeatureExtractor(TOY_MODEL, TOY_TAPS, TIMESTEPS[:2], device=args.device)

    def read(start: int, count: int) -> tuple[Hypercolumns, Tensor]:
        images, labels = zip(*(toy_face(start + index) for index in range(count)))
        maps = extract(torch.cat(images).to(args.device)).values()
        return Hypercolumns(list(maps)).to(torch.float16), torch.cat(labels).to(args.device)

    columns, labels = read(0, 20)
    test, truth = read(20, 50)
    pixels = LabeledPixels(columns, labels, 255, 1)
    bank = pixel_bank(columns, TOY_SIZE)
    ious = []
    for seed in range(3):
        torch.manual_seed(seed)
        head = PixelMLPEnsembleHead(TOY_CLASSES, columns.dim, MEMBERS).to(args.device)
        members = separate_members(head)
        order = pixels.shuffles(seed, 0, MEMBERS)[:, : args.quality_updates * BATCH]
        batches = order.split(BATCH, dim=1)
        exhaust(train_at_once(head, pixels, batches))
        ious.append(mean_iou(head, test, truth))
        if seed == 0:
            exhaust(train_one_by_one(members, bank, labels.flatten(), batches))
            put_back(head, members)
            naive = mean_iou(head, test, truth)
    print(f'quality   mIoU after {args.quality_updates} updates: one after the other {naive:.2f}, '
          f'ten at once {ious[0]:.2f}; other seeds at once: '
          + ', '.join(f'{iou:.2f}' for iou in ious[1:]))  # fmt: skip


def mean_iou(head: PixelMLPEnsembleHead, columns: Hypercolumns, truth: Tensor) -> float:
    """Mean IoU in percent over the classes that occur."""
    head.eval()
    size = tuple(truth.shape[1:])
    labels = torch.stack([head.predict(columns[i], size).labels for i in range(len(columns))])
    pairs = (truth * TOY_CLASSES + labels).flatten().bincount(minlength=TOY_CLASSES**2)
    table = pairs.view(TOY_CLASSES, TOY_CLASSES).double()
    union = table.sum(0) + table.sum(1) - table.diagonal()
    return 100 * (table.diagonal() / union)[union > 0].mean().item()


def toy_face(index: int) -> tuple[Tensor, Tensor]:
    """Return a drawn face in [-1, 1], ``(1, 3, H, W)``, and its labels, ``(1, H, W)``."""
    face = render_face(seed=0, index=index, size=TOY_SIZE)
    image = torch.from_numpy(face.image.copy()).permute(2, 0, 1)[None] / 127.5 - 1
    return image, torch.from_numpy(face.mask.copy()).long()[None]


def say_times(
    name: str, naive: str, ours: str, seconds: dict[str, list[float]], count: int = 1
) -> None:
    """Print the medians of two calls."""
    before, after = (1e3 * median(seconds[key]) / count for key in ('naive', 'ours'))
    say(name, naive, before, ours, after, 'ms')


def say(name: str, naive: str, before: float, ours: str, after: float, unit: str) -> None:
    """Print two numbers and their ratio."""
    print(f'{name:8}  {naive:20} {before:9.1f} {unit:4} {ours:24} {after:9.1f} {unit:4} '
          f'{before / after:6.2f} x', flush=True)  # fmt: skip


def note(text: str) -> None:
    """Print a line below two numbers."""
    print(f'{"":10}{text}', flush=True)


PARTS: dict[str, Callable[[argparse.Namespace], None]] = dict(
    store=compare_store, extract=compare_extract, predict=compare_predict,
    train=compare_train, quality=compare_quality,
)  # fmt: skip


def main() -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--only', choices=[*PARTS], nargs='+', default=[*PARTS])
    parser.add_argument('--device', default='cpu')
    parser.add_argument('--rounds', type=int, default=3, help='that are counted')
    parser.add_argument('--size', type=int, default=256, help='side of the image')
    parser.add_argument('--extract-size', type=int, default=64, help='side for extract')
    parser.add_argument('--updates', type=int, default=20, help='of a round of train')
    parser.add_argument('--quality-updates', type=int, default=1280, help='of a member')
    args = parser.parse_args()
    for name in args.only:
        PARTS[name](args)


if __name__ == '__main__':
    main()

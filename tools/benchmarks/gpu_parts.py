# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The parts of ``gpu.py``: each yields what it measured and the value, as text."""

import gc
import statistics
import tempfile
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import distill_variants
import torch
from config_step import ConfigStep, load_config
from gpu_settings import Settings
from measure import time_in_turns

from mmdiffrep.diffusion.denoisers.families import load_denoiser
from mmdiffrep.diffusion.features import frozen_denoiser
from mmdiffrep.feature_bank import FeatureReader, build_feature_bank
from mmdiffrep.registry import MODELS

PRECISIONS = ('float32', 'bfloat16', 'float16')


def accuracy(s: Settings) -> Iterator[tuple[str, str]]:
    """Compare features of the device, without TF32, with those of the CPU."""
    torch.backends.cudnn.allow_tf32 = False
    for name, (config, _) in s.networks.items():
        side = load_denoiser(config, taps=['mid']).image_size
        images = torch.rand(2, 3, side, side, generator=torch.Generator().manual_seed(0)) * 2 - 1
        expected = _middle(config, 'float32', 'cpu')(images).double()
        for precision in PRECISIONS:
            found = _middle(config, precision, s.device)(images.to(s.device)).double().cpu()
            error = (found - expected).norm() / expected.norm()
            yield f'{name}, {precision}', f'relative error {error:.1e}'
    torch.backends.cudnn.allow_tf32 = True  # the default


def teacher(s: Settings) -> Iterator[tuple[str, str]]:
    """Time passes of frozen networks in turns."""
    for name, (config, batches) in s.networks.items():
        for batch in batches:
            calls = {}
            for precision in PRECISIONS:
                for compile in (False, True):
                    read = _middle(config, precision, s.device, compile)
                    calls[f'{precision}{", compiled" if compile else ""}'] = read
            for layout in ('contiguous_format', 'channels_last'):
                network = load_denoiser(config, taps=['mid']).requires_grad_(False).eval()
                network.to(s.device, memory_format=getattr(torch, layout))
                calls[f'autocast bfloat16, {layout}'] = partial(_autocast_middle, network)
            side = load_denoiser(config, taps=['mid']).image_size
            images = torch.zeros(batch, 3, side, side, device=s.device)
            for form, seconds in _timed(s, {k: partial(v, images) for k, v in calls.items()}):
                yield f'{name}, {batch} images, {form}', f'{1000 * seconds:.2f} ms'


def steps(s: Settings) -> Iterator[tuple[str, str]]:
    """Time whole steps in turns, and measure the memory of each alone."""
    for name in s.steps:
        calls = {}
        for form in ('student alone', 'with teacher', 'with compiled teacher'):
            step = _step(s, name, form)
            _reset_peak(s)
            batch = partial(step.batch, pinned=s.on_gpu)
            step(batch())
            step(batch())
            yield f'{name}, {form}', _peak(s)
            calls[form] = lambda step=step, batch=batch: step(batch())
        for form, seconds in _timed(s, calls):
            yield f'{name}, {form}', f'{1000 * seconds:.1f} ms a step'
        calls.clear()
        free(s)


def waits(s: Settings) -> Iterator[tuple[str, str]]:
    """Count the warnings of torch's own detector in one step, after the first ones."""
    if not s.on_gpu:
        yield 'only a GPU waits', ''
        return
    for name in s.steps:
        step = _step(s, name, 'with teacher')
        for _ in range(2):
            step(step.batch(pinned=True))
        batch = step.batch(pinned=True)
        with warnings.catch_warnings(record=True) as found:
            warnings.simplefilter('always')
            torch.cuda.set_sync_debug_mode('warn')
            step(batch)
            torch.cuda.set_sync_debug_mode('default')
        seen = [
            f'{Path(w.filename).name}:{w.lineno}' for w in found if 'synchron' in str(w.message)
        ]
        yield name, f'{len(seen)} waits: {", ".join(sorted(set(seen)))}'
        del step
        free(s)


def input(s: Settings) -> Iterator[tuple[str, str]]:
    """Time steps with both ways of making a batch, in turns."""
    step = _step(s, s.steps[-1], 'with teacher')
    pinned = s.on_gpu
    ways = {
        'image by image': step.batch('pseudo_collate'),
        'collated': step.batch('default_collate'),
        'collated and pinned': step.batch('default_collate', pinned=pinned),
    }
    for way, seconds in _timed(s, {k: partial(_again, step, v) for k, v in ways.items()}):
        yield f'{s.steps[-1]}, {way}', f'{1000 * seconds:.1f} ms a step'


def ddpm_seg(s: Settings) -> Iterator[tuple[str, str]]:
    """Time the features of DDPM-Seg, in one pass and in parts."""
    calls = {}
    for pass_size in (None, 8):
        config = dict(s.ddpm_seg, input=None, pass_size=pass_size)
        backbone = MODELS.build(config).to(s.device).eval()
        side = backbone.denoiser.image_size
        images = torch.zeros(8, 3, side, side, device=s.device)
        form = 'whole' if pass_size is None else f'parts of {pass_size}'
        backbone(images)
        _reset_peak(s)
        backbone(images)
        yield f'8 images, {form}', _peak(s)
        calls[form] = partial(backbone, images)
    for form, seconds in _timed(s, calls):
        yield f'8 images, {form}', f'{8 / seconds:.1f} images/s'


def bank(s: Settings) -> Iterator[tuple[str, str]]:
    """Build a bank of the last network, the smallest."""
    name, (config, batches) = list(s.networks.items())[-1]
    reader = FeatureReader(config, ['mid'], [1], pool=1, device=s.device, batch_size=batches[-1])
    with tempfile.TemporaryDirectory() as folder:
        built = build_feature_bank(_Random(s.bank, reader.recipe.size), reader, folder)
    yield f'{s.bank} images, {name}', f'{s.bank / built.seconds:.0f} images/s'


def variants(s: Settings) -> Iterator[tuple[str, str]]:
    """Run three steps of each variant of the distillation."""
    names = distill_variants.NAMES if s.batch is None else ['fixed_t']
    for amp in (False, True) if s.on_gpu else (False,):
        failed = {}
        for name in names:
            options = distill_variants.Options(16 if s.batch is None else s.batch, None, amp)
            try:
                with tempfile.TemporaryDirectory() as folder:
                    step = distill_variants.Step(
                        distill_variants.load_config(name, options), folder
                    )
                    for _ in range(3):
                        step.cut()
                losses = [v for k, v in step.losses.items() if 'loss' in k]
                if not all(torch.as_tensor(loss).isfinite().all() for loss in losses):
                    failed[name] = 'a loss is not finite'
            except Exception as error:  # noqa: BLE001, one variant is not to end the run
                failed[name] = f'{type(error).__name__}: {error}'
        told = '; '.join(f'{name}: {reason:.100}' for name, reason in failed.items())
        yield (
            ('with AMP' if amp else 'float32'),
            f'{len(names) - len(failed)} of {len(names)} {told}',
        )


PARTS: tuple[Callable[[Settings], Iterator[tuple[str, str]]], ...] = (
    accuracy,
    waits,
    teacher,
    steps,
    input,
    ddpm_seg,
    bank,
    variants,
)


class _Random(torch.utils.data.Dataset):
    """Random images, as a host packs them."""

    def __init__(self, length: int, side: int) -> None:
        self.length, self.side = length, side

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> dict[str, Any]:
        generator = torch.Generator().manual_seed(index)
        size = (3, self.side, self.side)
        return dict(inputs=torch.randint(256, size, generator=generator, dtype=torch.uint8))


def _middle(
    config: dict[str, Any], precision: str, device: str, compile: bool = False
) -> Callable[[torch.Tensor], torch.Tensor]:
    """Return a reader of the middle block at t = 1; weights are the same in each call."""
    torch.manual_seed(0)
    denoiser = frozen_denoiser(config, ['mid'], precision, compile=compile).to(device)

    def read(images: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            return denoiser(images, 1)['mid']

    return read


def _autocast_middle(network: Any, images: torch.Tensor) -> torch.Tensor:
    with torch.no_grad(), torch.autocast(images.device.type, torch.bfloat16):
        return network(images, 1)['mid']


def _step(s: Settings, name: str, form: str) -> ConfigStep:
    cfg = load_config(name, 'float16' if s.on_gpu else '', s.teacher)
    if s.batch is not None:
        cfg.train_dataloader.batch_size = s.batch
    if 'compiled' in form:
        hook = cfg.default_hooks.repfusion
        hook.teacher = dict(hook.teacher, compile=True)
    return ConfigStep(cfg, s.device, distill=form != 'student alone')


def _again(step: ConfigStep, batch: dict[str, Any]) -> None:
    step(dict(batch))


def _timed(s: Settings, calls: dict[str, Callable[[], Any]]) -> Iterator[tuple[str, float]]:
    """Yield the median seconds of calls that take turns; those that fail say why in their name."""
    working = {}
    for name, call in calls.items():
        try:
            call()
            working[name] = call
        except Exception as error:  # noqa: BLE001, such as a compiler that is missing
            yield f'{name}: {type(error).__name__}: {error}'[:160], float('nan')
    for name, seconds in time_in_turns(working, s.rounds, s.device).items():
        yield name, statistics.median(seconds)


def _reset_peak(s: Settings) -> None:
    if s.on_gpu:
        torch.cuda.reset_peak_memory_stats()


def _peak(s: Settings) -> str:
    if not s.on_gpu:
        return 'memory: GPUs only'
    return f'peak {torch.cuda.max_memory_allocated() / 2**30:.2f} GiB'


def free(s: Settings) -> None:
    """Give memory back before the next measurement."""
    gc.collect()
    if s.on_gpu:
        torch.cuda.empty_cache()

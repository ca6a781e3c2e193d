# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Compare the cost of training a diffusion model through mmengine with that of a bare loop.

Both train the network of a config with its batch, precision, optimizer and averaging, on the same
images held in memory: one as ``tools/train.py`` does, with the config's hooks but those that sample
and save, the other as a plain loop over torch and diffusers. They take turns in one run, so
that each pair of rounds sees the same machine.

    python tools/benchmarks/train_ddpm.py
    python tools/benchmarks/train_ddpm.py --config ddpm/ddpm_cifar10_32_unet35m.py --device cuda
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import UNet2DModel
from mmengine.config import Config
from mmengine.dataset import BaseDataset
from mmengine.device import get_device
from mmengine.hooks import Hook
from mmengine.runner import Runner
from rich.console import Console
from rich.table import Table
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader, Dataset

from mmdiffrep.models.algorithms import DDPM
from mmdiffrep.registry import DATASETS
from mmdiffrep.utils.hook_configs import drop_hooks, find_hooks
from mmdiffrep.utils.host_models import find_config

SKIPPED = ('SampleGridHook', 'MapRankHook', 'ExportDenoiserHook')


@DATASETS.register_module()
class ImagesInMemory(BaseDataset):
    """Random images, through the pipeline of a config."""

    def __init__(self, side: int, count: int = 512, pipeline: Sequence[dict] = ()) -> None:
        self.side, self.count = side, count
        super().__init__(pipeline=list(pipeline), serialize_data=False)

    def load_data_list(self) -> list[dict]:
        """Return one image per entry."""
        return [dict(img=image) for image in random_images(self.side, self.count)]


class FlippedImages(Dataset):
    """The same images, flipped at random: RGB tensors (3, S, S), uint8."""

    def __init__(self, side: int, count: int = 512) -> None:
        self.images = random_images(side, count)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> Tensor:
        image = torch.from_numpy(self.images[index]).permute(2, 0, 1).flip(0)
        return image.flip(2) if torch.rand(()) < 0.5 else image


def random_images(side: int, count: int) -> np.ndarray:
    """BGR (count, side, side, 3), uint8."""
    return np.random.default_rng(0).integers(0, 256, (count, side, side, 3), dtype=np.uint8)


class BareLoop:
    """A training loop of torch and diffusers, with the settings of a config.

    Args:
        cfg: A config of ``mmdiffrep.DDPM``.
        model: The model whose weights it starts from.
        device: Where it trains.
    """

    def __init__(self, cfg: Config, model: DDPM, device: str) -> None:
        self.unet = UNet2DModel.from_config(model.unet.config).to(device)
        self.unet.load_state_dict(model.unet.state_dict())
        self.scheduler, self.device = model.scheduler, device
        self.prediction = self.scheduler.config.prediction_type
        wrapper = cfg.optim_wrapper
        options = {key: value for key, value in wrapper.optimizer.items() if key != 'type'}
        self.optimizer = getattr(torch.optim, wrapper.optimizer.type)(
            self.unet.parameters(), **options
        )
        self.max_norm = wrapper.clip_grad.max_norm
        amp = wrapper.type == 'AmpOptimWrapper'
        self.scaler = torch.amp.GradScaler(device, enabled=amp)
        self.autocast = dict(
            device_type=torch.device(device).type,
            dtype=torch.bfloat16 if cfg.model.get('bf16') else torch.float16,
            enabled=amp or bool(cfg.model.get('bf16')),
        )
        decay = 1 - next(iter(find_hooks(cfg, 'StepEMAHook').values())).momentum
        self.averaged = AveragedModel(self.unet, multi_avg_fn=get_ema_multi_avg_fn(decay))
        loader = cfg.train_dataloader
        self.loader = DataLoader(
            FlippedImages(cfg.model.unet.sample_size),
            loader.batch_size,
            shuffle=True,
            num_workers=loader.num_workers,
            drop_last=True,
            persistent_workers=loader.num_workers > 0,
        )
        self.batches = self._endless()
        self.steps = 0

    def _endless(self) -> Iterator[Tensor]:
        while True:
            yield from self.loader

    def target(self, images: Tensor, noise: Tensor, t: Tensor) -> Tensor:
        """Return the training target of the scheduler's ``prediction_type``."""
        if self.prediction == 'v_prediction':
            return self.scheduler.get_velocity(images, noise, t)
        return images if self.prediction == 'sample' else noise

    def step(self) -> None:
        """Run one iteration."""
        images = next(self.batches).to(self.device).float() / 127.5 - 1
        noise = torch.randn_like(images)
        last = self.scheduler.config.num_train_timesteps
        t = torch.randint(last, (len(images),), device=self.device)
        with torch.autocast(**self.autocast):
            output = self.unet(self.scheduler.add_noise(images, noise, t), t).sample
        loss = F.mse_loss(output.float(), self.target(images, noise, t))
        self.optimizer.zero_grad()
        self.scaler.scale(loss).backward()
        self.scaler.unscale_(self.optimizer)
        torch.nn.utils.clip_grad_norm_(self.unet.parameters(), self.max_norm)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.averaged.update_parameters(self.unet)
        self.steps += 1
        if self.steps % 50 == 0:
            self.last_loss = loss.item()  # what a log would show


class TakeTurns(Hook):
    """After each round of mmengine's iterations, lets the other loop do as many.

    Args:
        build: Makes the other loop's step from the runner.
        iters: Iterations of a round.
        clock: Returns the time in seconds.

    Attributes:
        seconds: Seconds per round, of mmengine and of the other, without the warm-up round.
    """

    priority = 'LOWEST'

    def __init__(
        self,
        build: Callable[[Runner], Callable[[], None]],
        iters: int,
        clock: Callable[[], float],
    ) -> None:
        self.build, self.iters, self.clock = build, iters, clock
        self._all: list[tuple[float, float]] = []

    @property
    def seconds(self) -> list[tuple[float, float]]:
        """Pairs of seconds."""
        return self._all[1:]

    def before_train(self, runner: Runner) -> None:
        """Start the clock."""
        self.step = self.build(runner)
        self._start = self.clock()

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: Any | None = None,
        outputs: dict | None = None,
    ) -> None:
        """Stop the clock at the end of a round and run the other loop."""
        if not self.every_n_train_iters(runner, self.iters):
            return
        middle = self.clock()
        for _ in range(self.iters):
            self.step()
        end = self.clock()
        self._all.append((middle - self._start, end - middle))
        self._start = self.clock()


def measure(
    cfg: Config, rounds: int, iters: int, device: str, cpu_time: bool = False
) -> list[tuple[float, float]]:
    """Train both in turns.

    Args:
        cfg: A config of ``mmdiffrep.DDPM``.
        rounds: Pairs of rounds that count; one more is a warm-up.
        iters: Iterations of a round.
        device: Where both train.
        cpu_time: Measure the CPU time of this process, on a machine that has other work.

    Returns:
        Seconds per iteration of mmengine and of the bare loop, for each pair.
    """
    pipeline = [step for step in cfg.train_dataloader.dataset.pipeline if 'Load' not in step.type]
    cfg.train_dataloader.dataset = dict(
        type='mmdiffrep.ImagesInMemory', side=cfg.model.unet.sample_size, pipeline=pipeline
    )
    cfg.train_dataloader.sampler = dict(type='InfiniteSampler', shuffle=True)
    cfg.train_cfg = dict(type='IterBasedTrainLoop', max_iters=(rounds + 1) * iters)
    cfg.train_cfg.val_interval = 10**9
    cfg.param_scheduler = [step for step in cfg.param_scheduler if not step.by_epoch]
    drop_hooks(cfg, *SKIPPED)
    cfg.default_hooks.checkpoint = dict(
        type='CheckpointHook', by_epoch=False, interval=-1, save_last=False
    )
    cfg.log_processor = dict(by_epoch=False, window_size=100)
    cfg.log_level = 'ERROR'
    cfg.experiment_name = f'train_ddpm_{time.time_ns()}'
    with tempfile.TemporaryDirectory() as cfg.work_dir:
        runner = Runner.from_cfg(cfg)

        def clock() -> float:
            if device.startswith('cuda'):
                torch.cuda.synchronize()
            return time.process_time() if cpu_time else time.perf_counter()

        turns = TakeTurns(lambda runner: BareLoop(cfg, runner.model, device).step, iters, clock)
        runner.register_hook(turns)
        runner.train()
    return [(ours / iters, bare / iters) for ours, bare in turns.seconds]


def summary(pairs: Sequence[tuple[float, float]]) -> dict[str, float]:
    """Medians of the seconds, and median and quartiles of the ratios of the pairs."""
    ratios = [ours / bare for ours, bare in pairs]
    low, middle, high = statistics.quantiles(ratios, n=4)
    return dict(
        mmengine=statistics.median(ours for ours, _ in pairs),
        bare=statistics.median(bare for _, bare in pairs),
        ratio=middle,
        low=low,
        high=high,
    )


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--config', default='ddpm/ddpm_fashionmnist_32.py', metavar='CONFIG')
    parser.add_argument('--rounds', type=int, default=20, help='pairs of rounds, at least 2')
    parser.add_argument('--iters', type=int, default=10, help='iterations of a round')
    parser.add_argument('--batch', type=int, help="default: the config's")
    parser.add_argument('--workers', type=int, default=0, help='processes that load images')
    parser.add_argument('--device', default=get_device())
    parser.add_argument(
        '--cpu-time', action='store_true', help="of the process, for a busy machine's CPUs"
    )
    args = parser.parse_args(arguments)
    if args.rounds < 2 or args.iters < 1:
        parser.error(f'expected rounds >= 2 and iters >= 1, got {args.rounds} and {args.iters}')
    cfg = find_config(args.config)
    if cfg.model.type != 'mmdiffrep.DDPM':
        parser.error(f'the bare loop trains mmdiffrep.DDPM, the config has {cfg.model.type}')
    loader = cfg.train_dataloader
    loader.update(num_workers=args.workers, persistent_workers=args.workers > 0)
    loader.batch_size = args.batch or loader.batch_size
    if args.cpu_time and args.device != 'cpu':
        parser.error(f'--cpu-time is for --device cpu, got {args.device}')
    result = summary(measure(cfg, args.rounds, args.iters, args.device, args.cpu_time))
    table = Table(title=f'{args.config}, batch {loader.batch_size}, {args.device}')
    for column in ('mmengine, ms', 'bare loop, ms', 'ratio', 'quartiles'):
        table.add_column(column, justify='right')
    table.add_row(
        f'{result["mmengine"] * 1e3:.1f}',
        f'{result["bare"] * 1e3:.1f}',
        f'{result["ratio"]:.3f}',
        f'{result["low"]:.3f} to {result["high"]:.3f}',
    )
    Console().print(table)


if __name__ == '__main__':
    main()

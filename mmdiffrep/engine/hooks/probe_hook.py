# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Measure a diffusion model's features while it is trained."""

import csv
import io
import os.path as osp
import tempfile
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from mmengine.registry import DATASETS, DefaultScope
from mmengine.runner import Runner
from torch import Tensor

from mmdiffrep.diffusion.denoisers import Denoiser, load_denoiser
from mmdiffrep.diffusion.feature_extractor import FeatureExtractor
from mmdiffrep.diffusion.input_range import DenoiserInput
from mmdiffrep.diffusion.noise import build_noise
from mmdiffrep.diffusion.timesteps import resolve_timesteps
from mmdiffrep.engine.averaged_model import averaged_model, require_method
from mmdiffrep.engine.hooks.interval_hook import MeasuringHook
from mmdiffrep.measures import ProbeTraining, check_labels, fit_grid_probe, labels_of
from mmdiffrep.registry import HOOKS
from mmdiffrep.utils.arguments import check_arguments
from mmdiffrep.utils.atomic_file import write_atomically
from mmdiffrep.utils.checks import integer, list_of, of_type, one_of
from mmdiffrep.utils.pixel_facts import dataset_order

FILE = 'probe.csv'
COLUMNS = ('iteration', 'timestep', 'tap', 'accuracy')


class LabeledImages(NamedTuple):
    """RGB images (N, 3, H, W) in [-1, 1] and their classes (N,)."""

    images: Tensor
    labels: Tensor


@HOOKS.register_module()
class ProbeHook(MeasuringHook):
    """Train linear probes on the averaged weights at intervals, and logs their accuracies.

    DDAE probes its checkpoints and finds that the best features come before the best images
    (https://github.com/FutureXiang/ddae). Here it happens within the run, on a small labeled set
    that is read once. The training is not touched: weights and random draws are bit for bit those
    of a run without the hook.

    Each probe is a scalar ``probe/t<timestep>/<tap>`` (in percent) of the visualizer, and a row of
    ``work_dir/probe.csv``.

    The first process measures, and the others wait, at most for the timeout of the process group:
    where that is short, give ``env_cfg=dict(dist_cfg=dict(backend='nccl', timeout=7200))`` (s).

    Args:
        train_dataset (dict): Labeled images that the probes are trained on, with a pipeline
            without augmentation.
        test_dataset (dict): Images that they are tested on. To choose a checkpoint by the figures,
            these are not the test split.
        num_classes (int): Number of classes.
        taps (sequence of str): What to read, see :mod:`mmdiffrep.diffusion.taps`.
        timesteps (sequence of int): Where to read it.
        interval (int): Iterations between two measurements; the last iteration always gives one.
            Defaults to 1000.
        num_train (int, optional): Train on a fixed random choice of this many images. Defaults to
            None: all.
        num_test (int, optional): Likewise.
        noise (str or dict): Noise source whose draws can be repeated. Defaults to ``'per_image'``.
        channel_order (str, optional): In which the pipelines load images. Defaults to None: derived
            from data set and pipeline.
        training (dict, optional): Arguments of :class:`~mmdiffrep.measures.ProbeTraining`.
            Defaults to None: its defaults.
        pass_size (int): Greatest number of images in a pass, counting one for each timestep.
            Defaults to 256.
        scope (str): Of the data sets' types. Defaults to ``'mmpretrain'``.

    Raises:
        ValueError: Numbers out of range, or an unknown argument of ``training``; at the start of
            the run unknown taps, timesteps out of range, no labels or labels beyond the classes.
        RuntimeError: The measurement failed in another process; says which and why.
    """

    def __init__(
        self,
        train_dataset: dict,
        test_dataset: dict,
        num_classes: int,
        taps: Sequence[str],
        timesteps: Sequence[int],
        interval: int = 1000,
        num_train: int | None = None,
        num_test: int | None = None,
        noise: str | dict = 'per_image',
        channel_order: str | None = None,
        training: dict | None = None,
        pass_size: int = 256,
        scope: str = 'mmpretrain',
    ) -> None:
        training = of_type('training', training, dict, type(None)) or {}
        check_arguments(training, ProbeTraining, 'training')
        self.datasets = (train_dataset, test_dataset)
        numbers = dict(num_train=num_train, num_test=num_test)
        self.numbers = tuple(n and integer(name, n, 1) for name, n in numbers.items())
        self.num_classes = integer('num_classes', num_classes, 1)
        self.taps = tuple(list_of('taps', taps, str))
        self.timesteps = tuple(list_of('timesteps', timesteps, int))
        self.interval = integer('interval', interval, 1)
        self.noise = build_noise(noise)
        self.channel_order = one_of('channel_order', channel_order, (None, 'rgb', 'bgr'))
        self.training = ProbeTraining(**training)
        self.pass_size = integer('pass_size', pass_size, 1)
        self.scope = scope
        self.parts: list[LabeledImages] = []

    def before_train(self, runner: Runner) -> None:
        """Read the images, and try the taps and timesteps."""
        require_method(runner, 'save_pretrained', type(self).__name__)
        self.alone(lambda: self._prepare(runner))

    def _prepare(self, runner: Runner) -> None:
        denoiser = self._denoiser(runner)
        resolve_timesteps(denoiser.schedule, self.timesteps)
        if not self.parts:
            self.parts = [
                self._read(dataset, number, denoiser.image_size)
                for dataset, number in zip(self.datasets, self.numbers)
            ]

    def measure(self, runner: Runner) -> None:
        """Train the probes, log their accuracies and write them to ``probe.csv``."""
        denoiser = self._denoiser(runner)
        (train, labels), (test, test_labels) = (
            (self._features(denoiser, part.images), part.labels) for part in self.parts
        )
        with torch.enable_grad():
            probe = fit_grid_probe(
                [rows[None] for rows in train.values()],
                labels,
                self.num_classes,
                self.training,
                next(denoiser.parameters()).device,
            )
        accuracies = probe.accuracy(list(test.values()), test_labels).mean(1) * 100
        found = dict(zip(train, accuracies.tolist()))
        step = runner.iter + 1
        names = {f'probe/t{t}/{tap}': value for (t, tap), value in found.items()}
        runner.visualizer.add_scalars(names, step=step)
        best = max(names, key=names.get)
        runner.logger.info(f'best of {len(names)} probes at {step}: {best} {names[best]:.1f} %')
        _add_rows(
            osp.join(runner.work_dir, FILE),
            step,
            [(step, t, tap, f'{value:.4f}') for (t, tap), value in found.items()],
        )

    def _denoiser(self, runner: Runner) -> Denoiser:
        """Return the averaged weights as they would be exported, truncated after the last tap."""
        model = averaged_model(runner)
        device = next(model.parameters()).device
        with tempfile.TemporaryDirectory() as folder:
            path = osp.join(folder, 'denoiser')
            model.save_pretrained(path, dtype=torch.float32)
            return load_denoiser(path, taps=self.taps).freeze().to(device)

    def _features(self, denoiser: Denoiser, images: Tensor) -> dict[Any, Tensor]:
        """Return global averages (N, C) of all maps by (timestep, tap)."""
        size = max(1, self.pass_size // len(self.timesteps))
        extract = FeatureExtractor(
            denoiser, self.taps, self.timesteps, noise=self.noise, batch_size=size
        )
        return extract.read(images, finish=lambda maps: maps.float().mean((2, 3)).cpu())

    def _read(self, config: dict, number: int | None, size: int) -> LabeledImages:
        with DefaultScope.overwrite_default_scope(self.scope):
            dataset = DATASETS.build(config)
            advice = "give the ProbeHook channel_order='bgr' or 'rgb'"
            channel_order = self.channel_order or dataset_order(config, advice)
        if hasattr(dataset, 'full_init'):
            dataset.full_init()
        order = torch.randperm(len(dataset), generator=torch.Generator().manual_seed(0))
        samples = [dataset[index] for index in order[:number].tolist()]
        labels = labels_of([sample['data_samples'] for sample in samples])
        check_labels(labels, self.num_classes)
        to_rgb = DenoiserInput(channel_order=channel_order, size=size)
        return LabeledImages(
            torch.cat([to_rgb(sample['inputs'][None]) for sample in samples]), labels
        )


def _add_rows(path: str, step: int, rows: Sequence[Sequence[Any]]) -> None:
    """Add rows to a table, in which a resumed run replaces those that it comes to again."""
    kept: list[Sequence[Any]] = []
    if osp.isfile(path):
        with open(path, newline='') as file:
            kept = [row for row in list(csv.reader(file))[1:] if int(row[0]) < step]
    text = io.StringIO()
    csv.writer(text).writerows([COLUMNS, *kept, *rows])
    write_atomically(text.getvalue().encode(), path)

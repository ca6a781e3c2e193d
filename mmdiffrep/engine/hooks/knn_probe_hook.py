# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""How good a student's features become while it is trained: nearest neighbors of labeled images."""

import numpy as np
import torch
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from PIL import Image
from torch import Tensor, nn

from mmdiffrep.datasets.preparation.image_folder import look_through
from mmdiffrep.datasets.preparation.source_files import read_image
from mmdiffrep.engine.hooks.interval_hook import MeasuringHook
from mmdiffrep.measures.knn import knn_accuracy
from mmdiffrep.registry import HOOKS
from mmdiffrep.utils.checks import integer


@HOOKS.register_module()
class KNNProbeHook(MeasuringHook):
    """Classify labeled images by the backbone's features at intervals, without training.

    The average of the backbone's last map stands for an image. It is logged as ``probe/knn``, in
    percent of images that their nearest neighbors classify right, each left out itself. Weights
    and random draws of the run are bit for bit those of a run without the hook.

    Args:
        data_root: Folder with one folder of images per class.
        size: Side of the images in pixels; they are cut to a square.
        interval: Iterations between two measurements; the last iteration always gives one.
        k: Neighbors. Defaults to 10.
        batch_size: Images in a pass. Defaults to 64.

    Raises:
        FileNotFoundError: When training starts: no such folder.
        ValueError: When training starts: files that cannot be read, or fewer than two classes.
    """

    def __init__(
        self, data_root: str, size: int, interval: int, k: int = 10, batch_size: int = 64
    ) -> None:
        self.data_root = data_root
        self.size = integer('size', size, 1)
        self.interval = integer('interval', interval, 1)
        self.k = integer('k', k, 1)
        self.batch_size = integer('batch_size', batch_size, 1)
        self.images: Tensor | None = None

    def before_train(self, runner: Runner) -> None:
        """Read the images."""
        self.alone(self._prepare)

    def _prepare(self) -> None:
        if self.images is None:
            self.images, self.labels = read_classes(self.data_root, self.size)

    def measure(self, runner: Runner) -> None:
        """Log the share of images that their neighbors classify right."""
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        features = backbone_features(model, self.images, self.batch_size)
        accuracy = 100 * knn_accuracy(features, self.labels, self.k)
        runner.visualizer.add_scalars({'probe/knn': accuracy}, step=runner.iter + 1)
        runner.logger.info(
            f'probe/knn at iteration {runner.iter + 1}: {accuracy:.1f} % of {len(self.labels)} '
            f'images are classified right by their {self.k} nearest neighbors'
        )


def read_classes(folder: str, size: int) -> tuple[Tensor, Tensor]:
    """Read the images of a folder with one folder per class.

    Returns:
        Images uint8 RGB ``(N, 3, size, size)``, their middle square, and classes ``(N,)``, in
        order of the folders' names.

    Raises:
        FileNotFoundError: No such folder.
        ValueError: Files that cannot be read, or fewer than two classes.
    """
    report = look_through(folder)
    if report.bad:
        listed = '\n  '.join(report.bad_lines())
        raise ValueError(f'{len(report.bad)} files of {folder} cannot be read:\n  {listed}')
    classes = sorted({name.split('/')[0] for name in report.images if '/' in name})
    if len(classes) < 2:
        raise ValueError(f'{folder} must hold a folder per class, at least two; found {classes}.')
    named = [name for name in report.images if '/' in name]
    images = [_square(read_image(report.folder / name, warn=False), size) for name in named]
    labels = [classes.index(name.split('/')[0]) for name in named]
    return torch.stack(images), torch.tensor(labels)


def _square(image: Image.Image, size: int) -> Tensor:
    side = min(image.size)
    left, top = (image.width - side) / 2, (image.height - side) / 2
    box = (left, top, left + side, top + side)
    square = image.resize((size, size), Image.Resampling.BICUBIC, box, 2.0)
    return torch.from_numpy(np.array(square)).permute(2, 0, 1)


@torch.no_grad()
def backbone_features(model: nn.Module, images: Tensor, batch_size: int) -> Tensor:
    """Return the averages of the backbone's last map, ``(N, C)`` on the CPU.

    Args:
        model: With ``backbone`` and ``data_preprocessor``; its modes stay as they are.
        images: uint8 RGB ``(N, 3, H, W)``.
        batch_size: Images in a pass.
    """
    training = {module: module.training for module in model.modules()}
    model.eval()
    rows = []
    try:
        for part in images.split(batch_size):
            inputs = model.data_preprocessor(dict(inputs=part, data_samples=None))['inputs']
            maps = model.backbone(inputs)
            last = maps[-1] if isinstance(maps, (tuple, list)) else maps
            rows.append((last.flatten(2).mean(2) if last.ndim > 2 else last).float().cpu())
    finally:
        for module, was in training.items():
            module.training = was
    return torch.cat(rows)

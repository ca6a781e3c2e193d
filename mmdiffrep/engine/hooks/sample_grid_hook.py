# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""See a diffusion model learn: sampled images at intervals."""

import math
import os.path as osp

import cv2
import numpy as np
import torch
from mmengine.dist import master_only
from mmengine.runner import Runner

from mmdiffrep.diffusion.sampling import check_sampler
from mmdiffrep.engine.averaged_model import averaged_model, require_method
from mmdiffrep.engine.hooks.interval_hook import IntervalHook
from mmdiffrep.registry import HOOKS
from mmdiffrep.utils.atomic_file import write_atomically
from mmdiffrep.utils.checks import integer


@HOOKS.register_module()
class SampleGridHook(IntervalHook):
    """Draw a grid of samples from the averaged weights into ``work_dir/samples``.

    Each grid starts from the same noise, and the random numbers of the training stay as they are.
    The grid also goes to the visualizer under the name ``samples``.

    Args:
        interval: Iterations between two grids; there is always one at the last iteration.
            Defaults to 1000.
        num: Number of images in a grid. Defaults to 16.
        num_inference_steps: Steps of the sampler. Defaults to 50.
        sampler: ``'ddim'``, ``'heun'`` (two network evaluations per step) or, not for EDM,
            ``'ddpm'``. Defaults to ``'ddim'``.
        seed: Seed of the sampled noise. Defaults to 0.

    Raises:
        ValueError: The sampler is unknown, or a number of images or steps is below 1.
        OSError: While training: a picture cannot be written.
    """

    def __init__(
        self,
        interval: int = 1000,
        num: int = 16,
        num_inference_steps: int = 50,
        sampler: str = 'ddim',
        seed: int = 0,
    ) -> None:
        check_sampler(sampler)
        self.interval = integer('interval', interval, 1)
        self.num = integer('num', num, 1)
        self.num_inference_steps = integer('num_inference_steps', num_inference_steps, 1)
        self.sampler = sampler
        self.seed = integer('seed', seed, 0)

    def before_train(self, runner: Runner) -> None:
        """Check that the model can be sampled from in this way."""
        require_method(runner, 'sample', type(self).__name__)
        averaged_model(runner).build_sampler(self.sampler).check_steps(self.num_inference_steps)

    @master_only
    def act(self, runner: Runner) -> None:
        """Draw a grid."""
        model = averaged_model(runner)
        device = next(model.parameters()).device
        images = model.sample(
            self.num,
            generator=torch.Generator(device).manual_seed(self.seed),
            num_inference_steps=self.num_inference_steps,
            sampler=self.sampler,
        )
        grid = image_grid(images)
        step = runner.iter + 1
        _, png = cv2.imencode('.png', grid[..., ::-1])
        path = osp.join(runner.work_dir, 'samples', f'iter_{step:06d}.png')
        write_atomically(png.tobytes(), path)
        runner.visualizer.add_image('samples', grid, step=step)


def image_grid(images: torch.Tensor, gap: int = 2) -> np.ndarray:
    """Lay out images in a grid as square as possible, row by row.

    Args:
        images: RGB (N, 3, H, W) in [-1, 1].
        gap: White pixels between two images. Defaults to 2.

    Returns:
        RGB picture, uint8 (rows * (H + gap) - gap, columns * (W + gap) - gap, 3).
    """
    num, _, height, width = images.shape
    columns = math.ceil(math.sqrt(num))
    rows = math.ceil(num / columns)
    shape = (rows * (height + gap) - gap, columns * (width + gap) - gap, 3)
    grid = np.full(shape, 255, dtype=np.uint8)
    pixels = ((images.float() + 1) * 127.5).round().clamp(0, 255).byte()
    for index, image in enumerate(pixels.permute(0, 2, 3, 1).cpu().numpy()):
        top, left = index // columns * (height + gap), index % columns * (width + gap)
        grid[top : top + height, left : left + width] = image
    return grid

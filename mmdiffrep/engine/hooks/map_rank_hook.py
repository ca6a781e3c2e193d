# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""See a diffusion model's features unfold while it is trained."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import torch
from mmengine.dataset import pseudo_collate
from mmengine.runner import Runner
from torch import Tensor

from mmdiffrep.diffusion.denoisers import load_denoiser
from mmdiffrep.diffusion.map_ranks import map_ranks
from mmdiffrep.engine.averaged_model import averaged_model, require_method
from mmdiffrep.engine.hooks.interval_hook import MeasuringHook
from mmdiffrep.registry import HOOKS
from mmdiffrep.utils.checks import integer, list_of, within
from mmdiffrep.utils.rng import seed_all


@HOOKS.register_module()
class MapRankHook(MeasuringHook):
    """Log the rank of feature maps of the averaged weights, as a share of random weights' rank.

    No labels are needed; see :mod:`mmdiffrep.diffusion.map_ranks` for what it tells. The training
    is not touched. Each map is a scalar ``map_rank/<tap>`` of the visualizer. The first process
    measures, the others wait.

    Args:
        interval (int): Iterations between two measurements; the last iteration always gives one.
            Defaults to 1000.
        taps (sequence of str, optional): What is read. Defaults to None: the middle and every
            decoder tap.
        noise_level (float): Standard deviation of the noise, in (0, 1); the nearest timestep is
            read. Defaults to 0.17: t = 50 of 1,000 with linear betas.
        num_images (int): The first images of the training data. Defaults to 16.
    """

    def __init__(
        self,
        interval: int = 1000,
        taps: Sequence[str] | None = None,
        noise_level: float = 0.17,
        num_images: int = 16,
    ) -> None:
        self.interval = integer('interval', interval, 1)
        self.taps = None if taps is None else tuple(list_of('taps', taps, str))
        self.noise_level = within('noise_level', noise_level, 0, 1, open_low=True, open_high=True)
        self.num_images = integer('num_images', num_images, 1)

    def before_train(self, runner: Runner) -> None:
        """Check that the model can be exported."""
        require_method(runner, 'save_pretrained', type(self).__name__)

    def measure(self, runner: Runner) -> None:
        """Log the ranks of the taps."""
        model = averaged_model(runner)
        device = next(model.parameters()).device
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / 'denoiser'
            model.save_pretrained(str(path), dtype=torch.float32)
            denoiser = load_denoiser(str(path)).freeze().to(device)
            taps = self.taps or [
                name for name in denoiser.taps if name == 'mid' or name.startswith('dec.')
            ]
            timestep = denoiser.schedule.nearest_timestep(self.noise_level)
            found = map_ranks(denoiser, self._images(runner), taps, [timestep])
        shares = {tap: value.share for (_, tap), value in found.items()}
        step = runner.iter + 1
        runner.visualizer.add_scalars(
            {f'map_rank/{tap}': share for tap, share in shares.items()}, step=step
        )
        listed = ', '.join(f'{tap} {share:.2f}' for tap, share in shares.items())
        runner.logger.info(
            f'map rank at {step}, t = {timestep}, as a share of random weights: {listed}'
        )

    def _images(self, runner: Runner) -> Tensor:
        """Return the first images of the training data as the model sees them, (B, 3, H, W)."""
        dataset = runner.train_dataloader.dataset
        seed_all(0)  # of augmentations, within the kept state
        batch = pseudo_collate([dataset[i] for i in range(min(self.num_images, len(dataset)))])
        return averaged_model(runner).data_preprocessor(batch, training=False)['inputs']

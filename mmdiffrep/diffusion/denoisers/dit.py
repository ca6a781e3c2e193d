# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""DiT and SiT, transformers over the latents of a VAE, as a denoiser."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from diffusers import DiTTransformer2DModel
from torch import Tensor
from typing_extensions import Self

from mmdiffrep.diffusion.checkpoints import weight_files
from mmdiffrep.diffusion.condition import Condition
from mmdiffrep.diffusion.denoisers.base import Denoiser
from mmdiffrep.diffusion.denoisers.pass_inputs import Sides
from mmdiffrep.diffusion.dit_checkpoints import load_dit, load_official_dit
from mmdiffrep.diffusion.flow_schedule import FlowSchedule
from mmdiffrep.diffusion.interpolant_schedule import InterpolantSchedule
from mmdiffrep.diffusion.schedule import build_schedule
from mmdiffrep.diffusion.schedule_base import Schedule
from mmdiffrep.diffusion.taps import BlockPaths
from mmdiffrep.diffusion.truncate import CutPlan
from mmdiffrep.diffusion.weights import cast
from mmdiffrep.utils.checks import one_given


class DiTDenoiser(Denoiser):
    """diffusers' ``DiTTransformer2DModel``.

    What the contract calls images are latents: (B, 4, h, w), scaled as the network was trained
    (:class:`~mmdiffrep.diffusion.latents.LatentEncoder` gives them), and square. ``image_size`` and
    strides count cells of the latent.

    Taps: ``block.<i>`` is the i-th transformer block, whose tokens are read as a map
    (B, C, h / patch, w / patch). Any submodule that gives tokens can be read as a map, e.g.
    ``module:transformer_blocks.13.attn1``.

    The network was trained with class labels and with the null label in their place now and then;
    ``cond=None`` gives it the null label.

    Args:
        network: The network.
        schedule: Its noise schedule.
        source: Where the weights come from.

    Raises:
        ValueError: A flow that does not say in which direction the network counts its time.
    """

    network: Any  # its attributes are not typed

    def __init__(
        self, network: DiTTransformer2DModel, schedule: Schedule, source: str = 'random weights'
    ) -> None:
        if isinstance(schedule, FlowSchedule):
            raise ValueError(
                f"{source} comes with a flow, and nothing says which way its network's time runs: "
                "say time_direction='noise_to_data' (official SiT) or 'data_to_noise' (REPA)."
            )
        super().__init__(
            network,
            schedule,
            image_size=network.config['sample_size'],
            in_channels=network.config['in_channels'],
            num_classes=network.config['num_embeds_ada_norm'],
            source=source,
        )

    @classmethod
    def build(
        cls,
        pretrained: str | None = None,
        checkpoint: str | None = None,
        transformer: Mapping[str, Any] | None = None,
        schedule: None | str | Mapping[str, Any] = None,
        time_direction: str | None = None,
        dtype: None | str | torch.dtype = None,
        taps: Sequence[str] | None = None,
    ) -> Self:
        """Build a denoiser from pre-trained or random weights.

        Args:
            pretrained: A pipeline's folder (``transformer/``, ``vae/``, ``scheduler/``), that of a
                bare transformer, or a hub id such as ``facebook/DiT-XL-2-256``. Give one of these
                three.
            checkpoint: A ``.pt`` or ``.safetensors`` file of the official code of DiT or SiT.
            transformer: Arguments of ``DiTTransformer2DModel``, for random weights.
            schedule: See :func:`~mmdiffrep.diffusion.schedule.build_schedule`; None: that of the
                pre-trained model, or DDPM's linear one, which is DiT's.
            time_direction: For SiT, in place of a schedule: ``'noise_to_data'`` (official SiT:
                time 0 is noise) or ``'data_to_noise'`` (REPA). Its timesteps are thousandths of
                the way from the data to the noise.
            dtype: Precision of the weights; None: fp32.
            taps: Truncate after the last of these; None: keep whole.

        Raises:
            ValueError: Not exactly one source of weights, a schedule and a time direction, not a
                DiT, or damaged weights.
            FileNotFoundError: No such model.
            TapError: Unknown taps.
        """
        ways = dict(pretrained=pretrained, checkpoint=checkpoint, transformer=transformer)
        one_given(cls.__name__, **ways)
        if schedule is not None and time_direction is not None:
            raise ValueError('Give a schedule (DiT) or a time_direction (SiT), not both.')
        if time_direction is not None:
            own: Schedule = InterpolantSchedule(time_direction)
        else:
            own = build_schedule(schedule)
        source = pretrained or checkpoint or 'DiT with random weights'
        network: Any
        if pretrained is not None:
            network, own = load_dit(pretrained, own if time_direction else schedule)
        elif checkpoint is not None:
            network = load_official_dit(checkpoint)
        else:
            network = DiTTransformer2DModel(**dict(transformer or {}))
        cast(network, dtype).eval()
        denoiser = cls(network, own, source=source)
        if taps is None:
            return denoiser
        if transformer is not None:
            return denoiser.truncate(taps)
        files = [Path(checkpoint)] if checkpoint else weight_files(source, 'transformer')
        return denoiser._cut_as_loaded(taps, files)

    @property
    def settings(self) -> dict[str, Any]:
        """The config of the transformer, and how it is told the time."""
        config = {key: value for key, value in self.network.config.items() if key[0] != '_'}
        first = self.network.transformer_blocks[0]
        shift = first.norm1.emb.time_proj.downscale_freq_shift
        return {'family': 'DiT', **config, 'freq_shift': shift, **self.schedule.settings}

    @property
    def _needs_label(self) -> bool:
        return False  # the null label stands in for it

    def _skeleton(self) -> DiTTransformer2DModel:
        with torch.device('meta'):
            skeleton: Any = DiTTransformer2DModel.from_config(self.network.config)
        return skeleton.eval()

    def _call(self, network: Any, x_t: Tensor, t: Tensor, cond: Condition) -> Tensor:
        labels = cond.labels
        if labels is None:
            assert self.num_classes is not None  # a DiT has classes
            labels = torch.full((len(x_t),), self.num_classes, device=x_t.device)
        return network(x_t, t, class_labels=labels, return_dict=False)[0]

    def _cells(self, height: int, width: int) -> tuple[int, int]:
        patch = self.network.config['patch_size']
        return height // patch, width // patch

    def _blocks(self, skeleton: Any) -> dict[str, BlockPaths]:
        return {
            f'block.{index}': BlockPaths(path, path)
            for index, path in enumerate(self._units(skeleton))
        }

    def _units(self, skeleton: Any) -> list[str]:
        return [f'transformer_blocks.{i}' for i, _ in enumerate(skeleton.transformer_blocks)]

    def _cut(self, plan: CutPlan) -> bool:
        # The layers behind the last block are small and stay; they ask the first block for the
        # embedding of the timestep.
        blocks = self.network.transformer_blocks
        needed = [plan.needs(f'transformer_blocks.{index}') for index, _ in enumerate(blocks)]
        self.network.transformer_blocks = blocks[: max(1, sum(needed))]
        return True

    @property
    def _sides(self) -> Sides:
        return Sides(self.total_stride, square=True)

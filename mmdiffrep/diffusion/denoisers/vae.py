# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The autoencoder of a latent model, read on its own: maps of its encoder and its decoder."""

from pathlib import Path
from typing import Any, ClassVar

from diffusers import AutoencoderKL
from torch import Tensor, nn
from typing_extensions import Self

from mmdiffrep.diffusion.condition import Condition
from mmdiffrep.diffusion.denoisers.from_folder import FolderDenoiser
from mmdiffrep.diffusion.denoisers.pass_inputs import Sides
from mmdiffrep.diffusion.denoisers.unet_parts import res_blocks
from mmdiffrep.diffusion.schedule_base import Schedule
from mmdiffrep.diffusion.taps import BlockPaths
from mmdiffrep.diffusion.truncate import CutPlan, PassThrough, replace_dead
from mmdiffrep.diffusion.unknown_schedule import UnknownSchedule
from mmdiffrep.utils.checks import equal

_BETWEEN = ('quant_conv', 'post_quant_conv')  # of the encoder and of the decoder; None in SD3
_PATHS = dict(encoder='down_blocks', decoder='up_blocks')
_SAMPLERS = ('downsamplers', 'upsamplers')
_TAIL = ('conv_norm_out', 'conv_act', 'conv_out')


class VAEDenoiser(FolderDenoiser):
    """``AutoencoderKL``, read as a denoiser of clean images: the timestep plays no part.

    Taps: ``enc.<i>`` is the i-th res block of the encoder, ``mid`` its middle block, ``dec.<i>``
    the i-th res block of the decoder, which is given the mean of the latent. ODISE reads the inputs
    of blocks 5 and 7 of the encoder and of 2 and 5 of the decoder: ``enc.5@in``, ``enc.7@in``,
    ``dec.2@in``, ``dec.5@in``. Without taps of the decoder there is no decoder.

    Images may have any sides of a cell or more; what does not fill a cell is left out, as the
    encoder does.

    In float16 that of SDXL gives NaN.

    Args:
        network: The autoencoder.
        schedule: Not used.
        source: Where the weights come from.
        image_size: Side in pixels of the images that it was trained on.
    """

    network_class = AutoencoderKL
    component = 'vae'
    default_schedule = 'linear'
    accepts: ClassVar[tuple[str, ...]] = ()

    def __init__(
        self,
        network: AutoencoderKL,
        schedule: Any = None,
        source: str = 'random weights',
        image_size: int | None = None,
    ) -> None:
        super().__init__(network, UnknownSchedule(source), source, image_size)

    @classmethod
    def _own_schedule(cls, root: Path | None, schedule: object) -> Schedule:
        equal('schedule of a VAEDenoiser', schedule, None, 'An autoencoder has none.')
        return UnknownSchedule('the autoencoder')

    @property
    def cell(self) -> int:
        """Pixels of the image per cell of the latent."""
        return 2 ** (len(self.network.config.block_out_channels) - 1)

    @property
    def text_width(self) -> int:
        """No prompt."""
        return 0

    @property
    def _needed(self) -> tuple[str, ...]:
        return ()

    def compute_in(self, precision: str | None = None) -> Self:
        """Fix the precision; None: float32, on a GPU too."""
        return super().compute_in('float32' if precision is None else precision)

    @property
    def _sides(self) -> Sides:
        return Sides(low=self.cell)

    def _as_map(self, name: str, value: Tensor, x_t: Tensor) -> Tensor:
        if value.ndim == 4:
            return value
        # tokens of an attention, on the grid of the latent
        height, width = (side // self.cell for side in x_t.shape[2:])
        return value.transpose(1, 2).unflatten(2, (height, width))

    def _call(self, network: Any, x_t: Tensor, t: Tensor, cond: Condition) -> Tensor:
        moments = network.encoder(x_t)
        if network.quant_conv is not None:
            moments = network.quant_conv(moments)
        if network.decoder is None:
            return moments
        latent = moments.chunk(2, dim=1)[0]
        if network.post_quant_conv is not None:
            latent = network.post_quant_conv(latent)
        # diffusers' own loop asks the up blocks for their precision, which a cut may leave without
        decoder = network.decoder
        hidden = decoder.mid_block(decoder.conv_in(latent))
        for block in decoder.up_blocks:
            hidden = block(hidden)
        return decoder.conv_out(decoder.conv_act(decoder.conv_norm_out(hidden)))

    def _blocks(self, skeleton: Any) -> dict[str, BlockPaths]:
        blocks = res_blocks(skeleton.encoder.down_blocks, 'encoder.down_blocks', 'enc')
        blocks['mid'] = BlockPaths('encoder.mid_block', 'encoder.mid_block')
        blocks.update(res_blocks(skeleton.decoder.up_blocks, 'decoder.up_blocks', 'dec'))
        return blocks

    def _units(self, skeleton: Any) -> list[str]:
        units = [name for name in _BETWEEN if getattr(skeleton, name) is not None]
        for side, path in _PATHS.items():
            units += [f'{side}.{name}' for name in ('conv_in', 'mid_block', *_TAIL)]
            for index, block in enumerate(getattr(getattr(skeleton, side), path)):
                for kind in ('resnets', *_SAMPLERS):
                    parts = getattr(block, kind, None) or ()
                    units += [f'{side}.{path}.{index}.{kind}.{i}' for i, _ in enumerate(parts)]
        return units

    def _cut(self, plan: CutPlan) -> bool:
        if not plan.needs('decoder') and 'post_quant_conv' not in plan.live:
            self.network.decoder = self.network.post_quant_conv = None
        for name in _BETWEEN:
            if getattr(self.network, name) is not None and name not in plan.live:
                setattr(self.network, name, PassThrough())
        for side, path in _PATHS.items():
            half = getattr(self.network, side)
            if half is not None:
                self._cut_half(half, side, path, plan)
        return True

    def _cut_half(self, half: Any, side: str, path: str, plan: CutPlan) -> None:
        blocks = getattr(half, path)
        needed = sum(plan.needs(f'{side}.{path}.{index}') for index, _ in enumerate(blocks))
        setattr(half, path, nn.ModuleList(blocks[:needed]))
        for index, block in enumerate(getattr(half, path)):
            where = f'{side}.{path}.{index}'
            for kind in ('resnets', *_SAMPLERS):
                if getattr(block, kind, None) is not None:
                    replace_dead(getattr(block, kind), f'{where}.{kind}', plan)
        for name in ('conv_in', 'mid_block', *_TAIL):
            if f'{side}.{name}' not in plan.live:
                setattr(half, name, PassThrough())

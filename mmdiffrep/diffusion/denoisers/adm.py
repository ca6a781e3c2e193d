# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""ADM, the U-Net of guided-diffusion, as a denoiser described by that code base's own flags."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from typing_extensions import Self

from mmdiffrep.diffusion.condition import Condition
from mmdiffrep.diffusion.denoisers.adm_flags import (
    flag_hint,
    parse_attention,
    parse_channel_mult,
    schedule_of_flags,
)
from mmdiffrep.diffusion.denoisers.adm_presets import ADM_PRESETS, origin_of_file, preset_of_file
from mmdiffrep.diffusion.denoisers.adm_unet import ADMUNet
from mmdiffrep.diffusion.denoisers.base import Denoiser
from mmdiffrep.diffusion.denoisers.null_label import check_null_label, null_embedding
from mmdiffrep.diffusion.paper_taps import adm_aliases
from mmdiffrep.diffusion.schedule import NoiseSchedule
from mmdiffrep.diffusion.taps import BlockPaths
from mmdiffrep.diffusion.truncate import CutPlan, replace_dead
from mmdiffrep.diffusion.weights import as_dtype, load_weights
from mmdiffrep.utils.checks import one_of
from mmdiffrep.utils.state_fit import check_fit, differences


class ADMDenoiser(Denoiser):
    """The network of ADM (Dhariwal and Nichol, 2021), loading guided-diffusion's ``.pt`` files.

    Taps: ``enc.<i>`` is ``input_blocks[i]``, ``mid`` the middle block, ``dec.<i>`` is
    ``output_blocks[i]``; a block that ends with a down- or up-sampler is read after it.

    A class-conditional ADM was trained without a null class. Without labels it is given one of two
    stand-ins: ``'mean'`` adds the mean of all class embeddings to the timestep's embedding, which
    stays where the network was trained; ``'zero'`` adds nothing. A network that was trained with a
    null class of its own is given that class by its number.

    Args:
        unet: Arguments of :class:`ADMUNet`.
        schedule: The noise schedule.
        image_size: Side in pixels of the training images.
        rescale_timesteps: The network reads timesteps scaled to 0 .. 1000.
        null_label: ``'mean'``, ``'zero'`` or a class, see above.
        source: Where the weights come from.

    Raises:
        ValueError: Unknown ``null_label``, or widths that do not divide.
    """

    network: ADMUNet

    def __init__(
        self,
        unet: Mapping[str, Any],
        schedule: NoiseSchedule,
        image_size: int,
        rescale_timesteps: bool = False,
        null_label: str | int = 'mean',
        source: str = 'ADM with random weights',
    ) -> None:
        check_null_label(null_label, unet['num_classes'])
        super().__init__(
            ADMUNet(**unet),
            schedule,
            image_size=image_size,
            in_channels=unet['in_channels'],
            num_classes=unet['num_classes'],
            source=source,
        )
        self.null_label = null_label
        self._unet = dict(unet)
        self._timestep_scale = 1000.0 / schedule.num_timesteps if rescale_timesteps else None

    @classmethod
    def from_pretrained(
        cls, path_or_id: str, taps: Sequence[str] | None = None, preset: str | None = None
    ) -> Self:
        """Load a published checkpoint, whose flags are known.

        Args:
            path_or_id: A ``.pt`` or ``.safetensors`` file.
            taps: Truncate after the last of these; None: keep whole.
            preset: Name in ``ADM_PRESETS``; None: found by the file's official name. Other
                checkpoints are loaded with :meth:`build` and their flags.

        Raises:
            FileNotFoundError: No such file.
            ValueError: Unknown preset or file name, or weights that do not fit.
        """
        name = preset_of_file(path_or_id) if preset is None else preset
        one_of('preset', name, ADM_PRESETS)
        return cls.build(checkpoint=path_or_id, taps=taps, **ADM_PRESETS[name])

    @classmethod
    def build(
        cls,
        checkpoint: str | None = None,
        image_size: int = 64,
        num_channels: int = 128,
        num_res_blocks: int = 2,
        num_heads: int = 4,
        num_heads_upsample: int = -1,
        num_head_channels: int = -1,
        attention_resolutions: str = '16,8',
        channel_mult: str = '',
        dropout: float = 0.0,
        class_cond: bool = False,
        num_classes: int = 1000,
        use_scale_shift_norm: bool = True,
        resblock_updown: bool = False,
        use_new_attention_order: bool = False,
        learn_sigma: bool = False,
        diffusion_steps: int = 1000,
        noise_schedule: str = 'linear',
        predict_xstart: bool = False,
        rescale_timesteps: bool | None = None,
        null_label: str | int = 'mean',
        dtype: None | str | torch.dtype = None,
        taps: Sequence[str] | None = None,
    ) -> Self:
        """Build a network from guided-diffusion's flags, whose defaults these are.

        ``num_heads``, ``num_head_channels`` and ``use_new_attention_order`` leave no trace in the
        weights: a checkpoint loads with wrong values and gives wrong features. Take the flags
        that it was trained with.

        Args:
            checkpoint: State dict of guided-diffusion, ``.pt`` or ``.safetensors``; None: random
                weights.
            image_size: Side of the training images.
            num_channels: Base width.
            num_res_blocks: Residual blocks per level.
            num_heads: Attention heads; ignored when ``num_head_channels`` is given.
            num_heads_upsample: Attention heads on the way out; -1: ``num_heads``.
            num_head_channels: Channels per attention head; -1: derived from ``num_heads``.
            attention_resolutions: Sides of the maps with attention, separated by commas.
            channel_mult: Width multipliers of the levels, separated by commas; ``''``: the
                official ones for 64, 128, 256 and 512 pixels.
            dropout: Only active in training mode.
            class_cond: Whether the network is told a class.
            num_classes: Number of classes if it is (guided-diffusion has it fixed at 1000).
            use_scale_shift_norm: The timestep scales and shifts normalized maps.
            resblock_updown: Residual blocks change the resolution.
            use_new_attention_order: Layout of queries, keys and values.
            learn_sigma: The network also predicts the variance: ``predict`` gives 6 channels, of
                which the first 3 are the noise.
            diffusion_steps: Number of timesteps.
            noise_schedule: ``'linear'`` or ``'cosine'``.
            predict_xstart: The network predicts the clean image instead of the noise.
            rescale_timesteps: The network reads timesteps scaled to 0 .. 1000. None: they are the
                same with 1000 ``diffusion_steps``; with another number the flag is asked for, as
                guided-diffusion's default is False and improved-diffusion's True.
            null_label: See the class.
            dtype: Precision of the weights; None: float32.
            taps: Truncate after the last of these; None: keep whole.

        Raises:
            FileNotFoundError: No such checkpoint.
            ValueError: Flags that contradict each other, or weights that do not fit them.
            TapError: Unknown taps.
        """
        unet = dict(
            in_channels=3,
            model_channels=num_channels,
            out_channels=6 if learn_sigma else 3,
            num_res_blocks=num_res_blocks,
            channel_mult=parse_channel_mult(channel_mult, image_size),
            attention_strides=parse_attention(attention_resolutions, image_size),
            num_classes=num_classes if class_cond else None,
            dropout=dropout,
            num_heads=num_heads,
            num_head_channels=num_head_channels,
            num_heads_upsample=num_heads_upsample,
            use_scale_shift_norm=use_scale_shift_norm,
            resblock_updown=resblock_updown,
            use_new_attention_order=use_new_attention_order,
        )
        schedule = schedule_of_flags(noise_schedule, diffusion_steps, predict_xstart)
        if rescale_timesteps is None and diffusion_steps != 1000:
            raise ValueError(
                f'With diffusion_steps={diffusion_steps}, say rescale_timesteps=True or False: the '
                'default of guided-diffusion is False and that of improved-diffusion is True, and '
                'nothing in the weights tells which one a network was trained with.'
            )
        rest: dict[str, Any] = dict(
            rescale_timesteps=bool(rescale_timesteps), null_label=null_label
        )
        if checkpoint is None:
            denoiser = cls(unet, schedule, image_size, **rest)
        else:
            weights = load_weights(checkpoint, origin_of_file(checkpoint))
            with torch.device('meta'):  # the weights that are loaded take the place of these
                denoiser = cls(unet, schedule, image_size, source=str(checkpoint), **rest)
            problems = differences(denoiser.network.state_dict(), weights)
            hint = flag_hint(weights, unet) if any(problems.values()) else ''
            check_fit(f"'{checkpoint}'", 'the network that the flags describe', problems, hint)
            denoiser.network.load_state_dict(weights, assign=True)
        denoiser.to(as_dtype(dtype)).eval()
        if taps is None:
            return denoiser
        if checkpoint is None:
            return denoiser.truncate(taps)
        return denoiser._cut_as_loaded(taps, [Path(checkpoint).expanduser()])

    @property
    def settings(self) -> dict[str, Any]:
        """Arguments of the U-Net and how it is called."""
        called = dict(timestep_scale=self._timestep_scale, null_label=self.null_label)
        return {'family': 'ADM', **self._unet, **called}

    @property
    def skips(self) -> list[str]:
        """``dec.<i>`` is given the map of the encoder block that mirrors it."""
        whole, _ = self._anatomy
        return [name for name in whole.blocks if name.startswith('enc.')][::-1]

    def _skeleton(self) -> ADMUNet:
        with torch.device('meta'):
            return ADMUNet(**self._unet).eval()

    def _call(self, network: Any, x_t: Tensor, t: Tensor, cond: Condition) -> Tensor:
        if self._timestep_scale is not None:
            t = t.float() * self._timestep_scale
        label_embedding = None
        if cond.labels is not None:
            label_embedding = network.label_emb(cond.labels)
        elif self.num_classes is not None and self.null_label != 'zero':
            label_embedding = null_embedding(network.label_emb.weight, self.null_label)
        return network(x_t, t, label_embedding)

    @property
    def _needs_label(self) -> bool:
        return False  # `null_label` stands in for it

    def _blocks(self, skeleton: Any) -> dict[str, BlockPaths]:
        paths = {f'enc.{i}': f'input_blocks.{i}' for i, _ in enumerate(skeleton.input_blocks)}
        paths['mid'] = 'middle_block'
        paths.update(
            {f'dec.{i}': f'output_blocks.{i}' for i, _ in enumerate(skeleton.output_blocks)}
        )
        return {name: BlockPaths(path, path) for name, path in paths.items()}

    def _aliases(self, skeleton: Any) -> dict[str, str]:
        return adm_aliases(len(skeleton.input_blocks))

    def _units(self, skeleton: Any) -> list[str]:
        return [
            f'{path}.{index}'
            for path, sequence in _sequences(skeleton)
            for index, _ in enumerate(sequence)
        ]

    def _cut(self, plan: CutPlan) -> bool:
        for path, sequence in _sequences(self.network):
            replace_dead(sequence, path, plan)
        for name in ('input_blocks', 'output_blocks'):
            blocks = getattr(self.network, name)
            needed = [plan.needs(f'{name}.{index}') for index, _ in enumerate(blocks)]
            setattr(self.network, name, blocks[: sum(needed)])
        return True


def _sequences(network: Any) -> list[tuple[str, nn.Sequential]]:
    """List the blocks, each a sequence of layers, in the order of a pass."""
    return [
        *((f'input_blocks.{i}', block) for i, block in enumerate(network.input_blocks)),
        ('middle_block', network.middle_block),
        *((f'output_blocks.{i}', block) for i, block in enumerate(network.output_blocks)),
        ('out', network.out),
    ]

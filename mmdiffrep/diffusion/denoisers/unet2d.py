# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""diffusers' ``UNet2DModel`` (DDPM, DDIM and other pixel models) as a denoiser."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from diffusers import UNet2DModel
from torch import Tensor, nn
from typing_extensions import Self

from mmdiffrep.diffusion.checkpoints import load_unet2d, weight_files
from mmdiffrep.diffusion.condition import Condition
from mmdiffrep.diffusion.denoisers.base import Denoiser
from mmdiffrep.diffusion.denoisers.null_label import NullableEmbedding, check_null_label
from mmdiffrep.diffusion.denoisers.unet_parts import UNetBlocks, skip_taps
from mmdiffrep.diffusion.paper_taps import numbered
from mmdiffrep.diffusion.schedule import build_schedule
from mmdiffrep.diffusion.schedule_base import Schedule
from mmdiffrep.diffusion.truncate import CutPlan
from mmdiffrep.diffusion.ve_schedule import VESchedule
from mmdiffrep.diffusion.weights import cast
from mmdiffrep.utils.checks import integer, one_given, one_of


class UNet2DDenoiser(UNetBlocks, Denoiser):
    """A diffusers ``UNet2DModel``.

    Taps: ``enc.<i>`` is the i-th res block of the down path together with the attention behind it,
    ``mid`` the middle block, ``dec.<i>`` the i-th res block (with attention) of the up path. A tap
    of the last res block before a down- or up-sampler is the map *before* sampling; the map after
    it is ``module:down_blocks.<k>`` or ``module:up_blocks.<k>`` (this is what ``diffusers``
    calls the block's output, and what DDPM-Seg and DIFT read from ADM). ``dec.<i>@in`` is the
    res block's input with the skip connection concatenated.

    Without labels a class-conditional network is given a stand-in, see ``null_label``.

    Args:
        network: The network.
        schedule: Its noise schedule.
        source: Where the weights come from.
        null_label: Stands in for the label: ``'mean'`` of all class embeddings, ``'zero'``, which
            adds nothing, or the number of the class that the network was trained with as its null
            class.

    Raises:
        ValueError: The network's ``sample_size`` is not one number, or an unknown ``null_label``.
    """

    def __init__(
        self,
        network: Any,
        schedule: Schedule,
        source: str = 'random weights',
        null_label: str | int = 'mean',
    ) -> None:
        size: Any = network.config.sample_size
        if isinstance(size, (tuple, list)) and len(set(size)) == 1:
            size = size[0]
        super().__init__(
            network,
            schedule,
            image_size=integer('sample_size of the U-Net config', size, 1),
            in_channels=network.config.in_channels,
            num_classes=_num_classes(network.config),
            source=source,
        )
        _check_time(network.config, schedule)
        self.null_label = check_null_label(null_label, self.num_classes)
        if self.num_classes is not None:
            network.class_embedding = NullableEmbedding(network.class_embedding, null_label)

    @classmethod
    def build(
        cls,
        pretrained: str | None = None,
        unet: Mapping[str, Any] | None = None,
        schedule: None | str | Mapping[str, Any] = None,
        null_label: str | int = 'mean',
        dtype: None | str | torch.dtype = None,
        taps: Sequence[str] | None = None,
    ) -> Self:
        """Build a denoiser from pre-trained or random weights.

        Args:
            pretrained: A pipeline's folder (``model_index.json``, ``unet/``, ``scheduler/``), that
                of a bare U-Net (``config.json``), a hub id, or ``mmdiffrep://<name>`` for a model
                that comes with the package. Give this or ``unet``.
            unet: Arguments of ``UNet2DModel``, for random weights.
            schedule: See :func:`~mmdiffrep.diffusion.schedule.build_schedule`; None: that of the
                pre-trained model, or DDPM's linear one.
            null_label: See the class.
            dtype: Precision of the weights; None: fp32.
            taps: Truncate after the last of these; None: keep whole.

        Raises:
            ValueError: Both or none of ``pretrained`` and ``unet``, another class of network, or
                damaged weights.
            FileNotFoundError: No such model; says how to give a local folder.
            TapError: Unknown taps.
        """
        one_given(cls.__name__, pretrained=pretrained, unet=unet)
        network: Any
        if pretrained is not None:
            network, own_schedule = load_unet2d(pretrained, schedule)
            source = pretrained
        else:
            assert unet is not None
            network, own_schedule = UNet2DModel(**unet), build_schedule(schedule)
            source = 'UNet2DModel with random weights'
        denoiser = cls(cast(network, dtype), own_schedule, source, null_label)
        if taps is None:
            return denoiser
        if pretrained is None:
            return denoiser.truncate(taps)
        return denoiser._cut_as_loaded(taps, weight_files(pretrained, 'unet'))

    @property
    def settings(self) -> dict[str, Any]:
        """The config of the U-Net, and how it is called if that is not DDPM's way."""
        config = {key: value for key, value in self.network.config.items() if key[0] != '_'}
        null = {} if self.num_classes is None else {'null_label': self.null_label}
        return {'family': 'UNet2D', **config, **null, **self.schedule.settings}

    @property
    def skips(self) -> list[str]:
        """``conv_in``, the res blocks and the down-samplers, last first; [] for NCSN++.

        NCSN++'s down path is joined by an image of its own, after each down-sampler.
        """
        whole, _ = self._anatomy
        if any(path.endswith('.resnet_down') for path in whole.calls):
            return []
        return skip_taps(whole)

    def _skeleton(self) -> nn.Module:
        with torch.device('meta'):
            network: Any = UNet2DModel.from_config(self.network.config)
        return network.eval()

    @property
    def _needs_label(self) -> bool:
        return False  # `null_label` stands in for it

    def _call(self, network: Any, x_t: Tensor, t: Tensor, cond: Condition) -> Tensor:
        labels = cond.labels
        if labels is None and self.num_classes is not None:
            labels = torch.full((len(x_t),), self.num_classes, device=x_t.device)
        return network(x_t, t, class_labels=labels, return_dict=False)[0]

    def _aliases(self, skeleton: Any) -> dict[str, str]:
        return numbered('ddae')

    def _cut(self, plan: CutPlan) -> bool:
        kept = self._kept(plan)
        if any(hasattr(block, 'skip_conv') for block in kept['up_blocks']):
            return False  # NCSN++ sums an image over the up path, which must run to its end
        self._cut_paths(kept, plan)
        self._cut_middle(plan)
        self._cut_ends(plan)
        return True


def _check_time(config: Mapping[str, Any], schedule: Schedule) -> None:
    """Check that the network's time embedding takes what the schedule gives."""
    kind = config.get('time_embedding_type')
    if (kind == 'fourier') != isinstance(schedule, VESchedule):
        raise ValueError(
            f'time_embedding_type={kind!r} does not go with a {type(schedule).__name__}: a network '
            "with 'fourier' features is told sigma (NCSN++: schedule='ve'), others are not."
        )


def _num_classes(config: Mapping[str, Any]) -> int | None:
    advice = 'A UNet2DModel is unconditional or has num_class_embeds.'
    one_of('class_embed_type', config.get('class_embed_type'), [None], advice)
    return config.get('num_class_embeds')

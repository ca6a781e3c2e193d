# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Denoisers that are one network class of diffusers, loaded from its folder as far as needed."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import nn
from typing_extensions import Self

from mmdiffrep.diffusion.checkpoints import (
    component_folder,
    read_json,
    read_schedule,
    resolve_folder,
)
from mmdiffrep.diffusion.condition import Condition
from mmdiffrep.diffusion.denoisers.base import Denoiser
from mmdiffrep.diffusion.denoisers.pass_inputs import Sides
from mmdiffrep.diffusion.file_hashes import hash_files
from mmdiffrep.diffusion.partial_load import (
    build_without_weights,
    find_weights,
    load_surviving,
)
from mmdiffrep.diffusion.schedule import build_schedule
from mmdiffrep.diffusion.schedule_base import Schedule
from mmdiffrep.diffusion.stored_config import read_network
from mmdiffrep.diffusion.weights import as_dtype, cast
from mmdiffrep.utils.checks import of_shape, one_given


class FolderDenoiser(Denoiser):
    """A family whose networks are all of one diffusers class.

    Networks are of latents; ``image_size`` and strides count their cells.

    Args:
        network: The network.
        schedule: Its noise schedule.
        source: Where the weights come from.
        image_size: Side of the latents that it was trained on; None: ``default_size``.

    Attributes:
        pixels_per_cell: Pixels of an image per cell of its latent, for networks that are told the
            size of the image.
    """

    reads_in_part = True
    network_class: ClassVar[Any]
    component: ClassVar[str]
    """Name of the network's folder in a pipeline."""
    default_schedule: ClassVar[str]
    """Schedule of a network with random weights."""

    def __init__(
        self,
        network: Any,
        schedule: Schedule,
        source: str = 'random weights',
        image_size: int | None = None,
    ) -> None:
        self._check_config(network.config)
        super().__init__(
            network,
            schedule,
            image_size=self.default_size(network.config) if image_size is None else image_size,
            in_channels=self.latent_channels(network.config),
            num_classes=network.config.get('num_class_embeds'),
            source=source,
        )
        self.pixels_per_cell = 8
        self._files: tuple[Path, ...] = ()

    @classmethod
    def default_size(cls, config: Mapping[str, Any]) -> int:
        """Return the side of the latents that a network with this config was trained on."""
        size = config['sample_size']
        return size if isinstance(size, int) else size[0]

    @classmethod
    def latent_channels(cls, config: Mapping[str, Any]) -> int:
        """Return the channels of the latents that a network with this config takes."""
        return config['in_channels']

    @classmethod
    def build(
        cls,
        pretrained: str | None = None,
        config: Mapping[str, Any] | None = None,
        schedule: None | str | Mapping[str, Any] = None,
        variant: str | None = None,
        weights: str | None = None,
        image_size: int | None = None,
        dtype: None | str | torch.dtype = None,
        taps: Sequence[str] | None = None,
    ) -> Self:
        """Build a denoiser from pre-trained or random weights.

        Args:
            pretrained: Folder of a pipeline, of a bare network, or a hub id. Give this or
                ``config``. Only tensors that outlive the cut are read, in the asked precision.
            config: Arguments of the diffusers class, for random weights.
            schedule: See :func:`~mmdiffrep.diffusion.schedule.build_schedule`; None: that of the
                folder, or the family's.
            variant: Of the files: ``'fp16'``, ``'non_ema'``, ...; None: the plain ones, else the
                first that is there.
            weights: A safetensors file that is read in place of the folder's, such as CleanDIFT's.
            image_size: Side of the latents, in cells; None: the side that the config says.
            dtype: Precision of the weights; None: float32, whatever is stored.
            taps: Cut after the last of these; None: keep whole.

        Raises:
            ValueError: Both or none of ``pretrained`` and ``config``, another class of network, or
                weights that are damaged or do not fit.
            FileNotFoundError: No such model.
            TapError: Unknown taps.
        """
        one_given(cls.__name__, pretrained=pretrained, config=config)
        if config is not None:
            network = cast(cls.network_class(**config), dtype).eval()
            own = cls._own_schedule(None, schedule)
            denoiser = cls(network, own, f'{cls.__name__} with random weights', image_size)
            return denoiser if taps is None else denoiser._cut_after(taps)
        assert pretrained is not None
        root = resolve_folder(pretrained)
        folder = component_folder(root, cls.component, cls.network_class.__name__)
        network = build_without_weights(cls.network_class, cls._read_config(folder))
        denoiser = cls(network, cls._own_schedule(root, schedule), pretrained, image_size)
        files = find_weights(folder, variant, weights)
        whole = network.state_dict().keys()
        if taps is not None:
            denoiser.truncate(taps)
        load_surviving(denoiser.network, files, whole, as_dtype(dtype))
        denoiser._files = tuple(set(files.values()))
        vae = root / 'vae' / 'config.json'
        channels = read_json(vae).get('block_out_channels') if vae.is_file() else None
        if channels:
            denoiser.pixels_per_cell = 2 ** (len(channels) - 1)
        return denoiser

    @classmethod
    def _own_schedule(cls, root: Path | None, schedule: None | str | Mapping[str, Any]) -> Schedule:
        """Return the schedule that is asked for, or that of a folder, or the family's."""
        if schedule is None and root is not None:
            return read_schedule(root)
        return build_schedule(cls.default_schedule if schedule is None else schedule)

    @classmethod
    def without_weights(cls, path_or_id: str) -> Self:
        """Build the denoiser of a folder on the meta device, for its table of taps and their costs.

        Args:
            path_or_id: See :meth:`build`; its weights are not read.
        """
        root = resolve_folder(path_or_id)
        folder = component_folder(root, cls.component, cls.network_class.__name__)
        with torch.device('meta'):
            network = cls.network_class.from_config(cls._read_config(folder)).eval()
        return cls(network, read_schedule(root), path_or_id)

    @classmethod
    def _read_config(cls, folder: Path) -> dict[str, Any]:
        return read_network(folder, [cls.network_class.__name__], f'{cls.__name__} reads no other.')

    def _cut_after(self, taps: Sequence[str]) -> Self:
        self.truncate(taps)
        return self

    @property
    def settings(self) -> dict[str, Any]:
        """The config of the network, and how it is called."""
        config = {key: value for key, value in self.network.config.items() if key[0] != '_'}
        return {'family': type(self).__name__, **config, **self.schedule.settings}

    @property
    def weights_hash(self) -> str:
        """Hash of the files that the weights come from; of the values if they are random."""
        if self._whole_hash is None and self._files:
            self._whole_hash = hash_files(self._files)
        return super().weights_hash

    def _skeleton(self) -> nn.Module:
        with torch.device('meta'):
            return self.network_class.from_config(self.network.config).eval()

    @property
    @abstractmethod
    def text_width(self) -> int:
        """Channels of the embedded tokens of a prompt."""

    @property
    def _sides(self) -> Sides:
        return Sides()

    def _check_config(self, config: Mapping[str, Any]) -> None:
        """Refuse a network of the class that the family does not read; by default none."""

    @staticmethod
    def _prompt(cond: Condition) -> dict[str, Any]:
        """Return what diffusers' networks are told of a prompt."""
        return dict(
            encoder_hidden_states=cond.prompt_embeds,
            encoder_attention_mask=cond.prompt_mask,
            return_dict=False,
        )

    @property
    def _needed(self) -> tuple[str, ...]:
        """Parts of a condition that the network cannot do without."""
        return ('prompt_embeds',)

    def _check_cond(self, cond: Condition) -> None:
        super()._check_cond(cond)
        missing = [name for name in self._needed if name not in cond.given]
        if missing:
            raise ValueError(
                f'{self.source} needs {" and ".join(missing)} of a condition: give the folder of a '
                'whole pipeline (its empty prompt is the default) or a prompt; or '
                f'Condition({", ".join(f"{name}=..." for name in missing)}).'
            )
        if cond.prompt_embeds is not None:
            advice = 'Another width comes from the text encoder of another model.'
            of_shape('prompt_embeds', cond.prompt_embeds, 'B', 'L', self.text_width, advice=advice)

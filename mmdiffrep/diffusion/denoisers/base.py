# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The contract of all denoisers: an image and a timestep in, feature maps by tap name out."""

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from mmdiffrep.diffusion.checkpoints import hash_weights
from mmdiffrep.diffusion.precision import FrozenPrecision, no_autocast
from mmdiffrep.diffusion.schedule_base import Schedule
from mmdiffrep.diffusion.taps import BlockPaths, TapError, TapTable, tap_names
from mmdiffrep.diffusion.trace import StopPass, TapRecorder, trace_calls
from mmdiffrep.diffusion.truncate import CutPlan, plan_cut


class Denoiser(nn.Module, ABC):
    """A pre-trained diffusion network read at taps.

    A family (diffusers' U-Net, ADM, ...) says how its network is built without weights, called,
    divided into blocks and cut; everything else is here.

    Args:
        network: The network; its parameters are this module's only ones.
        schedule: The noise schedule that it was trained with.
        image_size: Side in pixels of the square images that it was trained on.
        in_channels: Channels of its input.
        num_classes: Labels that it is conditioned on; None for an unconditional network.
        source: Where the weights come from, for logs and checkpoints.
    """

    def __init__(
        self,
        network: nn.Module,
        schedule: Schedule,
        *,
        image_size: int,
        in_channels: int = 3,
        num_classes: int | None = None,
        source: str = 'random weights',
    ) -> None:
        super().__init__()
        self.network = network
        self.schedule = schedule
        self.image_size = image_size
        self.in_channels = in_channels
        self.num_classes = num_classes
        self.source = source
        self._frozen = False
        self._precision: FrozenPrecision | None = None
        self._cut_taps: Sequence[str] | None = None
        self._whole_hash: str | None = None
        self._recorder = TapRecorder()

    @classmethod
    @abstractmethod
    def from_pretrained(cls, path_or_id: str, taps: Sequence[str] | None = None) -> 'Denoiser':
        """Load a network with its weights.

        Args:
            path_or_id: What the family reads: a folder, a hub id, a file.
            taps: Taps that will be read: the network is truncated after the last of them. None
                keeps it whole, and any tap can be read.
        """

    @abstractmethod
    def _skeleton(self) -> nn.Module:
        """Build the whole network, without weights, on the meta device."""

    @abstractmethod
    def _call(self, network: nn.Module, x_t: Tensor, t: Tensor, cond: Tensor | None) -> Tensor:
        """Run ``network`` (this one or a skeleton of it) and return its output."""

    @abstractmethod
    def _blocks(self, skeleton: nn.Module) -> dict[str, BlockPaths]:
        """Says where each canonical block of the whole network begins and ends."""

    @abstractmethod
    def _units(self, skeleton: nn.Module) -> list[str]:
        """List the paths of the smallest parts that :meth:`_cut` can keep or drop."""

    @abstractmethod
    def _cut(self, plan: CutPlan) -> bool:
        """Cuts ``self.network`` in place; returns False, and changes nothing, if it cannot."""

    @property
    def _needs_label(self) -> bool:
        """Whether no pass is possible without class labels."""
        return self.num_classes is not None

    def _example_cond(self) -> Tensor | None:
        """Return a condition for one image on the meta device, for tracing."""
        return None if self.num_classes is None else torch.zeros(1, dtype=torch.long, device='meta')

    @cached_property
    def _anatomy(self) -> tuple[TapTable, list[str]]:
        """The whole network's taps and units."""
        return self._trace()

    @torch.compiler.disable
    def _trace(self) -> tuple[TapTable, list[str]]:
        """Find taps and units with one pass of a skeleton on the meta device."""
        skeleton = self._skeleton()
        side = self.image_size
        image = torch.empty(1, self.in_channels, side, side, device='meta')
        t = torch.zeros(1, dtype=torch.long, device='meta')
        cond = self._example_cond()
        calls = trace_calls(skeleton, lambda: self._call(skeleton, image, t, cond))
        return TapTable(calls, self._blocks(skeleton), side), self._units(skeleton)

    @cached_property
    def taps(self) -> TapTable:
        """The readable taps: a mapping from tap name to ``Tap(channels, stride)``.

        Known before any forward pass, also on the meta device. Iterating gives the canonical
        names; ``module:`` taps, sides and aliases can be looked up.
        """
        whole, _ = self._anatomy
        return whole if self._cut_taps is None else whole.cut(self._cut_taps)

    @cached_property
    def total_stride(self) -> int:
        """Sides of an image must be multiples of this: the network halves them that often."""
        whole, _ = self._anatomy
        return max(whole[name].stride for name in whole)

    @property
    def units(self) -> list[str]:
        """Paths of the whole network's smallest parts that can be kept or dropped, in order."""
        return self._anatomy[1]

    @property
    def skips(self) -> list[str]:
        """Taps of the encoder maps that the decoder is given: entry i goes to ``dec.<i>``.

        Empty for a network without skip connections, or without plain ones.
        """
        return []

    @property
    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """What the network was built with, as values that JSON has.

        Two networks of equal weights and settings are the same network; equal weights alone do not
        say so, as they do not show the number of attention heads.
        """

    @property
    def weights_hash(self) -> str:
        """Hash of the whole network's weights; a truncated one keeps that of its original."""
        return hash_weights(self.network) if self._whole_hash is None else self._whole_hash

    def share_weights(self) -> 'Denoiser':
        """Give another denoiser over the same weights, to be cut and watched on its own.

        Freeze it before: the copy remembers the hash of the weights as they are.
        """
        shared = {id(parameter): parameter for parameter in self.parameters()}
        twin = copy.deepcopy(self, shared)
        if not any(parameter.is_meta for parameter in self.parameters()):
            self._whole_hash = twin._whole_hash = self.weights_hash  # reads all, so once
        return twin

    def reading_paused(self) -> AbstractContextManager[None]:
        """Return a context in which parts of the network can be run without reading taps."""
        return self._recorder.paused()

    def truncate(self, taps: Sequence[str]) -> 'Denoiser':
        """Cuts the network after the last of ``taps``, in place; what is behind is dropped.

        Features are bit-identical to the whole network's. A network that cannot be cut keeps its
        weights and its passes are stopped after the last tap.

        Raises:
            TapError: A tap does not exist, or none is given.
            ValueError: The network was already truncated.
        """
        if self._cut_taps is not None:
            raise ValueError(f'This network was already truncated, for {list(self._cut_taps)}.')
        names = tap_names(taps)
        whole, units = self._anatomy
        sites = {name: whole.site(name) for name in names}
        plan = plan_cut(whole.calls, units, sites.values())
        if not any(parameter.is_meta for parameter in self.network.parameters()):
            self._whole_hash = self.weights_hash
        self._recorder.stop = not self._cut(plan)
        self._cut_taps = names
        self.__dict__.pop('taps', None)
        self._recorder.watch(self.network, sites)
        return self

    def forward(
        self,
        x_t: Tensor,
        t: Tensor | int,
        cond: Tensor | None = None,
        taps: Sequence[str] | None = None,
    ) -> dict[str, Tensor]:
        """Read feature maps.

        Args:
            x_t: (B, C, H, W) noised (or clean) images in [-1, 1], RGB, brought to the precision of
                the weights. H and W may differ from ``image_size`` but must be multiples of
                ``total_stride``.
            t: (B,) timesteps, or one for all.
            cond: (B,) class labels for a class-conditional network, else None.
            taps: Names of the taps to read; None: those that the network was truncated for.

        Returns:
            Tap name, as given -> (B, c, h, w).

        Raises:
            TapError: An unknown tap or one behind the cut.
            ValueError: A wrong shape, timestep or condition.
        """
        if taps is None and self._cut_taps is None:
            raise TapError('This network is whole: name the taps to read, e.g. taps=["mid"].')
        names = dict.fromkeys(self._cut_taps if taps is None else tap_names(taps))
        if list(self._recorder.sites) != list(names):
            self._recorder.watch(self.network, {name: self.taps.site(name) for name in names})
        self._recorder.store.clear()
        with suppress(StopPass):
            self._run(x_t, t, cond)
        return self._recorder.collect()

    def predict(self, x_t: Tensor, t: Tensor | int, cond: Tensor | None = None) -> Tensor:
        """Return the whole network's output, e.g. the predicted noise (B, C_out, H, W).

        Arguments and errors are those of :meth:`forward`.

        Raises:
            ValueError: The network was truncated and has no output.
        """
        self._require_whole()
        self._recorder.watch(self.network, {})
        return self._run(x_t, t, cond)

    def network_output(self, image: Tensor, time: Tensor | float) -> Tensor:
        """Return the whole network's output for its own input and time, as samplers give them.

        :meth:`predict` is for x_t and timesteps; they differ where the network is preconditioned
        (EDM) or a sampler stops between two timesteps.

        Args:
            image: (B, C, H, W), brought to the precision of the weights.
            time: One for all.

        Raises:
            ValueError: The network was truncated and has no output.
        """
        self._require_whole()
        self._recorder.watch(self.network, {})
        time = torch.as_tensor(time, device=image.device).reshape(-1).expand(len(image))
        precision = next(self.network.parameters()).dtype
        return self._call(self.network, image.to(precision), time, None)

    def require_images_only(self, size: tuple[int, int] | None = None) -> None:
        """Check, before any pass, that the network needs only RGB images and timesteps.

        Args:
            size: Height and width that the images will have; None: not known yet.

        Raises:
            ValueError: It needs a class label for every image, its input is no RGB image, or the
                sides are no multiples of ``total_stride``.
        """
        if self._needs_label:
            raise ValueError(
                f'{self.source} is conditioned on {self.num_classes} classes and has no stand-in '
                'for the label, which nobody gives it here: take an unconditional model, or a '
                'class-conditional ADM (null_label). FeatureExtractor reads it with labels.'
            )
        if self.in_channels != 3:
            raise ValueError(
                f'{self.source} takes {self.in_channels} channels, no RGB images: take a model of '
                'RGB images, or give a latent diffusion model its latents with '
                'mmdiffrep.LatentDataset and mmdiffrep.LatentDPMBackbone.'
            )
        if size is not None:
            self._check_sides(*size)

    def freeze(self) -> 'Denoiser':
        """Freezes the network: no gradients for its weights, and eval mode for good.

        When it is moved to an accelerator afterwards, its convolutions are laid out channels last.
        """
        self._frozen = True
        self.requires_grad_(False)
        return self.eval()

    def compute_in(self, precision: str | None = None) -> 'Denoiser':
        """Fix what a frozen network computes in; the host's autocast plays no part from then on.

        Args:
            precision: See :class:`~mmdiffrep.diffusion.precision.FrozenPrecision`.

        Raises:
            ValueError: An unknown precision, or the network already computes in another one.
        """
        chosen = FrozenPrecision(precision)
        if self._precision is None or not self._precision.settled:
            self._precision = chosen
        elif precision is not None and chosen.dtype_of(self) != self._precision.dtype_of(self):
            raise ValueError(
                f'{self.source} already computes in {self.precision}, which another reader of it '
                f'was given; load it again for precision={precision!r}.'
            )
        return self

    @property
    def precision(self) -> str:
        """What a pass computes in, such as ``'float32'``."""
        fixed = self._precision
        dtype = next(self.parameters()).dtype if fixed is None else fixed.dtype_of(self)
        return str(dtype).removeprefix('torch.')

    def settle_precision(self) -> 'Denoiser':
        """Cast the weights to what :meth:`compute_in` says, which else the first pass does."""
        if self._precision is not None and not self._precision.settled:
            if self._whole_hash is None and self._precision.changes(self):
                self._whole_hash = self.weights_hash  # that of the weights as loaded
            self._precision.settle(self)
        return self

    def train(self, mode: bool = True) -> 'Denoiser':
        """Set training mode; a frozen network stays in eval mode."""
        return super().train(mode and not self._frozen)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> 'Denoiser':
        """Move the network, see :meth:`freeze`."""
        if not self._frozen:
            return super()._apply(fn, recurse)
        return super()._apply(lambda tensor: _channels_last(fn(tensor)), recurse)

    def _require_whole(self) -> None:
        if self._cut_taps is not None:
            raise ValueError(
                f'This network was truncated for {list(self._cut_taps)} and predicts nothing; '
                'load it without taps.'
            )

    def _run(self, x_t: Tensor, t: Tensor | int, cond: Tensor | None) -> Tensor:
        self._check_images(x_t)
        self._check_cond(cond, len(x_t))
        t = self.schedule.check_timesteps(t, len(x_t)).to(x_t.device)
        image, time = self.schedule.network_input(x_t, t)
        self.settle_precision()
        weight = next(self.network.parameters())
        with nullcontext() if self._precision is None else no_autocast(weight.device):
            return self._call(self.network, image.to(weight.dtype), time, cond)

    def _check_images(self, x_t: Tensor) -> None:
        if x_t.ndim != 4 or x_t.shape[1] != self.in_channels:
            raise ValueError(
                f'Expected images (B, {self.in_channels}, H, W), got shape {tuple(x_t.shape)}.'
            )
        if not x_t.is_floating_point():
            raise ValueError(f'Expected float images in [-1, 1], got dtype {x_t.dtype}.')
        self._check_sides(*x_t.shape[2:])

    def _check_sides(self, height: int, width: int) -> None:
        if height % self.total_stride or width % self.total_stride or not height * width:
            raise ValueError(
                f'Image sides must be multiples of {self.total_stride} for this network, got '
                f'{height}x{width}; it was trained on {self.image_size}x{self.image_size}.'
            )

    def _check_cond(self, cond: Tensor | None, batch: int) -> None:
        if cond is None:
            if self._needs_label:
                raise ValueError(
                    f'This network is class-conditional: give cond, ({batch},) labels in '
                    f'0 .. {self.num_classes - 1}.'
                )
            return
        if self.num_classes is None:
            raise ValueError('This network is unconditional: cond must be None.')
        if cond.shape != (batch,) or cond.is_floating_point():
            raise ValueError(
                f'cond must be ({batch},) integer labels, got shape {tuple(cond.shape)} and dtype '
                f'{cond.dtype}.'
            )
        if cond.device.type == 'cpu' and not torch.compiler.is_compiling() and batch:
            low, high = int(cond.min()), int(cond.max())
            if low < 0 or high >= self.num_classes:
                raise ValueError(
                    f'Labels must lie in 0 .. {self.num_classes - 1}, got {low} .. {high}.'
                )


def _channels_last(tensor: Tensor) -> Tensor:
    """Lays a convolution's weights on an accelerator out as its fast kernels want them."""
    if tensor.dim() != 4 or tensor.device.type == 'cpu':
        return tensor
    return tensor.contiguous(memory_format=torch.channels_last)

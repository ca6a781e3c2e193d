# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The contract of all denoisers: image, timestep and condition in, feature maps by tap out."""

import copy
from abc import ABC, abstractmethod
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import cached_property
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from typing_extensions import Self

from mmdiffrep.diffusion.checkpoints import hash_weights
from mmdiffrep.diffusion.condition import Condition, as_condition
from mmdiffrep.diffusion.precision import FrozenPrecision, no_autocast
from mmdiffrep.diffusion.schedule_base import Schedule
from mmdiffrep.diffusion.taps import BlockPaths, TapError, TapTable, tap_names
from mmdiffrep.diffusion.tokens import ImageMember, as_map
from mmdiffrep.diffusion.trace import StopPass, TapRecorder, trace_calls
from mmdiffrep.diffusion.truncate import CutPlan, plan_cut

LUMINANCE = (0.299, 0.587, 0.114)  # of R, G and B (ITU-R BT.601), as Pillow's convert('L')


class Denoiser(nn.Module, ABC):
    """A pre-trained diffusion network read at taps.

    A family (diffusers' U-Net, ADM, ...) says how its network is built without weights, called,
    divided into blocks and cut; everything else is here.

    For a network of latents everything that is said of images holds for latents, and strides count
    their cells; :class:`~mmdiffrep.diffusion.image_model.LatentDiffusion` makes it one of images.

    Args:
        network: The network; its parameters are this module's only ones.
        schedule: The noise schedule that it was trained with.
        image_size: Side in pixels of the square images that it was trained on.
        in_channels: Channels of its input.
        num_classes: Labels that it is conditioned on; None for an unconditional network.
        source: Where the weights come from, for logs and checkpoints.

    Attributes:
        condition: What a pass is conditioned on when it is given no condition; None: nothing, or
            what the family has in the place of a condition (a null label).
    """

    network: Any  # of another class in each family
    accepts: ClassVar[tuple[str, ...]] = ('labels',)
    """The parts of a :class:`Condition` that the family's networks read."""

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
        self.condition: Condition | None = None
        self._frozen = False
        self._precision: FrozenPrecision | None = None
        self._cut_taps: Sequence[str] | None = None
        self._whole_hash: str | None = None
        self._recorder = TapRecorder()

    @classmethod
    @abstractmethod
    def build(cls, *, taps: Sequence[str] | None = None, **arguments: Any) -> 'Denoiser':
        """Build a denoiser from the arguments that a config gives.

        Args:
            taps: Taps that will be read: the network is truncated after the last of them. None
                keeps it whole, and any tap can be read.
            **arguments: The family's own.
        """

    @abstractmethod
    def _skeleton(self) -> nn.Module:
        """Build the whole network, without weights, on the meta device."""

    @abstractmethod
    def _call(self, network: Any, x_t: Tensor, t: Tensor, cond: Condition) -> Tensor:
        """Run ``network`` (this one or a skeleton of it) and return its output.

        The condition, which may be empty, has a row per image.
        """

    @abstractmethod
    def _blocks(self, skeleton: Any) -> dict[str, BlockPaths]:
        """Say where each canonical block of the whole network begins and ends."""

    def _units(self, skeleton: Any) -> list[str]:
        """List the paths of the smallest parts that :meth:`_cut` can keep or drop."""
        return []

    def _cut(self, plan: CutPlan) -> bool:
        """Cut ``self.network`` in place; return False, and change nothing, if it cannot be cut.

        A network that is not cut keeps its weights; its passes stop at the last tap.
        """
        return False

    def _aliases(self, skeleton: Any) -> dict[str, str]:
        """Translate papers' names of taps, such as ``dift:1``, into this network's."""
        return {}

    def _cells(self, height: int, width: int) -> tuple[int, int] | None:
        """Return the grid of a transformer's tokens for an input of some sides; None: no tokens."""
        return None

    @property
    def _needs_label(self) -> bool:
        """Whether no pass is possible without class labels."""
        return self.num_classes is not None

    @property
    def text_tokens(self) -> int:
        """Tokens of the prompt in the pass that finds the taps; 0: no prompt."""
        return 0

    def example_condition(self, device: str | torch.device = 'meta') -> Condition:
        """Return a condition of zeros, for tracing and counting."""
        if self.num_classes is None:
            return Condition()
        return Condition(labels=torch.zeros(1, dtype=torch.long, device=device))

    @cached_property
    def _anatomy(self) -> tuple[TapTable, list[str]]:
        """The whole network's taps and units."""
        # pyright knows the decorator as one of functions
        return self._trace()  # pyright: ignore[reportCallIssue, reportReturnType]

    @torch.compiler.disable
    def _trace(self) -> tuple[TapTable, list[str]]:
        """Find taps and units with one pass of a skeleton on the meta device."""
        skeleton = self._skeleton()
        side, text = self.image_size, self.text_tokens
        image = torch.empty(1, self.in_channels, side, side, device='meta')
        t = torch.zeros(1, dtype=torch.long, device='meta')
        cond = self.example_condition()
        pick = ImageMember(self._cells(side, side), (side, side), text)
        calls = trace_calls(skeleton, lambda: self._call(skeleton, image, t, cond), pick)
        blocks = self._blocks(skeleton)
        aliases = {
            alias: name
            for alias, name in self._aliases(skeleton).items()
            if name in blocks or name.startswith('module:')
        }
        table = TapTable(calls, blocks, side, aliases=aliases, text=text)
        return table, self._units(skeleton)

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

    def truncate(self, taps: Sequence[str]) -> Self:
        """Cut the network after the last of ``taps``, in place; what is behind is dropped.

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
        vars(self).pop('taps', None)
        self._recorder.watch(self.network, sites)
        return self

    def forward(
        self,
        x_t: Tensor,
        t: Tensor | int,
        cond: None | Tensor | Condition = None,
        taps: Sequence[str] | None = None,
    ) -> dict[str, Tensor]:
        """Read feature maps.

        Args:
            x_t: (B, C, H, W) noised (or clean) images in [-1, 1], RGB, brought to the precision of
                the weights. H and W may differ from ``image_size`` but must be multiples of
                ``total_stride``, unless the family takes other sides.
            t: (B,) timesteps, or one for all.
            cond: What the network is conditioned on, or (B,) class labels; None: ``condition``.
            taps: Names of the taps to read; None: those that the network was truncated for.

        Returns:
            Tap name, as given -> (B, c, h, w).

        Raises:
            TapError: An unknown tap or one behind the cut.
            ValueError: A wrong shape, timestep or condition.
        """
        wanted = self._cut_taps if taps is None else tap_names(taps)
        if wanted is None:
            raise TapError('This network is whole: name the taps to read, e.g. taps=["mid"].')
        names = dict.fromkeys(wanted)
        if list(self._recorder.sites) != list(names):
            self._recorder.watch(self.network, {name: self.taps.site(name) for name in names})
        self._recorder.store.clear()
        with suppress(StopPass):
            self._run(x_t, t, cond)
        found = self._recorder.collect()
        return {name: self._as_map(name, value, x_t) for name, value in found.items()}

    def _as_map(self, name: str, value: Tensor, x_t: Tensor) -> Tensor:
        if value.ndim == 4:
            return value
        stride = self.taps[name].stride
        height, width = (-(-side // stride) for side in x_t.shape[2:])
        return as_map(value, (height, width))

    def predict(
        self, x_t: Tensor, t: Tensor | int, cond: None | Tensor | Condition = None
    ) -> Tensor:
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
        image = image.to(precision)
        return self._call(self.network, image, time, self._prepare_cond(None, image))

    def require_images_only(self, size: tuple[int, int] | None = None) -> None:
        """Check, before any pass, that the network needs only images and timesteps.

        Args:
            size: Height and width that the images will have; None: not known yet.

        Raises:
            ValueError: It needs a class label or a prompt for every image, its input is neither
                RGB nor gray, or it does not take images of these sides.
        """
        if self._needs_label and self.condition is None:
            raise ValueError(
                f'{self.source} is conditioned on {self.num_classes} classes and has no stand-in '
                'for the label, which is not known here: take an unconditional model, or set '
                'null_label. FeatureExtractor reads it with labels.'
            )
        if self.in_channels not in (1, 3):
            raise ValueError(
                f'{self.source} takes {self.in_channels} channels, not RGB or gray images. A '
                'latent diffusion model needs its VAE: give the folder of the whole pipeline, with '
                'vae/, or latents with mmdiffrep.LatentDataset and mmdiffrep.LatentDPMBackbone.'
            )
        if size is not None:
            self._check_sides(*size)

    def clean(self, images: Tensor) -> Tensor:
        """Return x_0, which noise is added to, of images (B, C, H, W) in [-1, 1].

        That is the images themselves; RGB images are turned gray, by their luminance, for a network
        of one channel.
        """
        if images.ndim == 4 and images.shape[1] == 3 and self.in_channels == 1:
            weights = images.new_tensor(LUMINANCE).view(1, 3, 1, 1)
            return (images * weights).sum(dim=1, keepdim=True)
        return images

    def freeze(self) -> 'Denoiser':
        """Freeze the network: no gradients for its weights, and eval mode for good."""
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
        before = self._precision or FrozenPrecision()
        self._precision = before.changed_to(precision, self, self.source)
        return self

    @property
    def precision(self) -> str:
        """What a pass computes in, such as ``'float32'``."""
        if self._precision is not None:
            return self._precision.name_of(self)
        return str(next(self.parameters()).dtype).removeprefix('torch.')

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

    def _require_whole(self) -> None:
        if self._cut_taps is not None:
            raise ValueError(
                f'This network was truncated for {list(self._cut_taps)} and predicts nothing; '
                'load it without taps.'
            )

    def _run(self, x_t: Tensor, t: Tensor | int, cond: None | Tensor | Condition) -> Tensor:
        self._check_images(x_t)
        t = self.schedule.check_timesteps(t, len(x_t)).to(x_t.device)
        image, time = self.schedule.network_input(x_t, t)
        self.settle_precision()
        prepared = self._prepare_cond(cond, x_t)
        weight = next(self.network.parameters())
        with nullcontext() if self._precision is None else no_autocast(weight.device):
            return self._call(self.network, image.to(weight.dtype), time, prepared)

    def _prepare_cond(self, cond: None | Tensor | Condition, x_t: Tensor) -> Condition:
        """Return the condition of a pass: checked, a row per image, in the network's precision."""
        found = as_condition(cond)
        if found is None:
            found = Condition() if self.condition is None else self.condition
        self._check_cond(found)
        precision = next(self.network.parameters()).dtype
        return found.expand(len(x_t)).to(x_t.device, precision)

    def _check_images(self, x_t: Tensor) -> None:
        if x_t.ndim != 4 or x_t.shape[1] != self.in_channels:
            raise ValueError(
                f'Expected images (B, {self.in_channels}, H, W), got shape {tuple(x_t.shape)}.'
            )
        if not x_t.is_floating_point():
            raise ValueError(f'Expected float images in [-1, 1], got dtype {x_t.dtype}.')
        self._check_sides(*x_t.shape[2:])

    def _check_sides(self, height: int, width: int) -> None:
        trained = height == width == self.image_size
        stride = self.total_stride
        if not trained and (height % stride or width % stride or not height * width):
            raise ValueError(
                f'Image sides must be multiples of {stride} for this network, got '
                f'{height}x{width}; it was trained on {self.image_size}x{self.image_size}.'
            )

    def _check_cond(self, cond: Condition) -> None:
        unread = [name for name in cond.given if name not in self.accepts]
        if unread:
            raise ValueError(
                f'{type(self).__name__} reads no {" or ".join(unread)} of a condition; it reads '
                f'{", ".join(self.accepts) or "nothing"}.'
            )
        if cond.labels is None:
            if self._needs_label and self.num_classes is not None:
                raise ValueError(
                    'This network is class-conditional: give cond, one of the labels '
                    f'0 .. {self.num_classes - 1} per image.'
                )
            return
        if self.num_classes is None:
            raise ValueError('This network is unconditional: give no labels.')
        labels = cond.labels
        if labels.device.type == 'cpu' and not torch.compiler.is_compiling() and len(labels):
            low, high = int(labels.min()), int(labels.max())
            if low < 0 or high >= self.num_classes:
                raise ValueError(
                    f'Labels must lie in 0 .. {self.num_classes - 1}, got {low} .. {high}.'
                )

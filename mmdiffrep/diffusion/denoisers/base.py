# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""A diffusion network read at taps: traced, cut after the last tap, watched while it runs."""

from abc import abstractmethod
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from typing_extensions import Self

from mmdiffrep.diffusion.compiled import Compile, one_graph
from mmdiffrep.diffusion.condition import Cond, Condition, as_condition
from mmdiffrep.diffusion.denoisers.feature_model import FeatureModel
from mmdiffrep.diffusion.denoisers.pass_inputs import Sides, check_images, check_labels, check_parts
from mmdiffrep.diffusion.file_hashes import hash_loaded_weights
from mmdiffrep.diffusion.precision import FrozenPrecision, no_autocast
from mmdiffrep.diffusion.tap_table import TapTable
from mmdiffrep.diffusion.taps import BlockPaths, TapError, tap_names
from mmdiffrep.diffusion.tokens import ImageMember, as_map
from mmdiffrep.diffusion.trace import StopPass, TapRecorder, trace_calls
from mmdiffrep.diffusion.truncate import CutPlan, plan_cut
from mmdiffrep.diffusion.weights import hash_weights


class Denoiser(FeatureModel):
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
    """

    accepts: ClassVar[tuple[str, ...]] = ('labels',)
    """The parts of a :class:`Condition` that the family's networks read."""

    _precision: FrozenPrecision | None = None
    _cut_taps: Sequence[str] | None = None
    _compiled: Callable[..., tuple[Any, dict[str, Tensor]]] | None = None

    @cached_property
    def _recorder(self) -> TapRecorder:
        return TapRecorder()

    @classmethod
    def from_pretrained(
        cls,
        path_or_id: str,
        taps: Sequence[str] | None = None,
        dtype: None | str | torch.dtype = None,
    ) -> Self:
        """Load a model from a folder or hub id; see the family's ``build``."""
        return cls.build(pretrained=path_or_id, taps=taps, dtype=dtype)

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
        return self._trace()  # pyright: ignore[reportCallIssue, reportReturnType]

    @torch.compiler.disable  # which pyright knows as a decorator of functions
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
        return TapTable(calls, blocks, side, None, aliases, text), self._units(skeleton)

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
    def weights_hash(self) -> str:
        """Hash of the whole network's weights; a truncated one keeps that of its original."""
        return hash_weights(self.network) if self._whole_hash is None else self._whole_hash

    def _cut_as_loaded(self, taps: Sequence[str], files: Iterable[Path]) -> Self:
        """Cut a network that was loaded whole from files, whose hash may be known."""
        self._whole_hash = hash_loaded_weights(self.network, files)
        return self.truncate(taps)

    def reading_paused(self) -> AbstractContextManager[None]:
        """Return a context in which parts of the network can be run without reading taps."""
        return self._recorder.paused()

    def truncate(self, taps: Sequence[str]) -> Self:
        """Cut the network after the last of ``taps``; see :meth:`FeatureModel.truncate`.

        Features stay bit-identical. A network that cannot be cut keeps its weights; passes stop.
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
        self, x_t: Tensor, t: Tensor | int, cond: Cond = None, taps: Sequence[str] | None = None
    ) -> dict[str, Tensor]:
        """Read feature maps of images (B, C, H, W); see :meth:`FeatureModel.forward`.

        H and W may differ from ``image_size`` but must be multiples of ``total_stride``, unless the
        family takes other sides.
        """
        wanted = self._cut_taps if taps is None else tap_names(taps)
        if wanted is None:
            raise TapError('This network is whole: name the taps to read, e.g. taps=["mid"].')
        names = dict.fromkeys(wanted)
        if list(self._recorder.sites) != list(names):
            self._recorder.watch(self.network, {name: self.taps.site(name) for name in names})
        _, found = self._run(x_t, t, cond)
        return {name: self._as_map(name, value, x_t) for name, value in found.items()}

    def _as_map(self, name: str, value: Tensor, x_t: Tensor) -> Tensor:
        return value if value.ndim == 4 else as_map(value, self.taps[name].cells(*x_t.shape[2:]))

    def predict(self, x_t: Tensor, t: Tensor | int, cond: Cond = None) -> Tensor:
        """Return the whole network's output; see :meth:`FeatureModel.predict`."""
        self._run_whole()
        return self._run(x_t, t, cond)[0]

    def network_output(self, image: Tensor, time: Tensor | float) -> Tensor:
        """Return the whole network's output for its own input and time, as samplers give them."""
        self._run_whole()
        time = torch.as_tensor(time, device=image.device).reshape(-1).expand(len(image))
        x = image.to(next(self.network.parameters()).dtype)
        return self._call(self.network, x, time, self._prepare_cond(None, x))

    def compute_in(self, precision: str | None = None) -> Self:
        """Fix what a frozen network computes in; see :meth:`FeatureModel.compute_in`."""
        before = self._precision or FrozenPrecision()
        self._precision = before.changed_to(precision, self, self.source)
        return self

    @property
    def precision(self) -> str:
        """What a pass computes in, such as ``'float32'``."""
        if self._precision is not None:
            return self._precision.name_of(self)
        return str(next(self.parameters()).dtype).removeprefix('torch.')

    def settle_precision(self) -> Self:
        """Cast the weights to what :meth:`compute_in` says, which else the first pass does."""
        if self._precision is not None and not self._precision.settled:
            if self._whole_hash is None and self._precision.changes(self):
                self._whole_hash = self.weights_hash  # that of the weights as loaded
            self._precision.settle(self)
        return self

    def compile_pass(self, compile: Compile) -> Self:
        """Compile the passes that follow; see :meth:`FeatureModel.compile_pass`."""
        self._compiled = one_graph(_pass, compile)
        return self

    def _run_whole(self) -> None:
        """Read no taps in the next pass, which gives the network's output."""
        if self._cut_taps is not None:
            raise ValueError(
                f'This network was truncated for {list(self._cut_taps)} and predicts nothing; '
                'load it without taps.'
            )
        self._recorder.watch(self.network, {})

    def _run(self, x_t: Tensor, t: Tensor | int, cond: Cond) -> tuple[Any, dict[str, Tensor]]:
        check_images(x_t, self.in_channels)
        self._check_sides(*x_t.shape[2:])
        t = self.schedule.check_timesteps(t, len(x_t)).to(x_t.device)
        image, time = self.schedule.network_input(x_t, t)
        self.settle_precision()
        prepared = self._prepare_cond(cond, x_t)
        weight = next(self.network.parameters())
        with nullcontext() if self._precision is None else no_autocast(weight.device):
            return (self._compiled or _pass)(self, image.to(weight.dtype), time, prepared)

    def _prepare_cond(self, cond: Cond, x_t: Tensor) -> Condition:
        """Return the condition of a pass: checked, a row per image, in the network's precision."""
        found = as_condition(cond)
        if found is None:
            found = Condition() if self.condition is None else self.condition
        self._check_cond(found)
        precision = next(self.network.parameters()).dtype
        return found.expand(len(x_t)).to(x_t.device, precision)

    @property
    def _sides(self) -> Sides:
        """Sides of images that the network takes, besides ``image_size``."""
        return Sides(self.total_stride)

    def _check_sides(self, height: int, width: int) -> None:
        if not height == width == self.image_size:  # the others need a trace
            self._sides.check(height, width, self.image_size)

    def _check_cond(self, cond: Condition) -> None:
        check_labels(cond.labels, self.num_classes, self._needs_label)
        check_parts(cond, self.accepts, type(self).__name__)


def _pass(
    denoiser: Denoiser, image: Tensor, time: Tensor, cond: Condition
) -> tuple[Any, dict[str, Tensor]]:
    """Return the network's output, if the pass reaches it, and the taps: what is compiled."""
    denoiser._recorder.store.clear()
    output = None
    with suppress(StopPass):
        output = denoiser._call(denoiser.network, image, time, cond)
    return output, denoiser._recorder.collect()

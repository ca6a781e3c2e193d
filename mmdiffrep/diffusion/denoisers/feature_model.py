# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The contract of all models: image, timestep and condition in, feature maps by tap out."""

import copy
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from torch import Tensor, nn
from typing_extensions import Self

from mmdiffrep.diffusion.compiled import Compile
from mmdiffrep.diffusion.condition import Cond, Condition
from mmdiffrep.diffusion.schedule_base import Schedule
from mmdiffrep.diffusion.taps import Tap

LUMINANCE = (0.299, 0.587, 0.114)  # of R, G and B (ITU-R BT.601), as Pillow's convert('L')


class FeatureModel(nn.Module, ABC):
    """A pre-trained diffusion model read at taps.

    It is a :class:`~mmdiffrep.diffusion.Denoiser`, or one of latents with the VAE that makes them
    of images, :class:`~mmdiffrep.diffusion.LatentDiffusion`.

    Args:
        network: The network that is read.
        schedule: The noise schedule that it was trained with.
        image_size: Side in pixels of the square images that it was trained on.
        in_channels: Channels of its images.
        num_classes: Labels that it is conditioned on; None for an unconditional model.
        source: Where the weights come from, for logs and checkpoints.

    Attributes:
        condition: What a pass is conditioned on when it is given no condition; None: nothing, or
            what the family has in the place of a condition (a null label).
    """

    reads_in_part: ClassVar[bool] = False
    """Whether only the weights that outlive a cut are read, in the asked precision."""

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
        self.network: Any = network  # of another class in each family
        self.schedule = schedule
        self.image_size = image_size
        self.in_channels = in_channels
        self.num_classes = num_classes
        self.source = source
        self.condition: Condition | None = None
        self._frozen = False
        self._whole_hash: str | None = None

    @classmethod
    @abstractmethod
    def build(cls, *, taps: Sequence[str] | None = None, **arguments: Any) -> Self:
        """Build a model from the arguments that a config gives.

        Args:
            taps: Taps that will be read: the network is truncated after the last of them. None
                keeps it whole, and any tap can be read.
            **arguments: The family's own.
        """

    @property
    @abstractmethod
    def taps(self) -> Mapping[str, Tap]:
        """The readable taps: a mapping from tap name to ``Tap(channels, stride)``."""

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
    @abstractmethod
    def weights_hash(self) -> str:
        """Hash of the whole network's weights; a truncated one keeps that of its original."""

    @abstractmethod
    def truncate(self, taps: Sequence[str]) -> Self:
        """Cut the network after the last of ``taps``, in place; what is behind is dropped.

        Raises:
            TapError: A tap does not exist, or none is given.
            ValueError: The network was already truncated.
        """

    @abstractmethod
    def forward(
        self, x_t: Tensor, t: Tensor | int, cond: Cond = None, taps: Sequence[str] | None = None
    ) -> dict[str, Tensor]:
        """Read feature maps.

        Args:
            x_t: (B, C, H, W), noised (or clean) images as :meth:`clean` returns them.
            t: (B,) timesteps, or one for all.
            cond: What the network is conditioned on, or (B,) class labels; None: ``condition``.
            taps: Names of the taps to read; None: those that the network was truncated for.

        Returns:
            Tap name, as given -> (B, c, h, w).

        Raises:
            TapError: An unknown tap or one after the cut.
            ValueError: A wrong shape, timestep or condition.
        """

    @abstractmethod
    def predict(self, x_t: Tensor, t: Tensor | int, cond: Cond = None) -> Tensor:
        """Return the whole network's output, e.g. the predicted noise (B, C_out, H, W).

        Arguments and errors are those of :meth:`forward`.

        Raises:
            ValueError: The network was truncated and has no output.
        """

    def clean(self, images: Tensor) -> Tensor:
        """Return x_0, which noise is added to, of images (B, C, H, W) in [-1, 1].

        That is the images themselves; RGB images are turned gray, by their luminance, for a network
        of one channel.
        """
        if images.ndim == 4 and images.shape[1] == 3 and self.in_channels == 1:
            weights = images.new_tensor(LUMINANCE).view(1, 3, 1, 1)
            return (images * weights).sum(dim=1, keepdim=True)
        return images

    @abstractmethod
    def compute_in(self, precision: str | None = None) -> Self:
        """Fix what a frozen network computes in; the host's autocast plays no part from then on.

        Args:
            precision: See :class:`~mmdiffrep.diffusion.precision.FrozenPrecision`.

        Raises:
            ValueError: An unknown precision, or the network already computes in another one.
        """

    @property
    @abstractmethod
    def precision(self) -> str:
        """What a pass computes in, such as ``'float32'``."""

    @abstractmethod
    def settle_precision(self) -> Self:
        """Cast the weights to what :meth:`compute_in` says, which else the first pass does."""

    @abstractmethod
    def compile_pass(self, compile: Compile) -> Self:
        """Compile the passes that follow, each as one graph; features agree up to rounding.

        Args:
            compile: True, or arguments of ``torch.compile``; False: passes run as they are.

        Raises:
            TypeError, ValueError: See :func:`~mmdiffrep.diffusion.compiled.one_graph`.
        """

    def freeze(self) -> Self:
        """Freeze the model: no gradients for its weights, and eval mode for good."""
        self._frozen = True
        self.requires_grad_(False)
        return self.eval()

    def train(self, mode: bool = True) -> Self:
        """Set training mode; a frozen model stays in eval mode."""
        return super().train(mode and not self._frozen)

    def share_weights(self) -> Self:
        """Give another model over the same weights, to be cut and watched on its own.

        Freeze it before: the copy remembers the hash of the weights as they are.
        """
        shared = {id(parameter): parameter for parameter in self.parameters()}
        twin = copy.deepcopy(self, shared)
        if not any(parameter.is_meta for parameter in self.parameters()):
            self._whole_hash = twin._whole_hash = self.weights_hash  # reads all, so once
        return twin

    def require_images_only(self, size: tuple[int, int] | None = None) -> None:
        """Check, before any pass, that the model needs only images and timesteps.

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

    @property
    def _needs_label(self) -> bool:
        """Whether no pass is possible without class labels."""
        return self.num_classes is not None

    @abstractmethod
    def _check_sides(self, height: int, width: int) -> None:
        """Raise a ValueError for images of sides that the model does not take."""

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""DifFeed: a frozen denoiser that is run twice, with learned feedback in between."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from mmdiffrep.diffusion.compiled import Compile
from mmdiffrep.diffusion.denoisers import Denoiser
from mmdiffrep.diffusion.features import frozen_denoiser, noised
from mmdiffrep.diffusion.feedback import MapAdder, recompute_activations, resolve_feedback
from mmdiffrep.diffusion.input_range import host_input
from mmdiffrep.models.backbones.frozen_denoiser import DenoiserBackbone, UntrackedModule
from mmdiffrep.registry import MODELS


@MODELS.register_module()
class FeedbackDPMBackbone(DenoiserBackbone):
    """Reads the taps of a frozen denoiser in a second pass, which decoder maps of the first change.

    DifFeed of "Do text-free diffusion models learn discriminative visual representations?"
    (Mukhopadhyay et al., ECCV 2024; official repository diffssl). Pass 1 keeps the maps of some
    decoder blocks. Each goes through a feedback net (1x1 convolution without bias, normalization,
    ReLU) and is added to what an encoder block gives in pass 2, from where it flows on and into the
    skip connection. Both passes see the same noised image.

    Only the feedback nets are trained, and only they are in ``state_dict``. No weight of the
    denoiser has a gradient, pass 1 computes none at all, and each pass ends at its own last tap.
    (The official code leaves the U-Net's weights before the read-out trainable, although no
    optimizer has them, and keeps all maps of pass 1.) The feedback nets follow the run's AMP.

    Args:
        denoiser (str or dict): Folder, hub id or config, see
            :func:`mmdiffrep.diffusion.denoisers.load_denoiser`: a network with skip connections.
        taps (sequence of str): What to read in pass 2. Official: ``['gdc:24']``.
        feedback (sequence of str or dict, optional): Decoder taps that are fed back, each to the
            encoder map that it is concatenated with; or a mapping from decoder to encoder taps.
            None, the default, is one pair per resolution; for ADM-256 these are the official ones,
            blocks 21, 24, 27, 30, 33, 36 to 17, 14, 11, 8, 5, 2.
        timestep (int, optional): Timestep of both passes. Official: 150.
        noise_level (float, optional): Standard deviation of the noise in (0, 1), instead of
            ``timestep``.
        noise (str or dict): Noise source, see :func:`mmdiffrep.diffusion.noise.build_noise`.
            Defaults to ``'fresh'`` (official): a new draw each time.
        test_noise (str or dict, optional): Noise source in evaluation mode; None: ``noise``.
            Defaults to ``'per_image'``, a function of the image alone, so that a score can be
            repeated; it reads the images back from the device. Official: ``'fresh'``.
        norm_cfg (dict): Normalization of the feedback nets. Defaults to ``dict(type='BN')``
            (official). ``dict(type='SyncBN')`` or ``dict(type='GN', num_groups=32)`` do not
            depend on small batches.
        checkpoint (bool): Compute the activations of pass 2 anew in the backward pass instead of
            keeping them: less memory, more time, the same gradients. Defaults to False.
        input (dict, optional): How the host's images arrive, see
            :class:`mmdiffrep.diffusion.input_range.DenoiserInput`. ``size`` defaults to the side
            that the denoiser was trained at.
        precision (str, optional): What both passes compute in, see
            :class:`~mmdiffrep.models.backbones.DPMBackbone`. Gradients of pass 2 are computed in it
            too, so ``'float16'`` needs the run's loss scaling. Defaults to None: float32 on a CPU,
            ``'auto'`` on a GPU.
        compile (bool or dict): Compile both passes, see
            :class:`~mmdiffrep.models.backbones.DPMBackbone`. Defaults to False.
        init_cfg (dict, optional): mmengine's initialization config.

    Attributes:
        out_channels (tuple of int): Channels of every output map.
        out_strides (tuple of int): Strides relative to the image that the denoiser sees.
        pairs (list of FeedbackPair): Which tap is fed back where.

    Raises:
        ValueError: For taps that do not exist, feedback from the encoder, to the decoder or behind
            the last tap, a timestep out of range, both or neither of ``timestep`` and
            ``noise_level``, ``compile`` with ``checkpoint``, or a denoiser that needs class labels,
            or does not take RGB images of this size.
    """

    def __init__(
        self,
        denoiser: str | dict,
        taps: Sequence[str],
        feedback: None | Sequence[str] | Mapping[str, str] = None,
        timestep: int | None = None,
        noise_level: float | None = None,
        noise: str | dict = 'fresh',
        test_noise: None | str | dict = 'per_image',
        norm_cfg: dict | None = None,
        checkpoint: bool = False,
        input: dict | None = None,
        precision: str | None = None,
        compile: Compile = False,
        init_cfg: dict | None = None,
    ) -> None:
        if checkpoint and compile:
            raise ValueError('compile and checkpoint do not go together: set one of them')
        network = frozen_denoiser(denoiser, precision=precision)
        super().__init__(
            network,
            taps,
            None if timestep is None else [timestep],
            None if noise_level is None else [noise_level],
            noise,
            test_noise,
            init_cfg,
        )
        self.to_rgb = host_input(input, network.image_size)
        network.require_images_only(self.to_rgb.size)
        self.pairs = resolve_feedback(network, self.taps, feedback)
        table = network.taps
        from mmcv.cnn import ConvModule  # mmcv comes with the hosts alone

        self.feedback_nets = nn.ModuleList(
            ConvModule(
                table[source].channels,
                table[target].channels,
                1,
                bias=False,
                norm_cfg=norm_cfg or dict(type='BN'),
            )
            for source, target in self.pairs
        )
        first = network.share_weights().truncate([source for source, _ in self.pairs])
        second = network.truncate(self.taps)
        self.adder = MapAdder(second, [target for _, target in self.pairs])
        if checkpoint:
            recompute_activations(second)
        for network in (first, second):
            network.compile_pass(compile)
        self.first_pass, self.second_pass = UntrackedModule(first), UntrackedModule(second)

    @property
    def denoiser(self) -> Denoiser:
        """The network of pass 2; that of pass 1 shares its weights."""
        return self.second_pass.module

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Compute the maps of all taps.

        Args:
            images (Tensor): The host's normalized images, ``(B, 3, H, W)``.

        Returns:
            tuple: Maps ``(B, C, h, w)``, float32.
        """
        x_t, t = self._noised(self.to_rgb(images))
        with torch.no_grad():
            read = self.first_pass.module(x_t, t)
        feedback = {
            target: net(read[source].float())
            for net, (source, target) in zip(self.feedback_nets, self.pairs)
        }
        with self.adder.adding(feedback):
            maps = self.denoiser(x_t, t)
        return tuple(maps[tap].float() for tap in self.taps)

    def _noised(self, rgb: Tensor) -> tuple[Tensor, Tensor]:
        t = torch.full((len(rgb),), self.timesteps[0], device=rgb.device)
        return noised(self.denoiser, rgb, t, self.noise_source), t

    def extra_repr(self) -> str:
        """Return what printing the model shows of it."""
        fed = ', '.join(f'{source} -> {target}' for source, target in self.pairs)
        return f'{super().extra_repr()}, feedback=({fed})'

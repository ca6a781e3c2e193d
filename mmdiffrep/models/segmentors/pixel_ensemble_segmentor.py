# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""DDPM-Seg as a segmentor of mmseg: a frozen backbone, hypercolumns, an ensemble on pixels."""

from typing import Any

import torch
import torch.nn.functional as F
from mmengine.model import BaseModel
from mmengine.optim import OptimWrapper
from mmengine.structures import BaseDataElement, PixelData
from torch import Tensor

from mmdiffrep.models.heads import EnsemblePrediction
from mmdiffrep.models.necks import Hypercolumns
from mmdiffrep.registry import MODELS, build_part
from mmdiffrep.utils.checks import alike, at_least, equal, of_type, one_of

VOTE_SIZES = ('image', 'original')
MIN_SIDE = 16  # pixels
SQUARE = (
    "crop it, or stretch it by dict(type='Resize', scale=(256, 256)) in the pipeline; "
    "SegmentationInferencer does so with fit='crop' or 'stretch', demo/demo_segment.py with --fit."
)
UNPADDED = 'Set batch_size=1, and no `size` or `test_cfg` in the data preprocessor.'


@MODELS.register_module()
class PixelEnsembleSegmentor(BaseModel):
    """Label pixels by the features of a frozen backbone (DDPM-Seg, Baranchuk et al., ICLR 2022).

    It takes the place of mmseg's ``EncoderDecoder`` and is trained by
    :class:`~mmdiffrep.engine.loops.PixelTrainLoop`. ``predict`` adds to every data sample

    - ``pred_sem_seg``: the label map ``(1, H, W)``;
    - ``uncertainty``: the members' Jensen-Shannon divergence ``(1, H, W)``, in nats;
    - ``uncertainty_score``: the mean of its highest tenth, a scalar tensor.

    Args:
        backbone (dict): Config of a backbone, e.g. ``mmdiffrep.DPMBackbone``. It is frozen here.
        decode_head (dict): Config of ``mmdiffrep.PixelMLPEnsembleHead``; ``in_channels`` is the
            neck's ``out_channels`` unless given.
        neck (dict, optional): Config of the neck. Defaults to None:
            ``dict(type='mmdiffrep.LazyHypercolumn')``. Its ``in_channels`` and ``in_strides`` are
            the backbone's ``out_channels`` and ``out_strides`` unless given.
        vote_size (str): Pixels that the members label: ``'image'``, the pixels of the backbone's
            input, after which the label map is resized to the original image by nearest neighbor;
            or ``'original'``, the pixels of the original image, which costs more if it is larger.
            Defaults to ``'image'`` (official: ``'image'``).
        data_preprocessor (dict, optional): Config of mmseg's data preprocessor.
        init_cfg (dict, optional): mmengine's initialization config.

    Raises:
        ValueError: An unknown ``vote_size``, or a neck without ``in_channels`` behind a backbone
            that does not say its channels.
    """

    def __init__(
        self,
        backbone: dict,
        decode_head: dict,
        neck: dict | None = None,
        vote_size: str = 'image',
        data_preprocessor: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(data_preprocessor=data_preprocessor, init_cfg=init_cfg)
        self.vote_size = one_of('vote_size', vote_size, VOTE_SIZES)
        self.backbone = build_part(MODELS, backbone, 'backbone').requires_grad_(False)
        self.neck = build_part(MODELS, self._neck_config(neck), 'neck')
        width = of_type('decode_head', decode_head, dict).get('in_channels', self.neck.out_channels)
        self.decode_head = build_part(MODELS, decode_head, 'decode_head', in_channels=width)

    def _neck_config(self, neck: dict | None) -> dict:
        neck = dict(neck or dict(type='mmdiffrep.LazyHypercolumn'))
        if 'in_channels' not in neck:
            if not hasattr(self.backbone, 'out_channels'):
                raise ValueError(
                    f'{type(self.backbone).__name__} does not say its `out_channels`: give the '
                    'channels of its maps, neck=dict(type=..., in_channels=[...])'
                )
            neck['in_channels'] = self.backbone.out_channels
            neck.setdefault('in_strides', getattr(self.backbone, 'out_strides', None))
        return neck

    def train(self, mode: bool = True) -> 'PixelEnsembleSegmentor':
        """Switch the mode of the head; the backbone stays in evaluation mode."""
        super().train(mode)
        self.backbone.eval()
        return self

    @torch.no_grad()
    def extract_feat(self, inputs: Any) -> Hypercolumns:
        """Compute the hypercolumns of the backbone's input.

        Args:
            inputs: Images ``(B, 3, H, W)`` in the data preprocessor's normalization; with the
                backbone ``mmdiffrep.StoredFeatures``, the features of a bank.
        """
        return self.neck(self.backbone(inputs))

    @staticmethod
    def image_size(inputs: Any, sample: BaseDataElement) -> tuple[int, int]:
        """Return height and width of a data sample's image as the backbone gets it.

        Raises:
            ValueError: The image is padded, not square or tiny: a diffusion model of square images
                would see the padding, or a face out of shape.
        """
        size = tuple(sample.metainfo['img_shape'][:2])
        name = sample.metainfo.get('img_path') or 'an image'
        alike(f'Height and width of {name}', size, SQUARE)
        at_least(f'The side of {name}', size[0], MIN_SIDE)
        if isinstance(inputs, Tensor):
            equal(f'The shape of {name} as it arrives', tuple(inputs.shape[2:]), size, UNPADDED)
        return size

    def forward(
        self,
        inputs: Any,
        data_samples: list[BaseDataElement] | None = None,
        mode: str = 'tensor',
    ) -> Hypercolumns | list[BaseDataElement]:
        """Run the model in one of mmengine's modes.

        Args:
            inputs: Images ``(B, 3, H, W)``, or features, see :meth:`extract_feat`.
            data_samples (list, optional): mmseg's data samples; features need them.
            mode (str): ``'tensor'`` gives hypercolumns, ``'predict'`` data samples.

        Raises:
            ValueError: Any other mode; training needs the pixels of all images at once.
        """
        advice = "It is trained with train_cfg=dict(type='mmdiffrep.PixelTrainLoop')."
        if one_of('mode', mode, ('tensor', 'predict'), advice) == 'tensor':
            return self.extract_feat(inputs)
        return self.predict(inputs, data_samples)

    def predict(
        self, inputs: Any, data_samples: list[BaseDataElement] | None = None
    ) -> list[BaseDataElement]:
        """Label images ``(B, 3, H, W)`` at the size of the original ones.

        Raises:
            ValueError: Padded images, or features without data samples.
        """
        if data_samples is None:
            data_samples = _empty_samples(inputs)
        columns = self.extract_feat(inputs)
        for index, sample in enumerate(data_samples):
            given = self.image_size(inputs, sample)
            original = tuple(sample.metainfo.get('ori_shape', given)[:2])
            size = given if self.vote_size == 'image' else original
            prediction = self.decode_head.predict(columns[index], size)
            _add_prediction(sample, prediction, original)
        return data_samples

    def train_step(
        self, data: dict[str, Tensor | int], optim_wrapper: OptimWrapper
    ) -> dict[str, Tensor]:
        """Update every member that has not stopped.

        Args:
            data (dict): ``columns`` ``(K, B, dim)`` and ``labels`` ``(K, B)``, a batch of pixels
                for each member, and the ``epoch``.
            optim_wrapper (OptimWrapper): mmengine's optimizer wrapper.

        Returns:
            dict: ``loss``, the mean of the active members, and ``active_members``, their number.
        """
        head, rule = self.decode_head, self.decode_head.stop_rule
        may_stop = rule.applies(data['epoch'])
        with optim_wrapper.optim_context(self):
            losses = head.member_losses(
                data['columns'], data['labels'], rule.stopped if may_stop else None
            )
        active = ~rule.stopped
        losses = losses.where(active, 0.0)
        # A sum, so that every member takes the same step as if trained alone.
        optim_wrapper.update_params(losses.sum())
        if may_stop:
            rule.update(losses.detach())
            head.rest_stopped_members(optim_wrapper.optimizer)
        num_active = active.sum()
        return dict(loss=losses.detach().sum() / num_active.clamp(min=1), active_members=num_active)


def _empty_samples(inputs: Any) -> list[BaseDataElement]:
    """Return empty data samples for images; mmseg is needed here alone."""
    from mmseg.structures import SegDataSample

    if not isinstance(inputs, Tensor):
        raise ValueError('features have no image size: give the data samples of the images')
    shape = tuple(inputs.shape[2:])
    return [SegDataSample(metainfo=dict(img_shape=shape, ori_shape=shape)) for _ in inputs]


def _add_prediction(
    sample: BaseDataElement, prediction: EnsemblePrediction, size: tuple[int, int]
) -> None:
    labels, uncertainty = prediction.labels[None], prediction.uncertainty[None]
    if tuple(labels.shape[1:]) != size:
        labels = F.interpolate(labels[None].float(), size=size, mode='nearest-exact')[0].long()
        uncertainty = F.interpolate(uncertainty[None], size=size, mode='bilinear')[0]
    sample.pred_sem_seg = PixelData(data=labels)
    sample.uncertainty = PixelData(data=uncertainty)
    sample.uncertainty_score = prediction.score

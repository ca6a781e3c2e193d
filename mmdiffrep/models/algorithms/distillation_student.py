# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""A student without a head, for a distillation-only stage on images without labels."""

from mmengine.model import BaseModel
from torch import Tensor

from mmdiffrep.registry import MODELS, build_part
from mmdiffrep.utils.checks import one_of


@MODELS.register_module()
class DistillationStudent(BaseModel):
    """A backbone without a head, trained by :class:`~mmdiffrep.engine.hooks.RepFusionHook`.

    Its checkpoints hold ``backbone.*`` keys, so that any host model loads the result with
    ``init_cfg=dict(type='Pretrained', checkpoint=..., prefix='backbone.')``.

    Args:
        backbone (dict): Config of the student, e.g. ``dict(type='mmseg.ResNetV1c', depth=18)``.
        data_preprocessor (dict): Config of the host's data preprocessor.
        neck (dict, optional): Config of a module after the backbone, for students whose distilled
            feature is the neck's output: ``dict(type='mmpretrain.HRFuseScales', ...)`` fuses
            HRNet's scales (official). It is trained with the backbone and not used afterwards.
            Defaults to None.
        init_cfg (dict, optional): Initialization. Defaults to None.
    """

    def __init__(
        self,
        backbone: dict,
        data_preprocessor: dict,
        neck: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(data_preprocessor=data_preprocessor, init_cfg=init_cfg)
        self.backbone = build_part(MODELS, backbone, 'backbone')
        self.neck = None if neck is None else build_part(MODELS, neck, 'neck')

    def forward(
        self, inputs: Tensor, data_samples: list | None = None, mode: str = 'tensor'
    ) -> dict[str, Tensor] | tuple[Tensor, ...]:
        """Run the backbone, and the neck if there is one, on ``(B, 3, H, W)``.

        In mode ``'loss'`` it returns an empty dict: the hook adds the distillation losses.
        In mode ``'tensor'`` it returns the features, a tuple of ``(B, C, h, w)``.

        Raises:
            ValueError: Any other mode; there is no head to predict with.
        """
        advice = 'A DistillationStudent has no head: leave out val_cfg and test_cfg.'
        one_of('mode', mode, ('loss', 'tensor'), advice)
        features = self.backbone(inputs)
        if self.neck is not None:
            features = self.neck(tuple(features))
        return {} if mode == 'loss' else features

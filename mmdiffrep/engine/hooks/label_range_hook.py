# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Stop a classification run at the first label that its head has no class for."""

from typing import Any

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner

from mmdiffrep.registry import HOOKS
from mmdiffrep.utils.checks import integer


@HOOKS.register_module()
class LabelRangeHook(Hook):
    """Compare the labels of every batch with the number of classes.

    Without it a label beyond the classes is an assertion inside a kernel on a GPU, which names no
    image, and a silent error in every metric of a test. The labels are read before they leave the
    CPU, so that nothing waits for the GPU.

    Args:
        num_classes (int, optional): Number of classes. Defaults to None: that of the model's head
            (``model.head.num_classes``).

    Raises:
        TypeError, ValueError: ``num_classes`` is not a positive integer.
        ValueError: When the run starts, a model whose head does not tell its classes; at a batch, a
            label that is not in 0 to ``num_classes - 1``; the message names the image.
    """

    def __init__(self, num_classes: int | None = None) -> None:
        self.num_classes = None if num_classes is None else integer('num_classes', num_classes, 1)

    def before_run(self, runner: Runner) -> None:
        """Find the number of classes."""
        if self.num_classes is None:
            model = runner.model.module if is_model_wrapper(runner.model) else runner.model
            self.num_classes = getattr(getattr(model, 'head', None), 'num_classes', None)
        if self.num_classes is None:
            raise ValueError(
                f'LabelRangeHook: {type(runner.model).__name__} has no head.num_classes; give the '
                'hook num_classes=...'
            )

    def before_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict | None = None
    ) -> None:
        """Check a batch of the training split."""
        self._check(data_batch, 'training')

    def before_val_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict | None = None
    ) -> None:
        """Check a batch of the validation split."""
        self._check(data_batch, 'validation')

    def before_test_iter(
        self, runner: Runner, batch_idx: int, data_batch: dict | None = None
    ) -> None:
        """Check a batch of the test split."""
        self._check(data_batch, 'test')

    def _check(self, data_batch: Any, split: str) -> None:
        samples: list[Any] = data_batch['data_samples']
        for sample in samples:
            labels = sample.gt_label.tolist() if 'gt_label' in sample else []
            wrong = [label for label in labels if not 0 <= label < self.num_classes]
            if wrong:
                image = sample.get('img_path') or f'image {sample.get("sample_idx", "?")}'
                raise ValueError(
                    f'{split} data: {image} has gt_label {wrong[0]}, but the head has '
                    f'{self.num_classes} classes, 0 to {self.num_classes - 1}: set '
                    "`num_classes` of the head, or check the data set's labels"
                )

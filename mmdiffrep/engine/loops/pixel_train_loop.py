# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Train an ensemble on the pixels of a few labeled images."""

from collections.abc import Iterator
from functools import cached_property
from typing import Any

import torch
from mmengine.dist import broadcast, get_world_size
from mmengine.model import is_model_wrapper
from mmengine.runner import BaseLoop, Runner
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from mmdiffrep.models.necks import Hypercolumns
from mmdiffrep.models.segmentors.labeled_pixels import LabeledPixels
from mmdiffrep.registry import LOOPS
from mmdiffrep.utils.checks import alike, at_least, equal, integer, one_of
from mmdiffrep.utils.jpeg_damage import naming_jpeg_damage
from mmdiffrep.utils.label_checks import check_label_range

DTYPES = ('float16', 'bfloat16', 'float32')


@LOOPS.register_module()
class PixelTrainLoop(BaseLoop):
    """Read the features of all labeled images once, then train on their pixels.

    An iteration is one batch of pixels for every member of the ensemble, an epoch one pass over all
    labeled pixels. The run ends when all members have stopped
    (:class:`~mmdiffrep.models.heads.MemberStopRule`), or after ``max_epochs``; it then validates if
    the config has a validation. Hooks see one long epoch, as in mmengine's ``IterBasedTrainLoop``.

    The batches are a function of (seed, epoch, member), so that a resumed run equals an
    uninterrupted one. The training pipeline must not draw random numbers.

    Masks of training and validation are checked against their images as they are loaded
    (:class:`~mmdiffrep.datasets.transforms.check_seg_map.CheckSegMap` is added after
    ``LoadAnnotations`` where it is missing): after ``Resize`` a mask of another size, or of an
    image that is turned by its EXIF orientation, fits every image.

    With several processes, each trains the same members on the same batches: training takes as long
    as with one process, which is short compared to testing, and testing is shared. The result is
    the members of rank 0.

    Args:
        runner (Runner): The runner.
        dataloader (DataLoader or dict): Loads the labeled images. Its data set is read in order,
            image by image; sampler and batch size have no effect.
        max_epochs (int): Defaults to 100 (official: 100).
        batch_size (int): Pixels per batch and member. Defaults to 64 (official: 64).
        min_class_pixels (int): A class with fewer pixels than this in an image is ignored there.
            Defaults to 20 (official: 20, at 256 px); 1 keeps all.
        dtype (str): Precision that the maps are kept in, ``'float16'``, ``'bfloat16'`` or
            ``'float32'``. Defaults to ``'float16'``.
        report_interval (int): Iterations between two logged losses; each waits for the device.
            Defaults to 10.

    Raises:
        ValueError: A number that is too small or an unknown ``dtype``.
    """

    def __init__(
        self,
        runner: Runner,
        dataloader: DataLoader | dict[str, Any],
        max_epochs: int = 100,
        batch_size: int = 64,
        min_class_pixels: int = 20,
        dtype: str = 'float16',
        report_interval: int = 10,
    ) -> None:
        super().__init__(runner, dataloader)
        self.max_epochs = integer('max_epochs', max_epochs, 1)
        self.batch_size = integer('batch_size', batch_size, 2)  # for BatchNorm
        self.min_class_pixels = integer('min_class_pixels', min_class_pixels)
        self.dtype = getattr(torch, one_of('dtype', dtype, DTYPES))
        self.report_interval = integer('report_interval', report_interval, 1)
        self._check_masks(self.dataloader.dataset)
        self._iter = 0  # mmengine sets it on a resume
        self._end: int | None = None

    @property
    def model(self) -> nn.Module:
        """The segmentor without a wrapper for several processes."""
        model = self.runner.model
        return model.module if is_model_wrapper(model) else model

    @property
    def iter(self) -> int:
        """Batches so far."""
        return self._iter

    @property
    def epoch(self) -> int:
        """Passes over all pixels so far."""
        return self._iter // self.epoch_length

    @property
    def epoch_length(self) -> int:
        """Batches in an epoch; the incomplete last batch is dropped (official)."""
        return len(self.pixels) // self.batch_size

    @property
    def max_iters(self) -> int:
        """The last iteration as known so far: members may stop earlier."""
        return self.max_epochs * self.epoch_length if self._end is None else self._end

    @cached_property
    def pixels(self) -> LabeledPixels:
        """The labeled pixels with the features of their images, read when first needed.

        Raises:
            ValueError: Images, masks or features that do not fit.
        """
        dataset = self.dataloader.dataset
        self.runner.logger.info(f'Reading the features of {len(dataset)} labeled images.')
        ignore_index = getattr(_unwrapped(dataset, 'ignore_index'), 'ignore_index', 255)
        labels: list[Tensor] = []
        was_training = self.model.training
        self.model.eval()
        columns = Hypercolumns.cat(self._columns(ignore_index, labels), len(dataset))
        self.model.train(was_training)
        pixels = LabeledPixels(columns, torch.stack(labels), ignore_index, self.min_class_pixels)
        at_least('The number of labeled pixels (batch_size)', len(pixels), self.batch_size)
        return pixels

    def _columns(self, ignore_index: int, labels: list[Tensor]) -> Iterator[Hypercolumns]:
        """Yield the features of one image after the other, and append its label map."""
        dataset, collate = self.dataloader.dataset, self.dataloader.collate_fn
        for index in range(len(dataset)):
            data = self.model.data_preprocessor(collate([_load(dataset, index)]))
            sample = data['data_samples'][0]
            name = sample.get('img_path', index)
            labels.append(sample.gt_sem_seg.data[0].long())
            size = self.model.image_size(data['inputs'], sample)
            self._check_label(labels[-1], size, ignore_index, name)
            sizes = [tuple(label.shape) for label in (labels[0], labels[-1])]
            alike('Sizes of labeled images', sizes, 'resize them in the training pipeline.')
            features = self.model.extract_feat(data['inputs']).to(self.dtype)
            self._check_features(features, name)
            yield features

    def run(self) -> nn.Module:
        """Train.

        Raises:
            ValueError: An optimizer that would change stopped members, or a resume with other
                labeled pixels.
        """
        self._check_optimizer()
        self._check_resume()
        if self.runner.val_loop is not None:
            self._check_masks(self.runner.val_loop.dataloader.dataset)
        self.runner.visualizer.dataset_meta = self.dataloader.dataset.metainfo
        self._log_start()
        self.runner.call_hook('before_train')
        self.runner.call_hook('before_train_epoch')
        self.model.train()
        order = None
        while self._iter < self.max_iters and not self._all_stopped():
            epoch, step = divmod(self._iter, self.epoch_length)
            if order is None or step == 0:
                num_members = self.model.decode_head.num_members
                order = self.pixels.shuffles(self.runner.seed, epoch, num_members)
            start = step * self.batch_size
            self._run_iter(order[:, start : start + self.batch_size], epoch)
        for value in self.model.decode_head.state_dict().values():
            broadcast(value)
        self.runner.call_hook('after_train_epoch')
        if self.runner.val_loop is not None:
            self.runner.val_loop.run()
        self.runner.call_hook('after_train')
        return self.runner.model

    def _run_iter(self, chosen: Tensor, epoch: int) -> None:
        columns, labels = self.pixels.batch(chosen)
        batch = dict(columns=columns, labels=labels, epoch=epoch)
        self.runner.call_hook('before_train_iter', batch_idx=self._iter, data_batch=batch)
        outputs = self.model.train_step(batch, optim_wrapper=self.runner.optim_wrapper)
        if self.model.decode_head.stop_rule.applies(epoch):
            broadcast(self.model.decode_head.stop_rule.stopped)  # all processes end together
            if self._all_stopped():
                self._end = self._iter + 1  # so that hooks know the last iteration
        reported = (self._iter + 1) % self.report_interval == 0 or self._end is not None
        self.runner.call_hook(
            'after_train_iter',
            batch_idx=self._iter,
            data_batch=batch,
            outputs=outputs if reported else None,
        )
        self._iter += 1

    def _all_stopped(self) -> bool:
        """Tell whether all members have stopped; asks the device only in epochs where they may."""
        rule = self.model.decode_head.stop_rule
        return rule.applies(self.epoch) and bool(rule.stopped.all())

    def _check_masks(self, dataset: Dataset) -> None:
        """Let a data set check its masks as they are loaded."""
        dataset = _unwrapped(dataset, 'pipeline')
        classes = getattr(dataset, 'metainfo', {}).get('classes')
        num_classes = len(classes) if classes else self.model.decode_head.num_classes
        # here, since it needs mmcv, which not every loop of this package has
        from mmdiffrep.datasets.transforms import check_masks_when_loaded

        check_masks_when_loaded(dataset, num_classes)

    def _check_label(
        self, label: Tensor, size: tuple[int, int], ignore_index: int, name: str | int
    ) -> None:
        advice = 'In the training pipeline LoadAnnotations belongs before Resize.'
        equal(f'{name}: the shape of its mask', tuple(label.shape), size, advice)
        advice = 'Is num_classes of the head that of the masks?'
        num_classes = self.model.decode_head.num_classes
        check_label_range(str(name), label, num_classes, ignore_index, advice)

    def _check_features(self, features: Hypercolumns, name: str | int) -> None:
        if not all(maps.isfinite().all() for maps in features.maps):
            raise ValueError(
                f'{name}: features are not finite as {self.dtype}; if the model is sound, give '
                "train_cfg=dict(dtype='bfloat16') or 'float32'"
            )

    def _check_optimizer(self) -> None:
        for group in self.runner.optim_wrapper.param_groups:
            advice = 'Another one would change members that have stopped.'
            equal('weight_decay of the optimizer', group.get('weight_decay', 0), 0, advice)

    def _check_resume(self) -> None:
        """Refuse to resume with other pixels, as the members' orders would change."""
        hub, fingerprint = self.runner.message_hub, self.pixels.fingerprint()
        before = hub.get_info('labeled_pixels', fingerprint) if self._iter else fingerprint
        if before != fingerprint:
            raise ValueError(
                'the run was started with other labeled pixels: images, masks, image size or '
                'min_class_pixels have changed, or the training pipeline draws random numbers; '
                'resume with the same, or start anew in another work_dir'
            )
        hub.update_info('labeled_pixels', fingerprint)

    def _log_start(self) -> None:
        head = self.model.decode_head
        self.runner.logger.info(
            f'{len(self.pixels)} labeled pixels, hypercolumns of length {head.in_channels}, '
            f'{head.num_members} members, {self.epoch_length} iterations per epoch.'
        )
        if get_world_size() > 1:
            self.runner.logger.info(
                f'All {get_world_size()} processes train the same members; testing is shared.'
            )


def _unwrapped(dataset: Dataset, attribute: str) -> Dataset:
    """Return the first data set with an attribute, through wrappers."""
    while not hasattr(dataset, attribute) and hasattr(dataset, 'dataset'):
        dataset = dataset.dataset
    return dataset


def _load(dataset: Dataset, index: int) -> dict[str, Any]:
    """Load a sample; a damaged file is named."""
    from mmdiffrep.datasets.transforms import LOADING_ERRORS, name_damaged_file

    info = getattr(dataset, 'get_data_info', lambda index: dict(img_path=f'image {index}'))
    try:
        with naming_jpeg_damage(lambda: str(info(index).get('img_path'))):
            return dataset[index]
    except LOADING_ERRORS as error:
        raise name_damaged_file(info(index), error) from error

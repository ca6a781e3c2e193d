# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""A small segmentation task of one's own: some labeled images of a folder, split and as configs."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from mmengine.registry import MODELS, DefaultScope

from mmdiffrep.apis.pretrain_student import Student
from mmdiffrep.datasets.preparation.image_folder import look_through
from mmdiffrep.utils.atomic_file import write_atomically
from mmdiffrep.utils.image_files import read_labels

IGNORED = 255
_PARTS = dict(test=0.4, val=0.2)  # of all labeled images, and of what is left of them


class FewLabelTask(NamedTuple):
    """A task.

    Attributes:
        images: Folder of the images.
        masks: Folder of the masks.
        suffix: Of the labeled images' files.
        parts: Names without suffix, by part: ``'train'``, ``'val'``, ``'test'``.
        class_weight: By class: 1 / sqrt(share of the pixels of ``train`` and ``val``), at most 10.
    """

    images: Path
    masks: Path
    suffix: str
    parts: dict[str, list[str]]
    class_weight: list[float]


def find_task(images: str | Path, masks: str | Path, split_seed: int = 0) -> FewLabelTask:
    """Match images and masks by name, and split them.

    Args:
        images: Folder of images, labeled ones among them.
        masks: Folder of PNG masks; ``a/b.png`` belongs to the image ``a/b.jpg``. Values are
            classes from 0 on, 255 is ignored.
        split_seed: Of the split, which is the same for all students.

    Raises:
        FileNotFoundError: No such folder.
        OSError: A mask that is damaged or a color picture.
        ValueError: Fewer than 5 labeled images, or their files have several suffixes or cannot be
            read; masks with labels out of range, or without any.
    """
    report, root = look_through(images), Path(masks).expanduser()
    if not root.is_dir():
        raise FileNotFoundError(f'There is no folder {root}: give one that holds the masks.')
    labeled = {path.relative_to(root).with_suffix('').as_posix() for path in root.rglob('*.png')}
    bad = [name for name in report.bad if str(Path(name).with_suffix('')) in labeled]
    if bad:
        listed = '\n  '.join(f'{name}: {report.bad[name]}' for name in bad)
        raise ValueError(
            f'{len(bad)} labeled images of {images} cannot be read:\n  {listed}\nReplace them, or '
            'remove their masks.'
        )
    found = {str(Path(name).with_suffix('')): Path(name).suffix for name in report.images}
    names = sorted(labeled & set(found))
    if len(names) < 5:
        raise ValueError(
            f'{len(names)} masks of {root} have the name of an image in {images}, such as '
            'a.png and a.jpg; a comparison needs at least 5.'
        )
    suffixes = {found[name] for name in names}
    if len(suffixes) > 1:
        raise ValueError(f'The labeled images end in {sorted(suffixes)}: convert them to one.')
    names = [names[i] for i in np.random.default_rng(split_seed).permutation(len(names))]
    test = max(1, round(_PARTS['test'] * len(names)))
    val = max(1, round(_PARTS['val'] * (len(names) - test)))
    parts = dict(test=names[:test], val=names[test : test + val], train=names[test + val :])
    known = [root / f'{name}.png' for name in (*parts['val'], *parts['train'])]
    return FewLabelTask(report.folder, root, suffixes.pop(), parts, _class_weight(known))


def _class_weight(masks: Sequence[Path]) -> list[float]:
    counts = np.zeros(IGNORED, dtype=np.int64)
    for path in masks:
        values = read_labels(str(path))
        if values.min() < 0 or values.max() > IGNORED:
            raise ValueError(
                f'{path} has labels from {values.min()} to {values.max()}; expected classes from 0 '
                f'on, or {IGNORED} for pixels to ignore.'
            )
        counts += np.bincount(values.ravel(), minlength=IGNORED + 1)[:IGNORED]
    if not counts.any():
        raise ValueError(
            f'The masks of the {len(masks)} images to train on hold nothing but {IGNORED}: label '
            'some pixels.'
        )
    classes = int(np.flatnonzero(counts)[-1]) + 1
    share = counts[:classes] / counts.sum()
    return [round(float(min(10.0, (1 / max(s, 1e-2)) ** 0.5)), 2) for s in share]


def task_config(
    task: FewLabelTask,
    student: Student,
    folder: Path,
    size: int,
    iters: int,
    lr: float,
    seed: int,
    backbone: Mapping[str, Any] | None = None,
    choose: bool = False,
    num_workers: int = 0,
) -> dict[str, Any]:
    """Return the config of a student that learns the task.

    Args:
        task: The task.
        student: The backbone; a light head reads all its maps.
        folder: Of the run; lists of names are written there.
        size: Side of the images in pixels.
        iters: Iterations of 8 images.
        lr: Learning rate of AdamW.
        seed: Of weights and order.
        backbone: Config with trained weights. Defaults to None: the student's, random.
        choose: Train on ``train`` and test on ``val``. Defaults to False: train on both and test
            on ``test``.
        num_workers: Processes that read images.
    """
    parts = task.parts
    labeled, tested = parts['train'], parts['val'] if choose else parts['test']
    if not choose:
        labeled = [*labeled, *parts['val']]
    lists = [folder / 'labeled.txt', folder / 'tested.txt']
    for path, names in zip(lists, (labeled, tested)):
        write_atomically(''.join(f'{name}\n' for name in names).encode(), path)
    train = [
        dict(type='RandomResize', scale=(size, size), ratio_range=(1.0, 1.25), keep_ratio=False),
        dict(type='RandomCrop', crop_size=(size, size)),
        dict(type='PhotoMetricDistortion'),
    ]
    read, pack = dict(type='LoadImageFromFile'), dict(type='mmdiffrep.PackByteSegInputs')
    masks = [
        dict(type='LoadAnnotations'),
        dict(type='mmdiffrep.CheckSegMap', num_classes=len(task.class_weight)),
    ]
    resize = dict(type='Resize', scale=(size, size), keep_ratio=False)
    warm_up = max(1, min(100, iters // 20))
    return dict(
        default_scope='mmseg',
        work_dir=str(folder),
        experiment_name=folder.name,
        randomness=dict(seed=seed),
        log_level='WARNING',
        model=_model(task, student, size, dict(backbone or student.backbone)),
        train_dataloader=_loader(
            task, lists[0], [read, *masks, *train, pack], num_workers, infinite=True
        ),
        test_dataloader=_loader(task, lists[1], [read, resize, *masks, pack], num_workers),
        test_evaluator=dict(type='IoUMetric', iou_metrics=['mIoU']),
        test_cfg=dict(type='TestLoop'),
        train_cfg=dict(type='IterBasedTrainLoop', max_iters=iters, val_interval=iters),
        optim_wrapper=dict(
            type='OptimWrapper', optimizer=dict(type='AdamW', lr=lr, weight_decay=0.01)
        ),
        param_scheduler=[
            dict(type='LinearLR', start_factor=0.1, begin=0, end=warm_up, by_epoch=False),
            dict(type='PolyLR', power=0.9, eta_min=1e-5, begin=warm_up, end=iters, by_epoch=False),
        ],
        log_processor=dict(by_epoch=False),
        default_hooks=dict(
            logger=dict(type='LoggerHook', interval=100, log_metric_by_epoch=False),
            checkpoint=None,
            finite_loss=dict(type='mmdiffrep.FiniteLossHook'),
        ),
    )


def _loader(
    task: FewLabelTask, names: Path, pipeline: list[dict], num_workers: int, infinite: bool = False
) -> dict[str, Any]:
    sampler = (
        dict(type='InfiniteSampler', shuffle=True)
        if infinite
        else dict(type='DefaultSampler', shuffle=False)
    )
    return dict(
        batch_size=8,
        num_workers=num_workers,
        persistent_workers=num_workers > 0,
        sampler=sampler,
        dataset=dict(
            type='BaseSegDataset',
            ann_file=str(names),
            data_prefix=dict(img_path=str(task.images), seg_map_path=str(task.masks)),
            img_suffix=task.suffix,
            seg_map_suffix='.png',
            metainfo=dict(classes=[str(i) for i in range(len(task.class_weight))]),
            pipeline=pipeline,
        ),
    )


def _model(
    task: FewLabelTask, student: Student, size: int, backbone: dict[str, Any]
) -> dict[str, Any]:
    with DefaultScope.overwrite_default_scope('mmengine'), torch.no_grad():
        network = MODELS.build(dict(student.backbone))
        network.eval()  # some hosts' train() returns nothing
        maps = network(torch.zeros(1, 3, size, size))
    channels = [feature.shape[1] for feature in maps]
    return dict(
        type='EncoderDecoder',
        data_preprocessor=dict(
            type='SegDataPreProcessor',
            mean=student.mean,
            std=student.std,
            bgr_to_rgb=True,
            seg_pad_val=IGNORED,
            size=(size, size),
        ),
        backbone=backbone,
        decode_head=dict(
            type='FCNHead',
            in_channels=channels,
            in_index=list(range(len(channels))),
            input_transform='resize_concat',
            channels=128,
            num_convs=1,
            kernel_size=1,
            concat_input=False,
            dropout_ratio=0.1,
            num_classes=len(task.class_weight),
            norm_cfg=dict(type='BN', requires_grad=True),
            align_corners=False,
            loss_decode=dict(
                type='mmdiffrep.WeightedCrossEntropyLoss', class_weight=task.class_weight
            ),
        ),
        train_cfg=dict(),
        test_cfg=dict(mode='whole'),
    )

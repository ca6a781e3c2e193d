# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import uuid
from multiprocessing.reduction import ForkingPickler

import pytest
import torch
from mmengine.runner import Runner
from torch.utils.data import DataLoader

from mmdiffrep.feature_bank import FeatureReader
from mmdiffrep.registry import DATASETS
from mmdiffrep.testing import tiny_runner, tiny_segmentor

KEYS = [(3, 'mid'), (3, 'dec.1'), (15, 'mid'), (15, 'dec.1')]
IMAGES = dict(type='mmdiffrep.RandomSegmentation', length=6)


def toy_faces(num_images=4, image_size=32, *transforms):
    return dict(
        type='mmdiffrep.ToyFacesDataset',
        task='cls',
        attribute='glasses',
        split='train',
        num_images=num_images,
        image_size=image_size,
        pipeline=[dict(type='mmdiffrep.LoadToyFace'), *transforms, dict(type='PackInputs')],
    )


def test_samples_have_features_and_labels(bank_of, model_folder):
    dataset = DATASETS.build(bank_of())
    images = DATASETS.build(IMAGES)
    assert len(dataset) == 6 and dataset.metainfo == images.metainfo
    reader = FeatureReader(model_folder, ['mid', 'dec.1'], [3, 15], batch_size=6)
    expected = reader([images[index]['inputs'] for index in range(6)])
    for index in range(6):
        sample = dataset[index]
        assert list(sample['inputs']) == KEYS
        for key, maps in sample['inputs'].items():
            assert torch.equal(maps, expected[key][index].permute(2, 0, 1))
        labels = images[index]['data_samples'].gt_sem_seg.data
        assert torch.equal(sample['data_samples'].gt_sem_seg.data, labels)


def test_second_data_set_computes_nothing(bank_of, monkeypatch):
    folder = DATASETS.build(bank_of()).bank.folder
    monkeypatch.setattr(FeatureReader, '__call__', lambda *_: pytest.fail('a pass'))
    subset = dict(IMAGES, length=6, order=[4, 2])
    dataset = DATASETS.build(bank_of(subset))
    assert len(dataset) == 2 and len(dataset.bank) == 6
    by_folder = DATASETS.build(dict(bank_of(subset), bank=str(folder)))
    for key, maps in by_folder[1]['inputs'].items():
        assert torch.equal(maps, dataset[1]['inputs'][key])


def test_samples_do_not_take_their_shard_along(bank_of):
    maps = DATASETS.build(bank_of())[0]['inputs'][3, 'mid']
    assert maps.untyped_storage().nbytes() == maps.nbytes
    assert maps[None].is_contiguous(memory_format=torch.channels_last)


def test_workers_read_the_same(bank_of):
    dataset = DATASETS.build(bank_of())
    loader = DataLoader(dataset, batch_size=None, num_workers=2)
    for sample, expected in zip(loader, dataset):
        for key in KEYS:
            assert torch.equal(sample['inputs'][key], expected['inputs'][key])


def test_kept_samples_are_read_once(bank_of, monkeypatch):
    dataset = DATASETS.build(dict(bank_of(), keep_samples=True))
    first = dataset[2]
    monkeypatch.setattr(dataset.dataset, 'images', None)
    second = dataset[2]
    assert torch.equal(first['inputs'][3, 'mid'], second['inputs'][3, 'mid'])
    labels = [one['data_samples'].gt_sem_seg.data for one in (first, second)]
    assert torch.equal(*labels)


def test_kept_samples_can_be_sent_more_than_once(bank_of, mmpretrain_scope):
    dataset = DATASETS.build(dict(bank_of(toy_faces(2)), keep_samples=True))
    for _ in range(3):  # what a worker process does with a sample
        ForkingPickler.dumps(dataset[0]['data_samples'])
    assert isinstance(dataset[0]['data_samples'].gt_label, torch.Tensor)


@pytest.mark.parametrize(
    ('bank', 'error', 'message'),
    [
        (dict(model='x', tap=['mid']), ValueError, "no argument 'tap'. Did you mean taps"),
        ('no/such/folder', FileNotFoundError, 'no feature bank in no/such/folder'),
    ],
)
def test_bad_banks(bank_of, bank, error, message):
    with pytest.raises(error, match=message):
        DATASETS.build(dict(bank_of(), bank=bank))


def test_trains_and_tests_a_segmentor(bank_of, tmp_path):
    head = dict(tiny_segmentor()['decode_head'], in_channels=[16, 16], in_index=[2, 3])
    model = dict(
        type='mmseg.EncoderDecoder',
        data_preprocessor=dict(type='mmdiffrep.StoredFeaturesPreprocessor'),
        backbone=dict(type='mmdiffrep.StoredFeatures'),
        decode_head=dict(head, input_transform='resize_concat'),
        test_cfg=dict(mode='whole'),
    )
    loader = dict(
        dataset=bank_of(),
        sampler=dict(type='DefaultSampler', shuffle=True),
        batch_size=2,
        num_workers=0,
    )
    runner = tiny_runner(
        tmp_path,
        model=model,
        train_dataloader=loader,
        train_cfg=dict(type='IterBasedTrainLoop', max_iters=2, val_interval=2),
        val_dataloader=loader,
        val_evaluator=dict(type='IoUMetric', iou_metrics=['mIoU']),
        val_cfg=dict(),
    )
    before = runner.model.decode_head.conv_seg.weight.clone()
    runner.train()
    assert not torch.equal(before, runner.model.decode_head.conv_seg.weight)
    assert 0 <= runner.message_hub.get_scalar('val/mIoU').current() <= 100


def test_trains_a_classifier_on_vectors(bank_of, mmpretrain_scope, tmp_path):
    runner = Runner(
        model=dict(
            type='ImageClassifier',
            data_preprocessor=dict(type='mmdiffrep.StoredFeaturesPreprocessor'),
            backbone=dict(type='mmdiffrep.StoredFeatures'),
            neck=dict(type='GlobalAveragePooling'),
            head=dict(type='LinearClsHead', num_classes=3, in_channels=16),
        ),
        work_dir=str(tmp_path),
        train_dataloader=dict(
            dataset=bank_of(toy_faces(), pool=1),
            sampler=dict(type='InfiniteSampler', shuffle=True),
            batch_size=2,
            num_workers=0,
        ),
        train_cfg=dict(type='IterBasedTrainLoop', max_iters=2),
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1)),
        default_scope='mmpretrain',
        experiment_name=uuid.uuid4().hex,
        log_level='WARNING',
    )
    before = runner.model.head.fc.weight.clone()
    runner.train()
    assert not torch.equal(before, runner.model.head.fc.weight)

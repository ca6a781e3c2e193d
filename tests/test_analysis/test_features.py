# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope

from mmdiffrep.analysis.data import ImageBatch, ImageSource
from mmdiffrep.analysis.features import (
    FeatureKey,
    StudentReader,
    TeacherReader,
    collect_features,
    pool_map,
    stream_features,
)
from mmdiffrep.apis import FeatureExtractor
from mmdiffrep.diffusion.denoisers import load_denoiser
from mmdiffrep.testing import tiny_teacher

TAPS, TIMESTEPS = ('enc.0', 'mid'), (0, 15)


@pytest.fixture
def denoiser():
    return load_denoiser(tiny_teacher(num_timesteps=20))


@pytest.fixture
def student(tmp_path):
    """A config of mmpretrain and a checkpoint of it."""
    preprocessor = dict(
        type='ClsDataPreprocessor', mean=[100.0, 90, 80], std=[50.0] * 3, to_rgb=True
    )
    model = dict(
        type='ImageClassifier',
        backbone=dict(type='ResNet_CIFAR', depth=18, base_channels=8, out_indices=(0, 3)),
        neck=dict(type='GlobalAveragePooling'),
        head=dict(type='LinearClsHead', num_classes=2, in_channels=64),
    )
    cfg = Config(dict(default_scope='mmpretrain', model=model, data_preprocessor=preprocessor))
    init_default_scope('mmpretrain')
    network = MODELS.build({**model, 'data_preprocessor': preprocessor}).eval()
    torch.save(dict(state_dict=network.state_dict()), tmp_path / 'student.pth')
    return cfg, tmp_path / 'student.pth', network


def batch(*sizes):
    shapes = [(3, size, size) for size in sizes]
    inputs = [torch.randint(0, 256, shape).byte() for shape in shapes]
    return ImageBatch(inputs, [None] * len(sizes))


def test_teacher_features_are_the_extractors(denoiser):
    reader = TeacherReader(denoiser, TAPS, TIMESTEPS, noises=('none', 'per_image'), pass_size=4)
    given = batch(16, 16, 16)
    found = reader(given)
    assert tuple(found) and set(found) == set(reader.keys) and len(reader.keys) == 8
    images = torch.stack(given.inputs).flip(1) / 127.5 - 1
    for noise in ('none', 'per_image'):
        expected = FeatureExtractor(denoiser, TAPS, TIMESTEPS, noise=noise)(images)
        for (t, tap), feature in expected.items():
            torch.testing.assert_close(found[FeatureKey(tap, t, noise)], feature.mean((2, 3)))
    assert not torch.allclose(
        found[FeatureKey('mid', 15, 'none')], found[FeatureKey('mid', 15, 'per_image')]
    )


def test_channel_order_matters(denoiser):
    given = batch(16)
    turned = ImageBatch([image.flip(0) for image in given.inputs], [None])
    key = FeatureKey('mid', 0, 'none')
    bgr = TeacherReader(denoiser, ['mid'], [0], channel_order='bgr')(given)[key]
    rgb = TeacherReader(denoiser, ['mid'], [0], channel_order='rgb')(turned)[key]
    torch.testing.assert_close(bgr, rgb)


def test_images_of_any_size_are_resized(denoiser):
    found = TeacherReader(denoiser, ['mid'], [3])(batch(16, 40, 24))
    assert found[FeatureKey('mid', 3, 'none')].shape == (3, 16)


@pytest.mark.parametrize(('grid', 'width'), [(1, 6), (2, 24), (None, 96)])
def test_maps_become_vectors(grid, width):
    feature = torch.randn(5, 6, 4, 4)
    vectors = pool_map(feature, grid)
    assert vectors.shape == (5, width)
    torch.testing.assert_close(vectors.reshape(5, 6, -1).mean(2), feature.mean((2, 3)))
    assert pool_map(feature[:, :, 0, 0].half(), grid).dtype == torch.float32


def test_all_timesteps_are_in_one_pass(denoiser):
    calls = []
    denoiser.register_forward_pre_hook(lambda module, args: calls.append(len(args[0])))
    TeacherReader(denoiser, TAPS, TIMESTEPS, pass_size=6)(batch(16, 16, 16, 16))
    assert calls == [6, 2]


def test_student_features_are_those_of_its_own_pass(student):
    cfg, checkpoint, network = student
    reader = StudentReader(cfg, checkpoint, ['backbone[0]', 'backbone', 'neck[-1]'], grid=2)
    given = batch(32, 32)
    found = reader(given)
    normalized = network.data_preprocessor(dict(inputs=given.inputs), False)['inputs']
    with torch.no_grad():
        first, last = network.backbone(normalized)
    torch.testing.assert_close(found[FeatureKey('backbone[0]')], pool_map(first, 2))
    torch.testing.assert_close(found[FeatureKey('backbone')], pool_map(last, 2))
    torch.testing.assert_close(found[FeatureKey('neck[-1]')], last.mean((2, 3)))
    assert not reader.taps._handles


def test_a_wrong_student_is_refused(student, tmp_path):
    cfg, checkpoint, _ = student
    with pytest.raises(ValueError, match=r"no layer 'bakbone'.*backbone"):
        StudentReader(cfg, checkpoint, ['bakbone'])
    with pytest.raises(FileNotFoundError, match='no checkpoint file'):
        StudentReader(cfg, tmp_path / 'none.pth', ['backbone'])
    other = cfg.copy()
    other.model.head.num_classes = 3
    with pytest.raises(ValueError, match=r'student.pth does not fit .*of another shape \(head.fc'):
        StudentReader(other, checkpoint, ['backbone'])


def test_a_data_set_is_read_batch_by_batch(face_config, denoiser, student):
    source = ImageSource(face_config(), 'test')
    teacher = TeacherReader(denoiser, ['mid'], TIMESTEPS)
    readers = [teacher, StudentReader(*student[:2], ['backbone'])]
    features, labels = collect_features(source, readers, batch_size=3)
    assert list(map(str, features)) == ['mid t=0 clean', 'mid t=15 clean', 'backbone']
    assert labels.shape == (8,) and {len(value) for value in features.values()} == {8}
    whole, _ = collect_features(source, readers, batch_size=8)
    for key, value in features.items():
        torch.testing.assert_close(value, whole[key])


def test_two_readers_of_one_name(face_config, denoiser):
    source = ImageSource(face_config(), 'test')
    reader = TeacherReader(denoiser, ['mid'], [0])
    with pytest.raises(ValueError, match='names of features must differ'):
        next(stream_features(source, [reader, reader]))


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(taps=['dec.9']), "no tap 'dec.9'"),
        (dict(timesteps=[20]), r'in \[0, 19\]'),
        (dict(timesteps=[]), 'timesteps must have at least one'),
        (dict(noises=['pink']), 'noise must be one of'),
        (dict(noises=['none', 'none']), 'noises must differ'),
        (dict(grid=0), 'at least 1, got 0'),
    ],
)
def test_bad_options(denoiser, options, message):
    with pytest.raises(ValueError, match=message):
        TeacherReader(**{**dict(model=denoiser, taps=TAPS, timesteps=TIMESTEPS), **options})

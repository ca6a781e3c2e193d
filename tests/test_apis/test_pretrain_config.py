# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Settings of a pre-training run that follow from images, batch, teachers and device."""

import pytest
import torch

from mmdiffrep.apis import pretrain_config
from mmdiffrep.apis.pretrain_config import plan_run
from mmdiffrep.apis.pretrain_student import Student
from mmdiffrep.apis.pretrain_teacher import TeacherPlan

STUDENT = Student(
    backbone=dict(type='mmpretrain.ResNet', depth=18),
    mean=[1.0, 2.0, 3.0],
    std=[4.0, 5.0, 6.0],
    layers=['backbone[0]', 'backbone[1]'],
    strides=[4, 8],
    parameters=1_500_000,
    is_transformer=False,
)


def teacher(name='ddpm', timestep=50):
    return TeacherPlan(name, f'/models/{name}', 'dec.2', 64, timestep, 'at most 16 cells')


def plan(count=1000, teachers=None, student=STUDENT, **options):
    teachers = teachers or [teacher()]
    return plan_run(
        'images', 'list.txt', count, student, teachers, 'out', 64, "the teacher's", **options
    )


def rows(plan):
    return {setting.name: setting for setting in plan.settings}


@pytest.fixture(autouse=True)
def device(monkeypatch):
    """Name of the device that is found; the CPU unless a test sets another."""

    def use(name):
        monkeypatch.setattr(pretrain_config, 'get_device', lambda: name)

    use('cpu')
    return use


@pytest.mark.parametrize(
    ('name', 'count', 'batch', 'epochs', 'steps', 'lr'),
    [
        ('cpu', 1000, 16, 160, 10_000, 1e-3),
        ('cuda', 1000, 64, 160, 2500, 2e-3),
        ('cpu', 4000, 16, 80, 20_000, 1e-3),
        ('cuda', 64, 16, 632, 2528, 1e-3),  # a quarter of the images
        ('cpu', 2, 2, 3578, 3578, 1e-3 / 8**0.5),
    ],
)
def test_batch_epochs_and_rate_follow_from_images_and_device(
    device, name, count, batch, epochs, steps, lr
):
    device(name)
    found = plan(count)
    config = found.config
    assert config['train_dataloader']['batch_size'] == batch
    assert config['train_cfg']['max_iters'] == steps
    assert config['optim_wrapper']['optimizer']['lr'] == pytest.approx(lr)
    assert rows(found)['epochs'].value == f'{epochs} ({steps} steps)'


@pytest.mark.parametrize('fastest', [torch.bfloat16, torch.float32])
def test_a_teacher_is_read_in_the_fastest_precision_of_a_cpu(device, monkeypatch, fastest):
    monkeypatch.setattr(pretrain_config, 'fastest_dtype', lambda _: fastest)
    found = plan(100)
    assert found.config['default_hooks']['repfusion']['precision'] == 'auto'
    assert rows(found)['teacher precision'].value == str(fastest).removeprefix('torch.')


@pytest.mark.parametrize('name', ['cuda', 'dipu'])
def test_on_other_devices_the_precision_is_that_of_the_hook(device, name):
    device(name)
    assert 'precision' not in plan(100).config['default_hooks']['repfusion']


def test_what_is_asked_for_is_taken_and_said_to_be():
    found = plan(100, epochs=3, batch_size=8, lr=0.5)
    assert found.config['train_cfg']['max_iters'] == 38  # 3 x 100 / 8, rounded up
    assert found.config['optim_wrapper']['optimizer']['lr'] == 0.5
    assert {rows(found)[name].reason for name in ('batch', 'epochs', 'learning rate')} == {
        'as asked'
    }


def test_the_rate_of_large_batches_is_bounded():
    assert plan(batch_size=1024).config['optim_wrapper']['optimizer']['lr'] == 4e-3


@pytest.mark.parametrize(('epochs', 'steps', 'warm_up'), [(160, 10_000, 500), (1, 63, 3)])
def test_warm_up_and_cosine_cover_the_run(epochs, steps, warm_up):
    first, second = plan(epochs=epochs).config['param_scheduler']
    assert (first['begin'], first['end']) == (0, warm_up)
    assert (second['begin'], second['T_max'], second['end']) == (warm_up, steps - warm_up, steps)


def test_transformers_have_another_weight_decay():
    for is_transformer, decay in ((False, 0.01), (True, 0.05)):
        found = plan(student=STUDENT._replace(is_transformer=is_transformer))
        assert found.config['optim_wrapper']['optimizer']['weight_decay'] == decay


def test_one_teacher_is_read_at_its_timestep_with_fresh_noise():
    hook = plan().config['default_hooks']['repfusion']
    assert hook['teacher'] == '/models/ddpm' and hook['noise'] == 'fresh'
    assert hook['policy'] == dict(type='mmdiffrep.FixedTimestep', t=50)
    (pair,) = hook['pairs']
    assert (pair['student'], pair['teacher']) == (['backbone[0]', 'backbone[1]'], 'dec.2')
    encoder = plan(teachers=[teacher('dinov2', None)])
    assert not {'policy', 'noise'} & set(encoder.config['default_hooks']['repfusion'])
    assert 'timestep' not in rows(encoder)


@pytest.mark.parametrize(
    ('names', 'expected'),
    [
        (['a', 'b'], ['a', 'b']),
        (['a', 'a', 'a'], ['a', 'a_2', 'a_3']),
        (['a', 'a_2', 'a'], ['a', 'a_2', 'a_3']),
        (['a', 'a', 'a_2'], ['a', 'a_2', 'a_2_2']),
    ],
)
def test_several_teachers_have_names_of_their_own(names, expected):
    found = plan(teachers=[teacher(name) for name in names], drop=0.25)
    hook = found.config['default_hooks']['repfusion']
    assert list(hook['teacher']['teachers']) == expected and hook['teacher']['drop'] == 0.25
    assert [pair['teacher'] for pair in hook['pairs']] == [f'{name}/dec.2' for name in expected]
    assert all(pair['balance'] for pair in hook['pairs'])
    assert rows(found)['teachers'].value == ', '.join(expected)


def test_a_probe_measures_as_often_as_the_run_saves():
    hooks = plan(probe='labeled').config['default_hooks']
    assert hooks['knn_probe']['data_root'] == 'labeled'
    assert hooks['knn_probe']['interval'] == hooks['checkpoint']['interval'] == 500
    assert 'knn_probe' not in plan().config['default_hooks']

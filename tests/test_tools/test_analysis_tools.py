# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The tools of tools/analysis, from the command line to picture and table."""

import csv
import importlib
import socket
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from diffusers import DDPMScheduler, UNet2DModel
from mmengine.config import Config
from mmengine.dist import is_distributed
from mmengine.registry import MODELS, init_default_scope

from mmdiffrep.testing import tiny_teacher

FOLDER = Path(__file__).resolve().parents[2] / 'tools' / 'analysis'
NAMES = ('spectrum', 'probe', 'cka')
DATA = [
    'train_dataloader.dataset.num_images=16',
    'train_dataloader.dataset.indices=None',
    'train_dataloader.dataset.attribute=mouth',
    'test_dataloader.dataset.num_images=8',
    'test_dataloader.dataset.attribute=mouth',
]


@pytest.fixture(scope='module')
def model(tmp_path_factory):
    """A folder with a random diffusion model of 16 px and 20 timesteps."""
    folder = tmp_path_factory.mktemp('model')
    torch.manual_seed(0)
    UNet2DModel(**tiny_teacher()['unet']).save_pretrained(folder / 'unet')
    DDPMScheduler(num_train_timesteps=20).save_pretrained(folder / 'scheduler')
    return str(folder)


@pytest.fixture
def run(monkeypatch, tmp_path, model):
    """Runs a tool on a few drawn faces and returns the rows of its table."""
    monkeypatch.syspath_prepend(str(FOLDER))

    def start(name, *options, data=DATA):
        arguments = [model, '--timesteps', '0', '15', '--out', str(tmp_path), '--device', 'cpu']
        importlib.import_module(name).main([*arguments, *options, '--cfg-options', *data])
        picture = cv2.imread(str(tmp_path / f'{name}.png'))
        assert picture.shape[0] > 200 and len(np.unique(picture)) > 20
        with open(tmp_path / f'{name}.csv') as file:
            return list(csv.DictReader(file))

    return start


def test_spectrum(run, capsys):
    rows = run('spectrum', '--taps', 'mid', 'enc.0', '--batch-size', '3')
    assert [(row['tap'], row['noise'], row['t']) for row in rows[:3]] == [
        ('mid', 'none', '0'),
        ('mid', 'none', '15'),
        ('enc.0', 'none', '0'),
    ]
    assert len(rows) == 8 and {row['num_images'] for row in rows} == {'8'}
    for row in rows:
        assert int(row['rank']) <= 7 and row['centered'] == 'True'  # one is lost to the mean
        assert 1 <= float(row['stable_rank']) <= float(row['effective_rank']) <= 7
    assert 'effective' in capsys.readouterr().out


def test_spectrum_of_more_features(run):
    options = ['--pool', 'none', '--uncentered', '--noise', 'per_image', '--num-images', '5']
    rows = run('spectrum', *options)
    assert [(row['num_features'], row['num_images']) for row in rows] == [('1024', '5')] * 2
    assert {row['rank'] for row in rows} == {'5'}


def test_probe(run, capsys):
    rows = run('probe', '--noise', 'none', 'per_image')
    assert len(rows) == 4 and {(row['num_train'], row['num_test']) for row in rows} == {('16', '8')}
    for row in rows:
        for column in ('held_out', 'accuracy', 'class_accuracy'):
            assert (
                0 <= float(row[f'linear_{column}']) <= 1 and 0 <= float(row[f'knn_{column}']) <= 1
            )
    printed = ' '.join(capsys.readouterr().out.split())
    assert 'Best linear probe by the held-out images: mid, t = ' in printed


def test_cka_with_a_student(run, tmp_path):
    model = dict(
        type='ImageClassifier',
        backbone=dict(type='ResNet_CIFAR', depth=18, base_channels=8),
        data_preprocessor=dict(
            type='ClsDataPreprocessor', mean=[0.0] * 3, std=[255.0] * 3, to_rgb=True
        ),
    )
    init_default_scope('mmpretrain')
    torch.save(dict(state_dict=MODELS.build(model).state_dict()), tmp_path / 'student.pth')
    Config(dict(default_scope='mmpretrain', model=model)).dump(tmp_path / 'student.py')
    files = [str(tmp_path / f'student.{suffix}') for suffix in ('py', 'pth')]
    rows = run('cka', '--student', *files, '--batch-size', '8')
    names = ['mid t=0 clean', 'mid t=15 clean', 'backbone']
    assert [row['feature'] for row in rows] == names
    matrix = np.array([[float(row[name]) for name in names] for row in rows])
    np.testing.assert_allclose(np.diag(matrix), 1)
    np.testing.assert_allclose(matrix, matrix.T)
    assert matrix[0, 1] > matrix[0, 2]


ENCODER = dict(
    default_scope='mmpretrain',
    model=dict(
        type='ImageClassifier',
        backbone=dict(type='ResNet_CIFAR', depth=18, base_channels=8),
        data_preprocessor=dict(mean=[0.0] * 3, std=[255.0] * 3, to_rgb=True),
    ),
)


@pytest.fixture
def encoder(tmp_path):
    """A config of a random encoder."""
    Config(ENCODER).dump(tmp_path / 'resnet.py')
    return str(tmp_path / 'resnet.py')


def test_sweep(run, tmp_path, capsys, encoder):
    options = ['--taps', 'enc.0', 'mid', '--pools', '1', '2', '--banks', str(tmp_path / 'banks')]
    options += ['--epochs', '1', '--min-steps', '0', '--held-out', '0.3', '--seeds', '0', '1']
    options += ['--views', '2', '--augment', 'crop', 'flip', '--alignment']
    rows = run('sweep', *options, '--encoders', encoder, '--encoder-size', '32')
    assert [(row['timestep'], row['tap'], row['pool']) for row in rows[:5]] == [
        ('0', 'enc.0', '1'),
        ('0', 'mid', '1'),
        ('15', 'enc.0', '1'),
        ('15', 'mid', '1'),
        ('0', 'enc.0', '2'),
    ]
    assert [row['model'] for row in rows[8:]] == ['resnet (random weights)'] * 2
    for row in rows:
        assert 0 <= float(row['held_out']) <= 1 and 0 <= float(row['test']) <= 1
        assert -8 <= float(row['uniformity']) <= 0
        assert (row['alignment'] == '') == (row['timestep'] == '')
    printed = capsys.readouterr().out
    assert 'Best by the held-out images: ' in ' '.join(printed.split())
    assert 'resnet (random weights)' in printed and 'uniformity' in printed  # nothing is cut
    recommended = Config.fromfile(tmp_path / 'recommended.py')
    assert recommended.model.backbone.type == 'mmdiffrep.DPMBackbone'
    assert recommended.train_dataloader.dataset.attribute == 'mouth'
    table = (tmp_path / 'sweep.csv').read_text().splitlines()[:9]  # of the stored model
    run('sweep', *options, '--encoders', encoder, '--encoder-size', '32')
    assert table == (tmp_path / 'sweep.csv').read_text().splitlines()[:9]


def test_heads_are_trained_when_the_processes_have_parted(run, tmp_path, monkeypatch):
    with socket.socket() as sock:
        sock.bind(('127.0.0.1', 0))
        places = dict(MASTER_PORT=sock.getsockname()[1], MASTER_ADDR='127.0.0.1')
    for name, value in dict(places, RANK=0, WORLD_SIZE=1, LOCAL_RANK=0).items():
        monkeypatch.setenv(name, str(value))
    tool, connected = importlib.import_module('sweep'), []
    train_heads = tool.sweep
    monkeypatch.setattr(
        tool,
        'sweep',
        lambda *args, **kw: connected.append(is_distributed()) or train_heads(*args, **kw),
    )
    options = ['--epochs', '1', '--min-steps', '0', '--held-out', '0.3', '--launcher', 'pytorch']
    assert run('sweep', *options, '--banks', str(tmp_path / 'banks'))
    assert connected == [False]


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (['--views', '2', '--noise', 'none'], 'all views are the same'),
        (['--augment', 'crop'], 'The first view is not augmented'),
        (['--pools', '2', '3'], 'greatest of pools=[2, 3] must be a multiple of 2'),
        (['--num-images', '3'], 'of 3 images, too few for a held-out split'),
        (['--held-out', '1.5'], 'share must be in'),
    ],
)
def test_bad_options_of_a_sweep(run, tmp_path, capsys, options, message):
    with pytest.raises(SystemExit) as exit_:
        run('sweep', *options, '--banks', str(tmp_path / 'banks'))
    assert exit_.value.code == 2
    assert message in capsys.readouterr().err


def test_encoders_are_probed_and_compared(run, encoder, capsys):
    options = ['--noise', 'none', '--encoders', encoder, '--encoder-size', '32']
    rows = run('probe', *options)
    assert [row['tap'] for row in rows] == ['mid', 'mid', 'resnet (random weights) out.0']
    assert rows[2]['t'] == rows[2]['noise'] == ''
    rows = run('cka', *options, '--batch-size', '8')
    assert [row['feature'] for row in rows][2] == 'resnet (random weights) out.0'


@pytest.mark.parametrize('options', [['--num-images', '3'], ['--batch-size', '2']])
def test_cka_of_fewer_than_four_images(run, capsys, options):
    with pytest.raises(SystemExit):
        run('cka', *options)
    assert 'compares at least 4 images' in capsys.readouterr().err


def test_headings_of_tables_are_not_cut(run, capsys):
    run('spectrum', '--noise', 'none')
    assert '…' not in capsys.readouterr().out


@pytest.mark.parametrize('name', [*NAMES, 'sweep'])
@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (['--taps', 'mid', 'dec.40'], "no tap 'dec.40'"),
        (['--timesteps', '0', '20'], 'in [0, 19], got 20'),
        (['--num-images', '300'], 'got 300'),
        (['--data', 'repfusion/nothing.py'], 'no config'),
    ],
)
def test_bad_options_exit_with_the_reason(run, capsys, name, options, message):
    with pytest.raises(SystemExit) as exit_:
        run(name, *options)
    assert exit_.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ('data', 'message'),
    [
        ([DATA[0], DATA[1], 'train_dataloader.dataset.attribute=hat'], 'No image of class'),
        (
            ['train_dataloader.dataset.task=image', 'train_dataloader.dataset.attribute=None'],
            'no class labels',
        ),
    ],
)
def test_probes_need_labels_of_every_class(run, capsys, data, message):
    with pytest.raises(SystemExit):
        run('probe', '--num-images', '6', data=data)
    assert message in capsys.readouterr().err


def test_pool_is_a_number_or_none(run, capsys):
    with pytest.raises(SystemExit):
        run('spectrum', '--pool', '0')
    assert "expected a number of cells or 'none', got '0'" in capsys.readouterr().err

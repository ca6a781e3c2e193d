# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""tools/analysis/frechet.py, from the command line to the table."""

import csv
import importlib
import sys
from pathlib import Path

import pytest
import torch
from diffusers import DDPMScheduler, UNet2DModel

from mmdiffrep.testing import tiny_teacher

FOLDER = Path(__file__).resolve().parents[2] / 'tools' / 'analysis'
ENCODER = """
default_scope = 'mmpretrain'
model = dict(
    data_preprocessor=dict(mean=[127.5] * 3, std=[127.5] * 3, to_rgb=True),
    backbone=dict(type='ResNet', depth=18, stem_channels=4, base_channels=4),
)
"""
DATA = ['train_dataloader.dataset.num_images=8', 'train_dataloader.dataset.attribute=mouth']


@pytest.fixture
def run(monkeypatch, tmp_path):
    torch.manual_seed(0)
    UNet2DModel(**tiny_teacher()['unet']).save_pretrained(tmp_path / 'model' / 'unet')
    DDPMScheduler(num_train_timesteps=20).save_pretrained(tmp_path / 'model' / 'scheduler')
    (tmp_path / 'encoder.py').write_text(ENCODER)
    monkeypatch.syspath_prepend(str(FOLDER))

    def start(*options):
        arguments = [str(tmp_path / 'model'), '--data', 'repfusion/toyfaces_r18_cls_scratch.py']
        arguments += ['--num-images', '6', '--steps', '2', '--device', 'cpu']
        arguments += ['--out', str(tmp_path), *options, '--cfg-options', *DATA]
        importlib.import_module('frechet').main(arguments)
        with open(tmp_path / 'frechet.csv') as file:
            return list(csv.DictReader(file))

    return start


def test_distance_in_the_features_of_an_encoder(run, tmp_path, capsys):
    (row,) = run('--encoder', str(tmp_path / 'encoder.py'), '--sampler', 'heun')
    assert (row['sampled'], row['real'], row['sampler']) == ('6', '8', 'heun')
    assert float(row['distance']) > 0
    assert 'Fewer images than the 32 features' in capsys.readouterr().out


def test_fid_without_its_library_ends_in_a_message(run, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, 'torch_fidelity', None)
    with pytest.raises(SystemExit, match='2'):
        run()
    assert "-e '.[fid]'" in capsys.readouterr().err

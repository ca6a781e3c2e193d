# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
import torch
from diffusers import DDPMScheduler, UNet2DModel
from mmengine.config import Config
from mmengine.runner import Runner

from mmdiffrep.analysis import Cell, diffusion_grid, recommended_config
from mmdiffrep.measures import ProbeTraining
from mmdiffrep.testing import tiny_teacher
from mmdiffrep.utils.host_models import find_config

DATA = 'repfusion/toyfaces_r18_cls_scratch.py'


@pytest.fixture(scope='module')
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp('model')
    torch.manual_seed(0)
    UNet2DModel(**tiny_teacher()['unet']).save_pretrained(folder / 'unet')
    DDPMScheduler(num_train_timesteps=20).save_pretrained(folder / 'scheduler')
    return str(folder)


def write(folder, model, data_name=DATA, options=None, **training):
    grid = diffusion_grid(model, ['mid'], [15], pools=(1, 2))
    cell = next(cell for cell in grid.cells if cell.pool == 2)
    text = recommended_config(
        cell,
        grid.readers[0].recipe,
        3,
        find_config(data_name, options),
        data_name,
        folder,
        ProbeTraining(**training),
        options,
        comment='The best.',
    )
    (folder / 'recommended.py').write_text(text)
    return Config.fromfile(folder / 'recommended.py')


def test_it_trains_and_tests(model, tmp_path):
    options = {
        'train_dataloader.dataset.indices': 8,
        'test_dataloader.dataset.num_images': 4,
        'test_dataloader.dataset.attribute': 'pose',
    }
    cfg = write(tmp_path, model, options=options, epochs=1, min_steps=0)
    # what the sweep read: no augmentation, and the same test images to validate on
    steps = [step.type for step in cfg.train_dataloader.dataset.pipeline]
    assert steps == [step.type for step in cfg.test_dataloader.dataset.pipeline]
    assert cfg.val_dataloader.dataset == cfg.test_dataloader.dataset
    assert cfg.train_dataloader.dataset.indices == 8
    assert cfg.train_dataloader.dataset.type == 'mmdiffrep.ToyFacesDataset'
    assert cfg.model.head.in_channels == 64
    assert not cfg.train_dataloader.persistent_workers  # as ExactResumeHook needs
    for split in ('train', 'val', 'test'):
        loader = cfg[f'{split}_dataloader']
        loader.num_workers, loader.persistent_workers = 0, False
    cfg.work_dir = str(tmp_path / 'run')
    runner = Runner.from_cfg(cfg)
    runner.train()
    assert runner.epoch == 1 and (tmp_path / 'run' / 'epoch_1.pth').is_file()
    assert 0 <= runner.test()['accuracy/top1'] <= 100
    weight = runner.model.head.fc.weight
    assert weight.requires_grad and next(iter(runner.model.parameters())).numel() == 3 * 64


def test_a_data_config_in_a_file_is_named_from_the_folder(model, tmp_path):
    (tmp_path / 'data').mkdir()
    (tmp_path / 'out').mkdir()
    file = tmp_path / 'data' / 'faces.py'
    file.write_text(f"_base_ = 'mmdiffrep::{DATA}'\n")
    cfg = write(tmp_path / 'out', model, str(file), standardize=False, optimizer='adamw')
    assert cfg.train_dataloader.dataset.type == 'mmdiffrep.ToyFacesDataset'
    assert len(cfg.model.neck) == 1 and cfg.optim_wrapper.optimizer.type == 'AdamW'
    assert "_base_ = '../data/faces.py'" in (tmp_path / 'out' / 'recommended.py').read_text()


def test_an_encoder_is_refused(model, tmp_path):
    recipe = diffusion_grid(model, ['mid'], [15]).readers[0].recipe
    with pytest.raises(ValueError, match='dinov2 is not a diffusion model'):
        recommended_config(
            Cell('dinov2', 'out.0', None, None, 1, 8), recipe, 3, Config(), DATA, tmp_path
        )

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""A task from a folder of images and one of masks: its split, class weights and config."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from mmengine.registry import DATASETS, DefaultScope
from PIL import Image

from mmdiffrep.apis.few_label_task import find_task, task_config
from mmdiffrep.apis.pretrain_student import find_student

STUDENT = dict(type='mmseg.ResNet', depth=18, base_channels=4, stem_channels=4)


def test_labeled_images_are_split_once(labeled):
    task = find_task(*labeled)
    assert {name: len(part) for name, part in task.parts.items()} == dict(test=4, val=1, train=5)
    everything = [name for part in task.parts.values() for name in part]
    assert sorted(everything) == sorted(path.stem for path in labeled[1].iterdir())
    assert len(task.class_weight) == 3 and task.suffix == '.jpg'
    assert find_task(*labeled).parts == task.parts != find_task(*labeled, split_seed=1).parts


def test_class_weights_are_inverse_roots_of_the_shares(tmp_path):
    for name in ('images', 'masks'):
        (tmp_path / name).mkdir()
    mask = np.zeros((10, 16), np.uint8)
    mask[:, 8:12], mask[:, 12:] = 2, 255  # two thirds, a third, and nothing; class 1 is nowhere
    for index in range(5):
        Image.fromarray(np.zeros((10, 16, 3), np.uint8)).save(tmp_path / 'images' / f'{index}.png')
        Image.fromarray(mask).save(tmp_path / 'masks' / f'{index}.png')
    task = find_task(tmp_path / 'images', tmp_path / 'masks')
    assert task.class_weight == [round(1.5**0.5, 2), 10.0, round(3**0.5, 2)]


@pytest.mark.parametrize(
    ('choose', 'parts', 'tested'), [(False, ['train', 'val'], 'test'), (True, ['train'], 'val')]
)
def test_test_images_are_not_seen_while_settings_are_chosen(
    labeled, tmp_path, choose, parts, tested
):
    task, student = find_task(*labeled), find_student(STUDENT, 32)
    task_config(task, student, tmp_path, size=32, iters=1, lr=0.1, seed=0, choose=choose)
    expected = [name for part in parts for name in task.parts[part]]
    assert (tmp_path / 'labeled.txt').read_text().split() == expected
    assert (tmp_path / 'tested.txt').read_text().split() == task.parts[tested]


def test_warm_up_and_decay_cover_the_run(labeled, tmp_path):
    task, student = find_task(*labeled), find_student(STUDENT, 32)
    for iters, warm_up in ((1, 1), (600, 30), (10_000, 100)):
        cfg = task_config(task, student, tmp_path, size=32, iters=iters, lr=0.1, seed=0)
        first, second = cfg['param_scheduler']
        assert (first['begin'], first['end']) == (0, warm_up)
        assert (second['begin'], second['end']) == (warm_up, iters)


def test_masks_without_images(labeled, tmp_path):
    with pytest.raises(ValueError, match='0 masks of .* have the name of an image'):
        find_task(labeled[0], tmp_path)
    with pytest.raises(FileNotFoundError, match='no folder'):
        find_task(labeled[0], tmp_path / 'none')


def _replaced(labeled, tmp_path, kind, content):
    """Copy the labeled with another first image or mask."""
    copies = [Path(shutil.copytree(folder, tmp_path / folder.name)) for folder in labeled]
    name = find_task(*labeled).parts['train'][0]
    if kind == 'image':
        (copies[0] / f'{name}.jpg').write_bytes(content)
    else:
        Image.fromarray(content).save(copies[1] / f'{name}.png')
    return copies, name


@pytest.mark.parametrize(
    ('content', 'error', 'message'),
    [
        (np.full((40, 48), 300, np.uint16), ValueError, 'has labels from 300 to 300; expected'),
        (np.arange(5760, dtype=np.uint8).reshape(40, 48, 3), OSError, 'a picture of mode RGB'),
    ],
)
def test_masks_that_are_no_labels_are_named(labeled, tmp_path, content, error, message):
    copies, name = _replaced(labeled, tmp_path, 'mask', content)
    with pytest.raises(error, match=rf'{name}\.png.*{message}'):
        find_task(*copies)


def test_labeled_images_that_cannot_be_read_are_listed(labeled, tmp_path):
    copies, name = _replaced(labeled, tmp_path, 'image', b'no image')
    with pytest.raises(ValueError, match=rf'(?s)1 labeled images .*\n  {name}\.jpg: .*Replace'):
        find_task(*copies)


def test_masks_without_any_label(labeled, tmp_path):
    for path in labeled[1].iterdir():
        Image.fromarray(np.full((40, 48), 255, np.uint8)).save(tmp_path / path.name)
    with pytest.raises(ValueError, match='hold nothing but 255'):
        find_task(labeled[0], tmp_path)


def test_a_mask_of_another_size_than_its_image_is_named(labeled, tmp_path):
    turned = np.zeros((48, 40), np.uint8)
    copies, name = _replaced(labeled, tmp_path, 'mask', turned)
    student = find_student(STUDENT, 32)
    cfg = task_config(find_task(*copies), student, tmp_path, size=32, iters=1, lr=0.1, seed=0)
    with DefaultScope.overwrite_default_scope('mmseg'):
        dataset = DATASETS.build(cfg['train_dataloader']['dataset'])
    with pytest.raises(ValueError, match=rf'{name}\.png: the mask has shape \(48, 40\)'):
        [dataset[index] for index in range(len(dataset))]

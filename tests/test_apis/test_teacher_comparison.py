# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Students with and without a teacher on a folder of one's own."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from mmengine.registry import DATASETS, DefaultScope
from PIL import Image

from mmdiffrep.apis import compare_teachers
from mmdiffrep.apis.few_label_task import find_task, task_config
from mmdiffrep.apis.pretrain_student import find_student
from mmdiffrep.cli.compare_teachers import parser
from mmdiffrep.testing import tiny_teacher

STUDENT = dict(type='mmseg.ResNet', depth=18, base_channels=4, stem_channels=4)


def names(path):
    return sorted(file.stem for file in path.iterdir())


@pytest.fixture(scope='module')
def folders(tmp_path_factory):
    """Twelve images, ten of them with masks of three classes."""
    root = tmp_path_factory.mktemp('own')
    for name in ('images', 'masks'):
        (root / name).mkdir()
    for index in range(12):
        rng = np.random.default_rng(index)
        pixels = rng.integers(0, 256, (40, 48, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(root / 'images' / f'{index:02}.jpg')
        if index < 10:
            mask = rng.integers(0, 3, (40, 48)).astype(np.uint8)
            mask[0] = 255
            Image.fromarray(mask).save(root / 'masks' / f'{index:02}.png')
    return root / 'images', root / 'masks'


def test_labeled_images_are_split_once(folders):
    task = find_task(*folders)
    assert {name: len(part) for name, part in task.parts.items()} == dict(test=4, val=1, train=5)
    everything = [name for part in task.parts.values() for name in part]
    assert sorted(everything) == names(folders[1])
    assert len(task.class_weight) == 3 and task.suffix == '.jpg'
    assert find_task(*folders).parts == task.parts != find_task(*folders, split_seed=1).parts


@pytest.mark.slow
def test_a_table_of_students_that_is_continued(folders, tmp_path, monkeypatch):
    options = dict(
        teachers=[tiny_teacher(100)],
        out=tmp_path,
        student=STUDENT,
        seeds=[0],
        size=32,
        iters=2,
        epochs=1,
    )
    table = compare_teachers(*folders, **options)
    plain, taught, long = table.splitlines()[2:]
    assert plain.startswith('| no teacher | ') and ' (n = 1) |' in plain
    assert '(one seed)' in taught and taught.endswith('| unknown |')
    assert long.startswith('| no teacher, ')
    assert (tmp_path / 'table.md').read_text() == table
    task = find_task(*folders)
    assert names(tmp_path / 'images') == sorted(set(names(folders[0])) - set(task.parts['test']))
    # Again: nothing is trained.
    monkeypatch.setattr('mmdiffrep.apis.teacher_comparison.Runner', None)
    assert compare_teachers(*folders, **options, teacher_minutes=[0.0]) == table


@pytest.mark.parametrize(
    ('options', 'match'),
    [
        (dict(teachers=[]), 'teachers must differ'),
        (dict(teachers=['a', 'a']), 'teachers must differ'),
        (dict(teachers=['a'], teacher_minutes=[1.0, 2.0]), 'one for each of teachers: 1, got 2'),
        (dict(teachers=['a'], lr=[0.0]), 'lr must be positive'),
    ],
)
def test_bad_options(folders, tmp_path, options, match):
    with pytest.raises(ValueError, match=match):
        compare_teachers(*folders, out=tmp_path, **options)


def test_masks_without_images(folders, tmp_path):
    with pytest.raises(ValueError, match='0 masks of .* have the name of an image'):
        find_task(folders[0], tmp_path)
    with pytest.raises(FileNotFoundError, match='no folder'):
        find_task(folders[0], tmp_path / 'none')


def _replaced(folders, tmp_path, kind, content):
    """Copy the folders with another first image or mask."""
    copies = [Path(shutil.copytree(folder, tmp_path / folder.name)) for folder in folders]
    name = find_task(*folders).parts['train'][0]
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
def test_masks_that_are_no_labels_are_named(folders, tmp_path, content, error, message):
    copies, name = _replaced(folders, tmp_path, 'mask', content)
    with pytest.raises(error, match=rf'{name}\.png.*{message}'):
        find_task(*copies)


def test_labeled_images_that_cannot_be_read_are_listed(folders, tmp_path):
    copies, name = _replaced(folders, tmp_path, 'image', b'no image')
    with pytest.raises(ValueError, match=rf'(?s)1 labeled images .*\n  {name}\.jpg: .*Replace'):
        find_task(*copies)


def test_masks_without_any_label(folders, tmp_path):
    for path in folders[1].iterdir():
        Image.fromarray(np.full((40, 48), 255, np.uint8)).save(tmp_path / path.name)
    with pytest.raises(ValueError, match='hold nothing but 255'):
        find_task(folders[0], tmp_path)


def test_a_mask_of_another_size_than_its_image_is_named(folders, tmp_path):
    turned = np.zeros((48, 40), np.uint8)
    copies, name = _replaced(folders, tmp_path, 'mask', turned)
    student = find_student(STUDENT, 32)
    cfg = task_config(find_task(*copies), student, tmp_path, size=32, iters=1, lr=0.1, seed=0)
    with DefaultScope.overwrite_default_scope('mmseg'):
        dataset = DATASETS.build(cfg['train_dataloader']['dataset'])
    with pytest.raises(ValueError, match=rf'{name}\.png: the mask has shape \(48, 40\)'):
        [dataset[index] for index in range(len(dataset))]


def test_the_command_gives_what_was_said():
    line = ['--data', 'a', '--labels', 'b', '--teachers', 'c', 'd', '--out', 'o', '--seeds', '2']
    args = parser().parse_args(line)
    assert args.teachers == ['c', 'd'] and args.seeds == 2 and args.lr is None

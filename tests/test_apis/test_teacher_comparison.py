# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Students with and without a teacher on a folder of one's own."""

import numpy as np
import pytest
from PIL import Image

from mmdiffrep.apis import compare_teachers
from mmdiffrep.apis.few_label_task import find_task
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
        (dict(teachers=['a'], teacher_minutes=[1.0, 2.0]), '2 numbers for 1 teachers'),
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


def test_the_command_gives_what_was_said():
    line = ['--data', 'a', '--labels', 'b', '--teachers', 'c', 'd', '--out', 'o', '--seeds', '2']
    args = parser().parse_args(line)
    assert args.teachers == ['c', 'd'] and args.seeds == 2 and args.lr is None

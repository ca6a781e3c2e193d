# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Students with and without a teacher on a folder of one's own."""

import pytest

from mmdiffrep.apis import compare_teachers
from mmdiffrep.apis.few_label_task import find_task
from mmdiffrep.testing import tiny_teacher

STUDENT = dict(type='mmseg.ResNet', depth=18, base_channels=4, stem_channels=4)


def names(path):
    return sorted(file.stem for file in path.iterdir())


@pytest.mark.slow
def test_a_table_of_students_that_is_continued(labeled, tmp_path, monkeypatch):
    options = dict(
        teachers=[tiny_teacher(100)],
        out=tmp_path,
        student=STUDENT,
        seeds=[0],
        size=32,
        iters=2,
        epochs=1,
    )
    table = compare_teachers(*labeled, **options)
    plain, taught, long = table.splitlines()[2:]
    assert plain.startswith('| no teacher | ') and ' (n = 1) |' in plain
    assert '(one seed)' in taught and taught.endswith('| unknown |')
    assert long.startswith('| no teacher, ')
    assert (tmp_path / 'table.md').read_text() == table
    task = find_task(*labeled)
    assert names(tmp_path / 'images') == sorted(set(names(labeled[0])) - set(task.parts['test']))
    # Again: nothing is trained.
    monkeypatch.setattr('mmdiffrep.apis.teacher_comparison.Runner', None)
    assert compare_teachers(*labeled, **options, teacher_minutes=[0.0]) == table


@pytest.mark.parametrize(
    ('options', 'match'),
    [
        (dict(teachers=[]), 'teachers must differ'),
        (dict(teachers=['a', 'a']), 'teachers must differ'),
        (dict(teachers=['a'], teacher_minutes=[1.0, 2.0]), 'one for each of teachers: 1, got 2'),
        (dict(teachers=['a'], lr=[0.0]), 'lr must be positive'),
    ],
)
def test_bad_options(labeled, tmp_path, options, match):
    with pytest.raises(ValueError, match=match):
        compare_teachers(*labeled, out=tmp_path, **options)

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest

from mmdiffrep.datasets.celebamask_classes import CELEBAMASK_CLASSES
from mmdiffrep.datasets.preparation.celebamask import prepare_celebamask
from mmdiffrep.datasets.preparation.celebamask_source import CelebAMaskSource


def test_missing_download_lists_what_and_where(tmp_path):
    with pytest.raises(FileNotFoundError) as raised:
        prepare_celebamask(CelebAMaskSource(tmp_path), tmp_path / 'prepared')
    message = str(raised.value)
    for name in ('CelebA-HQ-img', 'CelebAMask-HQ-mask-anno', 'mapping.txt', 'partition.txt'):
        assert name in message
    assert 'https://github.com/switchablenorms/CelebAMask-HQ' in message
    assert not (tmp_path / 'prepared').exists()


def test_another_partition_file_is_the_one_that_is_read(tmp_path):
    assert CelebAMaskSource(tmp_path).partition_file == tmp_path / 'list_eval_partition.txt'
    elsewhere = tmp_path / 'celeba' / 'split.txt'
    assert CelebAMaskSource(tmp_path, partition=elsewhere).partition_file == elsewhere


@pytest.mark.parametrize(('image_id', 'folder'), [(0, '0'), (1999, '0'), (2000, '1')])
def test_parts_that_exist_come_in_painting_order(tmp_path, image_id, folder):
    source = CelebAMaskSource(tmp_path)
    (source.parts / folder).mkdir(parents=True)
    for part in ('hair', 'skin', 'background'):  # there is no mask of the background
        (source.parts / folder / f'{image_id:05d}_{part}.png').touch()
    found = source.part_files(image_id)
    assert [CELEBAMASK_CLASSES[label] for label in found] == ['skin', 'hair']
    assert [path.name for path in found.values()] == [
        f'{image_id:05d}_skin.png',
        f'{image_id:05d}_hair.png',
    ]


def test_a_part_that_is_a_broken_link_counts_as_there(tmp_path):
    """So that it is reported as unreadable, and not painted over in silence."""
    source = CelebAMaskSource(tmp_path)
    (source.parts / '0').mkdir(parents=True)
    (source.parts / '0' / '00000_nose.png').symlink_to(tmp_path / 'nowhere.png')
    assert [CELEBAMASK_CLASSES[label] for label in source.part_files(0)] == ['nose']

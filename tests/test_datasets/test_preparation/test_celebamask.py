# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from PIL import Image

from mmdiffrep.datasets import CelebAMaskHQDataset
from mmdiffrep.datasets.celebamask_classes import CELEBAMASK_CLASSES
from mmdiffrep.datasets.preparation.celebamask import merge_parts, prepare_celebamask
from mmdiffrep.datasets.preparation.celebamask_source import CelebAMaskSource
from mmdiffrep.datasets.preparation.source_files import DamagedSourceError

SIZE = 16
SPLIT = {0: 0, 1: 0, 1999: 1, 2000: 2}
"""Image id -> official code; ids on both sides of a mask folder's border."""


def write_part(source, image_id, part, box, size=SIZE):
    """Write one binary mask as the data set has them: RGB, 0 and 255."""
    mask = np.zeros((size, size, 3), np.uint8)
    top, bottom, left, right = box
    mask[top:bottom, left:right] = 255
    folder = source.parts / str(image_id // 2000)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f'{image_id:05d}_{part}.png'
    Image.fromarray(mask).save(path)
    return path


@pytest.fixture
def source(tmp_path):
    """A download of four faces: images of twice the masks' size, skin with an eye and hair."""
    source = CelebAMaskSource(tmp_path / 'download')
    source.images.mkdir(parents=True)
    mapping, partition = ['idx orig_idx orig_file'], []
    for row, (image_id, code) in enumerate(SPLIT.items()):
        color = np.full((2 * SIZE, 2 * SIZE, 3), 40 * (row + 1), np.uint8)
        Image.fromarray(color).save(source.images / f'{image_id}.jpg')
        write_part(source, image_id, 'hair', (0, 4, 0, SIZE))
        write_part(source, image_id, 'skin', (2, 12, 2, 14))
        write_part(source, image_id, 'l_eye', (5, 6, 9, 12))
        mapping.append(f'{image_id} {row} {row + 1:06d}.jpg')
        partition.append(f'{row + 1:06d}.jpg {code}')
    source.mapping_file.write_text('\n'.join(mapping) + '\n')
    source.partition_file.write_text('\n'.join(partition) + '\n')
    return source


def prepare(source, target, **options):
    return prepare_celebamask(source, target, **{'size': SIZE, 'workers': 1, **options})


def contents(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob('*'))
        if path.is_file()
    }


def test_layout_lists_and_labels(source, tmp_path):
    target = tmp_path / 'prepared'
    report = prepare(source, target)
    assert report.split == {'train': 2, 'val': 1, 'test': 1}
    assert (report.written, report.skipped) == (4, 0)
    names = ['00000', '00001', '01999', '02000']
    assert sorted(contents(target)) == sorted(
        [f'images/{name}.jpg' for name in names]
        + [f'masks/{name}.png' for name in names]
        + ['checksums.crc32', 'train.txt', 'val.txt', 'test.txt']
    )
    assert (target / 'train.txt').read_text() == '00000\n00001\n'
    assert (target / 'val.txt').read_text() == '01999\n'
    assert (target / 'test.txt').read_text() == '02000\n'

    expected = np.zeros((SIZE, SIZE), np.uint8)
    expected[2:12, 2:14] = 1
    expected[5, 9:12] = 4
    expected[0:4, :] = 13  # hair comes later in the official order, so it lies over the skin
    with Image.open(target / 'masks' / '02000.png') as mask:
        assert mask.mode == 'P'
        np.testing.assert_array_equal(np.asarray(mask), expected)
        assert mask.convert('RGB').getpixel((8, 8)) == (204, 0, 0)
    with Image.open(target / 'images' / '02000.jpg') as image:
        assert image.size == (SIZE, SIZE)
        assert abs(np.asarray(image).astype(int) - 160).max() <= 2


def test_the_dataset_reads_what_was_prepared(source, tmp_path):
    prepare(source, tmp_path / 'prepared')
    load = [dict(type='mmseg.LoadImageFromFile'), dict(type='mmseg.LoadAnnotations')]
    dataset = CelebAMaskHQDataset(str(tmp_path / 'prepared'), ann_file='test.txt', pipeline=load)
    assert sorted(np.unique(dataset[0]['gt_seg_map'])) == [0, 1, 4, 13]


def test_processes_write_the_same_bytes(source, tmp_path):
    prepare(source, tmp_path / 'one', workers=1)
    prepare(source, tmp_path / 'two', workers=2)
    assert contents(tmp_path / 'one') == contents(tmp_path / 'two')


def test_second_run_skips_everything(source, tmp_path):
    target = tmp_path / 'prepared'
    prepare(source, target)
    before = {path: path.stat().st_mtime_ns for path in target.glob('*/*')}
    report = prepare(source, target)
    assert (report.written, report.skipped) == (0, 4)
    assert before == {path: path.stat().st_mtime_ns for path in target.glob('*/*')}


def test_resume_repairs_half_written_outputs(source, tmp_path):
    prepare(source, tmp_path / 'whole')
    target = tmp_path / 'broken'
    prepare(source, target)
    image, mask = target / 'images' / '00000.jpg', target / 'masks' / '01999.png'
    image.write_bytes(image.read_bytes()[:-10])
    mask.write_bytes(mask.read_bytes()[:-10])
    (target / 'masks' / '02000.png').write_bytes(b'')
    (target / 'images' / '.00001.jpg.tmp').write_bytes(b'cut off')
    (target / 'images' / '00001.jpg').unlink()
    (target / 'train.txt').unlink()
    report = prepare(source, target)
    assert (report.written, report.skipped) == (4, 0)
    assert contents(target) == contents(tmp_path / 'whole')


def test_another_size_is_written_anew(source, tmp_path):
    prepare(source, tmp_path / 'prepared')
    report = prepare(source, tmp_path / 'prepared', size=8)
    assert report.written == 4
    with Image.open(tmp_path / 'prepared' / 'masks' / '00000.png') as mask:
        assert mask.size == (8, 8)
        assert set(np.unique(np.asarray(mask))) <= {0, 1, 4, 13}


def test_a_damaged_mask_is_named_and_the_rest_is_prepared(source, tmp_path):
    damaged = source.parts / '0' / '00001_skin.png'
    whole = damaged.read_bytes()
    damaged.write_bytes(whole[: len(whole) // 2])
    (source.images / '2000.jpg').unlink()
    target = tmp_path / 'prepared'
    with pytest.raises(DamagedSourceError, match='2 of 4 images') as raised:
        prepare(source, target)
    assert str(damaged) in str(raised.value)
    assert str(source.images / '2000.jpg') in str(raised.value)
    assert sorted(path.name for path in target.rglob('*.*')) == [
        '00000.jpg',
        '00000.png',
        '01999.jpg',
        '01999.png',
        'checksums.crc32',
    ]

    damaged.write_bytes(whole)
    Image.new('RGB', (SIZE, SIZE)).save(source.images / '2000.jpg')
    report = prepare(source, target)
    assert (report.written, report.skipped) == (2, 2)


def test_an_image_without_any_part(source, tmp_path):
    for path in (source.parts / '1').iterdir():
        path.unlink()
    with pytest.raises(DamagedSourceError, match='image 2000: none of its part masks exists'):
        prepare(source, tmp_path / 'prepared')


def test_parts_of_different_sizes(source, tmp_path):
    path = write_part(source, 0, 'nose', (1, 2, 1, 2), size=8)
    with pytest.raises(DamagedSourceError, match=r'\(16, 16\)|\(8, 8\)') as raised:
        prepare(source, tmp_path / 'prepared')
    assert str(path) in str(raised.value)


def test_every_part_paints_over_the_ones_before_it(source):
    width = 24
    for label, part in enumerate(CELEBAMASK_CLASSES[1:], start=1):
        write_part(source, 5, part, (0, width, label - 1, width), size=width)
    labels = merge_parts(source.part_files(5), image_id=5)
    # Part n covers the columns from n-1 on; the last part that covers a column wins.
    np.testing.assert_array_equal(labels, np.tile([*range(1, 19), *[18] * 6], (width, 1)))


def test_gray_and_one_bit_masks_count_as_well(source):
    path = source.parts / '0' / '00000_skin.png'
    with Image.open(path) as mask:
        expected = merge_parts({1: path}, image_id=0)
        for mode in ('L', '1'):
            mask.convert(mode).save(path)
            np.testing.assert_array_equal(merge_parts({1: path}, image_id=0), expected)


def test_only_the_partition_is_missing(source, tmp_path):
    elsewhere = tmp_path / 'list_eval_partition.txt'
    source.partition_file.rename(elsewhere)
    with pytest.raises(FileNotFoundError) as raised:
        prepare(source, tmp_path / 'prepared')
    assert 'CelebA-HQ-img' not in str(raised.value).splitlines()[1]
    assert '--partition' in str(raised.value)
    moved = CelebAMaskSource(source.root, partition=elsewhere)
    assert prepare(moved, tmp_path / 'prepared').written == 4


def test_bad_size(source, tmp_path):
    with pytest.raises(ValueError, match='size must be at least 1, got'):
        prepare(source, tmp_path / 'prepared', size=0)

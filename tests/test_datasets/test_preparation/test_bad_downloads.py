# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""What every preparation does with damaged downloads and full disks."""

import errno
import runpy
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmdiffrep.datasets import DDPMSegDataset
from mmdiffrep.datasets.preparation import complete_folder
from mmdiffrep.datasets.preparation.celebamask import prepare_celebamask
from mmdiffrep.datasets.preparation.celebamask_source import CelebAMaskSource
from mmdiffrep.datasets.preparation.ddpm_seg import prepare_ddpm_seg
from mmdiffrep.datasets.preparation.source_files import DamagedSourceError
from mmdiffrep.datasets.preparation.wflw import WFLWSource, prepare_wflw
from mmdiffrep.testing.damaged_files import DAMAGES, damage

TOOLS = Path(__file__).parents[3] / 'tools' / 'prepare_data'
SIDE = 32
NAMES = ('0--Parade/a.jpg', '1--Handshaking/b.jpg')


def add(folder, name, labels=None, seed=0):
    """Write a labeled image of DDPM-Seg's archive."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    Image.fromarray(rng.integers(0, 256, (48, 48, 3), np.uint8)).save(folder / f'{name}.png')
    np.save(folder / f'{name}.npy', rng.integers(0, 15, (48, 48)) if labels is None else labels)


def line(seed, name):
    """Return a line of WFLW's lists."""
    points = np.random.default_rng(seed).uniform(10, 50, 196)
    return ' '.join([*(f'{value:.6f}' for value in points), '8 9 52 49 0 0 0 0 0 0', name])


def celebamask(root, ids=(0, 1, 2)):
    for folder in ('CelebA-HQ-img', 'CelebAMask-HQ-mask-anno/0'):
        (root / folder).mkdir(parents=True)
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[4:20] = 255
    noise = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
    for image_id in ids:
        Image.fromarray(noise).save(root / 'CelebA-HQ-img' / f'{image_id}.jpg')
        for part in ('skin', 'hair'):
            path = root / 'CelebAMask-HQ-mask-anno' / '0' / f'{image_id:05d}_{part}.png'
            Image.fromarray(mask if part == 'skin' else mask[::-1]).save(path)
    rows = ''.join(f'{i} {i} {i + 1:06d}.jpg\n' for i in ids)
    (root / 'CelebA-HQ-to-CelebA-mapping.txt').write_text('idx orig_idx orig_file\n' + rows)
    splits = ''.join(f'{i + 1:06d}.jpg {i % 3}\n' for i in ids)
    (root / 'list_eval_partition.txt').write_text(splits)
    return CelebAMaskSource(root)


def ddpm_seg(root):
    for split, names in (('train', 'a b'), ('test', 'c d')):
        for seed, name in enumerate(names.split()):
            add(root / 'cat_15' / 'real' / split, name, seed=seed)
    return root


def wflw(root):
    source = WFLWSource(root)
    for name in NAMES:
        (source.images / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new('RGB', (64, 64)).save(source.images / name)
    for split in ('train', 'test'):
        source.list_file(split).parent.mkdir(parents=True, exist_ok=True)
        text = '\n'.join(line(seed, name) for seed, name in enumerate(NAMES))
        source.list_file(split).write_text(text)
    return source


@pytest.mark.parametrize('kind', sorted({*DAMAGES} - {'zeroed middle', 'cut at 90 %'}))
def test_celebamask_goes_on_past_bad_files_and_lists_them(tmp_path, kind):
    source = celebamask(tmp_path / 'source')
    damage(source.images / '0.jpg', kind)
    if kind != 'missing':
        damage(source.parts / '0' / '00002_hair.png', kind)
    with pytest.raises(DamagedSourceError, match='source/CelebA-HQ-img/0.jpg') as raised:
        prepare_celebamask(source, tmp_path / 'out', size=SIDE, workers=1)
    assert kind == 'missing' or '00002_hair.png' in str(raised.value)
    assert (tmp_path / 'out' / 'masks' / '00001.png').is_file()
    assert not list((tmp_path / 'out').glob('*.txt'))


@pytest.mark.parametrize('high', [1, 2, 127, 200, 255])
def test_parts_of_any_two_values_are_painted(tmp_path, high):
    source = celebamask(tmp_path / 'source', ids=(0,))
    for path in (source.parts / '0').glob('*.png'):
        Image.fromarray((np.asarray(Image.open(path)) // 255 * high).astype(np.uint8)).save(path)
    prepare_celebamask(source, tmp_path / 'out', size=SIDE, workers=1)
    labels = np.unique(np.asarray(Image.open(tmp_path / 'out' / 'masks' / '00000.png')))
    assert labels.tolist() == [0, 1, 13]


def test_parts_of_several_low_values_are_refused(tmp_path):
    source = celebamask(tmp_path / 'source', ids=(0,))
    values = np.arange(SIDE * SIDE).reshape(SIDE, SIDE) % 19
    Image.fromarray(values.astype(np.uint8)).save(source.parts / '0' / '00000_skin.png')
    with pytest.raises(DamagedSourceError, match=r'00000_skin\.png has values 0 \.\. 18'):
        prepare_celebamask(source, tmp_path / 'out', size=SIDE, workers=1)


@pytest.mark.parametrize('name', ['images/00001.jpg', 'masks/00001.png'])
def test_an_output_with_a_zeroed_middle_is_written_again(tmp_path, name):
    source, out = celebamask(tmp_path / 'source'), tmp_path / 'out'
    prepare_celebamask(source, out, size=SIDE, workers=1)
    whole = (out / name).read_bytes()
    third = len(whole) // 3
    (out / name).write_bytes(whole[:third] + bytes(third) + whole[2 * third :])
    report = prepare_celebamask(source, out, size=SIDE, workers=1)
    assert (report.written, report.skipped) == (1, 2)
    assert (out / name).read_bytes() == whole


def full_disk(*_):
    raise OSError(errno.ENOSPC, 'No space left on device')


@pytest.mark.parametrize(
    ('tool', 'build'), [('celebamask', celebamask), ('ddpm_seg', ddpm_seg), ('wflw', wflw)]
)
def test_a_full_disk_is_one_line_and_leaves_nothing(tmp_path, monkeypatch, capsys, tool, build):
    build(tmp_path / 'source')
    monkeypatch.setattr(complete_folder.os, 'replace', full_disk)
    arguments = [str(tmp_path / 'source'), '--out', str(tmp_path / 'out')]
    arguments += ['--workers', '1'] if tool == 'celebamask' else []
    assert runpy.run_path(str(TOOLS / f'{tool}.py'))['main'](arguments) == 1
    error = capsys.readouterr().err
    assert error.startswith('error: Could not write') and 'No space left' in error
    assert not list((tmp_path / 'out').rglob('*.tmp'))


@pytest.mark.parametrize(
    'stem', ['h my photo (1)', "it's, a", 'say "so"', 'ö é', 'two  blanks', 'a.b', '#1 %20']
)
def test_ddpm_seg_reads_back_the_names_it_writes(tmp_path, stem):
    root = ddpm_seg(tmp_path / 'source') / 'cat_15' / 'real' / 'train'
    for suffix in ('png', 'npy'):
        (root / f'a.{suffix}').rename(root / f'{stem}.{suffix}')
    prepare_ddpm_seg(tmp_path / 'source', tmp_path / 'out', size=SIDE)
    dataset = DDPMSegDataset('cat_15', 'train', str(tmp_path / 'out'), num_images=2)
    names = {Path(dataset.get_data_info(index)['img_path']).name for index in range(2)}
    assert names == {f'train_{stem}.png', 'train_b.png'}


@pytest.mark.parametrize(
    ('names', 'message'),
    [
        (['x ', 'b'], 'line break or blanks'),
        (['x\ny', 'b'], 'line break or blanks'),
        (['p/q', 'p_q'], r'2 images would be named train_p_q: .*p/q\.png.*p_q\.png'),
    ],
)
def test_ddpm_seg_refuses_names_that_it_could_not_read_back(tmp_path, names, message):
    root = tmp_path / 'source' / 'cat_15' / 'real'
    add(root / 'test', 'c')
    for name in names:
        (root / 'train' / name).parent.mkdir(parents=True, exist_ok=True)
        add(root / 'train', name)
    with pytest.raises(ValueError, match=message):
        prepare_ddpm_seg(tmp_path / 'source', tmp_path / 'out', size=SIDE)


def test_ddpm_seg_writes_the_other_data_sets_and_lists_all_problems(tmp_path):
    source = ddpm_seg(tmp_path / 'source')
    for category, kind in (('horse_21', 'empty'), ('ffhq_34', 'pipe')):
        for split in ('train', 'test'):
            add(source / category / 'real' / split, 'a', labels=np.zeros((48, 48), int))
        damage(source / category / 'real' / 'test' / 'a.png', kind)
    with pytest.raises(DamagedSourceError, match='2 of 3 data sets') as raised:
        prepare_ddpm_seg(source, tmp_path / 'out', size=SIDE)
    assert 'horse_21/real/test/a.png' in str(raised.value)
    assert 'ffhq_34/real/test/a.png' in str(raised.value)
    assert (tmp_path / 'out' / 'cat_15' / 'train.txt').is_file()


def test_a_damaged_output_of_a_finished_folder_is_named(tmp_path):
    source, out = ddpm_seg(tmp_path / 'source'), tmp_path / 'out'
    prepare_ddpm_seg(source, out, size=SIDE)
    path = out / 'cat_15' / 'images' / 'train_a.png'
    whole = path.read_bytes()
    path.write_bytes(whole[:100] + bytes(200) + whole[300:])
    with pytest.raises(ValueError, match=r'1 files are damaged, the first: .*train_a\.png'):
        prepare_ddpm_seg(source, out, size=SIDE)


def columns(source, change):
    """Change the columns of the first face of the training list."""
    path = source.list_file('train')
    first, *rest = path.read_text().split('\n')
    cells = first.split(' ')
    change(cells)
    path.write_text('\n'.join([' '.join(cells), *rest]))


@pytest.mark.parametrize(
    ('first', 'values', 'message'),
    [
        (3, ['nan'], 'not finite'),
        (0, ['inf'], 'not finite'),
        (195, ['-inf'], 'not finite'),
        (196, ['52', '9', '8', '49'], 'rectangle 52 9 8 49'),
        (196, ['8', '9', '8', '49'], 'rectangle 8 9 8 49'),
        (0, ['-1', '-1'], r'point 0 is \(-1, -1\), which looks like "missing"'),
        (194, ['0', '0'], r'point 97 is \(0, 0\), which looks like "missing"'),
        (0, ['20'] * 196, r'all points are \(20, 20\)'),
    ],
)
def test_wflw_refuses_faces_that_are_none_by_line(tmp_path, first, values, message):
    source = wflw(tmp_path / 'source')
    columns(source, lambda cells: cells.__setitem__(slice(first, first + len(values)), values))
    with pytest.raises(DamagedSourceError, match=rf'train\.txt, line 1: .*{message}'):
        prepare_wflw(source)
    written = {path.name for path in (source.root / 'annotations').glob('*.json')}
    assert written == {'face_landmarks_wflw_test.json'}, 'the other split is there'


@pytest.mark.parametrize('value', ['9999', '-40'])
def test_wflw_refuses_points_far_outside(tmp_path, value):
    source = wflw(tmp_path / 'source')
    columns(source, lambda cells: cells.__setitem__(7, value))
    with pytest.raises(DamagedSourceError, match=r'1 faces of the train list.*(.|\n)*a\.jpg'):
        prepare_wflw(source)


def test_wflw_lists_all_bad_lines_and_images(tmp_path):
    source = wflw(tmp_path / 'source')
    path = source.list_file('train')
    path.write_text(path.read_text().replace(' 0 0 0 ', ' 0 7 0 ', 1) + '\nshort line')
    damage(source.images / NAMES[1], 'cut half')
    with pytest.raises(DamagedSourceError) as raised:
        prepare_wflw(source)
    for part in ('line 1', 'line 3', 'b.jpg'):
        assert part in str(raised.value)


@pytest.mark.parametrize('content', ['[]', '{}', '{', 'null', '"a"', '{"annotations": 1}', '\x00'])
def test_wflw_replaces_a_json_of_another_form(tmp_path, content):
    source = wflw(tmp_path / 'source')
    path = source.root / 'annotations' / 'face_landmarks_wflw_test.json'
    path.parent.mkdir()
    path.write_text(content)
    assert str(path) in prepare_wflw(source).written
    assert prepare_wflw(source).written == []


def test_wflw_sizes_are_those_of_the_upright_images(tmp_path):
    source = wflw(tmp_path / 'source')
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new('RGB', (64, 80)).save(source.images / NAMES[1], exif=exif)
    prepare_wflw(source)
    text = (source.root / 'annotations' / 'face_landmarks_wflw_test.json').read_text()
    assert '"width": 80, "height": 64' in text

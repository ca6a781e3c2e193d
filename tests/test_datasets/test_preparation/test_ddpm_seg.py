# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import runpy
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from mmdiffrep.datasets.preparation.ddpm_seg import prepare_ddpm_seg

TOOL = Path(__file__).parents[3] / 'tools' / 'prepare_data' / 'ddpm_seg.py'


def add(folder, name, size=48, labels=None, seed=0):
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    Image.fromarray(rng.integers(0, 256, (size, size, 3), np.uint8)).save(folder / f'{name}.png')
    labels = rng.integers(0, 15, (size, size)) if labels is None else np.asarray(labels)
    np.save(folder / f'{name}.npy', labels)
    return labels


@pytest.fixture
def archive(tmp_path):
    root = tmp_path / 'archive'
    for split, names in (('train', 'b a c'), ('test', 'a d')):
        for seed, name in enumerate(names.split()):
            add(root / 'cat_15' / 'real' / split, name, seed=seed)
    return root


def read(path):
    return np.array(Image.open(path))


def test_images_masks_and_lists(archive, tmp_path):
    assert prepare_ddpm_seg(archive, tmp_path / 'out', size=32) == {'cat_15': (3, 2)}
    out = tmp_path / 'out' / 'cat_15'
    assert (out / 'train.txt').read_text().split() == ['train_a', 'train_b', 'train_c']
    assert (out / 'test.txt').read_text().split() == ['test_a', 'test_d']
    source = archive / 'cat_15' / 'real' / 'test'
    expected = Image.open(source / 'd.png').resize((32, 32), Image.Resampling.BILINEAR)
    assert np.array_equal(read(out / 'images' / 'test_d.png'), np.array(expected))
    mask = np.load(source / 'd.npy').astype(np.uint8)
    mask = cv2.resize(mask, (32, 32), interpolation=cv2.INTER_NEAREST)
    assert np.array_equal(read(out / 'masks' / 'test_d.png'), mask)


def test_a_complete_data_set_is_left_alone(archive, tmp_path):
    prepare_ddpm_seg(archive, tmp_path / 'out', size=32)
    written = (tmp_path / 'out' / 'cat_15' / 'masks' / 'train_a.png').stat().st_mtime_ns
    assert prepare_ddpm_seg(archive, tmp_path / 'out', size=32) == {'cat_15': (3, 2)}
    assert (tmp_path / 'out' / 'cat_15' / 'masks' / 'train_a.png').stat().st_mtime_ns == written


def test_bedroom_loses_its_background_class(tmp_path):
    labels = np.tile([0, 1, 28, 255], (32, 8))
    for split in ('train', 'test'):
        add(tmp_path / 'bedroom_28' / 'real' / split, 'x', 32, labels)
    prepare_ddpm_seg(tmp_path, tmp_path / 'out', size=32)
    mask = read(tmp_path / 'out' / 'bedroom_28' / 'masks' / 'train_x.png')
    assert mask[0, :4].tolist() == [255, 0, 27, 255]


@pytest.mark.parametrize(
    ('fault', 'message'),
    [
        ('not square', r'bad\.png has 48 x 40 pixels; crop'),
        ('no mask', r'bad\.npy does not exist'),
        ('label', r'bad\.npy has labels \[15, 200\], expected 0 to 14 or 255'),
        ('negative', r'bad\.npy has labels \[-1\]'),
        ('fraction', r'bad\.npy has labels \[0\.5\]'),
        ('shape', r'bad\.npy has shape \(48, 40\)'),
        ('cut image', r'bad\.png: '),
        ('cut mask', r'bad\.npy: '),
        ('pickle', r'bad\.npy: .*allow_pickle'),
    ],
)
def test_what_does_not_fit_is_named(archive, tmp_path, fault, message):
    folder = archive / 'cat_15' / 'real' / 'train'
    labels = {
        'label': np.tile([0, 15, 200], (48, 16)),
        'negative': np.full((48, 48), -1),
        'fraction': np.full((48, 48), 0.5),
        'shape': np.zeros((48, 40), int),
    }.get(fault)
    add(folder, 'bad', 48, labels)
    if fault == 'not square':
        Image.new('RGB', (48, 40)).save(folder / 'bad.png')
    elif fault == 'no mask':
        (folder / 'bad.npy').unlink()
    elif fault.startswith('cut'):
        path = folder / ('bad.png' if 'image' in fault else 'bad.npy')
        path.write_bytes(path.read_bytes()[:200])
    elif fault == 'pickle':
        np.save(folder / 'bad.npy', np.array([{}], object), allow_pickle=True)
    with pytest.raises(ValueError, match=r'cat_15: 1 of 6 labeled images(.|\n)*' + message):
        prepare_ddpm_seg(archive, tmp_path / 'out', size=32)
    assert not (tmp_path / 'out' / 'cat_15').exists(), 'half a data set has no name'
    for path in folder.glob('bad.*'):
        path.unlink()
    prepare_ddpm_seg(archive, tmp_path / 'out', size=32)


def test_tiny_images_are_enlarged_and_tiny_sizes_refused(tmp_path):
    for split in ('train', 'test'):
        add(tmp_path / 'cat_15' / 'real' / split, 'x', size=3)
    prepare_ddpm_seg(tmp_path, tmp_path / 'out', size=32)
    assert read(tmp_path / 'out' / 'cat_15' / 'images' / 'train_x.png').shape == (32, 32, 3)
    with pytest.raises(ValueError, match='size must be at least 32, got 8'):
        prepare_ddpm_seg(tmp_path, tmp_path / 'out', size=8)


def test_the_tool_says_what_it_did_and_what_is_missing(archive, tmp_path, capsys):
    main = runpy.run_path(str(TOOL))['main']
    assert main([str(archive), '--out', str(tmp_path / 'out'), '--size', '32']) == 0
    assert f'{tmp_path / "out" / "cat_15"}: train 3, test 2' in capsys.readouterr().out
    assert main([str(tmp_path / 'nowhere')]) == 1
    error = capsys.readouterr().err
    assert error.startswith(f'error: {tmp_path / "nowhere"} has none of bedroom_28/real')
    assert 'https://github.com/yandex-research/ddpm-segmentation' in error

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import json

import numpy as np
import pytest
import torch
from PIL import Image

from mmdiffrep.datasets import SPair71k


@pytest.fixture
def folder(tmp_path):
    """Two pairs of cats and one of dogs in the official layout."""
    rng = np.random.default_rng(0)
    annotations = tmp_path / 'PairAnnotation' / 'test'
    annotations.mkdir(parents=True)
    for number, category in enumerate(['cat', 'cat', 'dog']):
        images = tmp_path / 'JPEGImages' / category
        images.mkdir(parents=True, exist_ok=True)
        for name in ('a', 'b'):
            pixels = rng.integers(0, 256, (30, 40, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(images / f'{name}{number}.png')
        (annotations / f'{number:06d}-a{number}-b{number}:{category}.json').write_text(
            json.dumps(
                dict(
                    category=category,
                    src_imname=f'a{number}.png',
                    trg_imname=f'b{number}.png',
                    src_kps=[[1, 2], [3, 4]],
                    trg_kps=[[5, 6], [7, 8]],
                    trg_bndbox=[4, 5, 30, 25],
                )
            )
        )
    return tmp_path


def test_pairs_and_categories(folder):
    pairs = SPair71k(str(folder))
    assert len(pairs) == 3 and len(SPair71k(str(folder), categories=['dog'])) == 1
    packed = pairs[1]
    sample = packed['data_samples']
    assert packed['inputs']['source'].shape == (3, 30, 40)
    assert sample.source_points.tolist() == [[1, 2], [3, 4]]
    assert sample.target_points.tolist() == [[5, 6], [7, 8]]
    assert sample.target_box == (4, 5, 30, 25) and sample.category == 'cat'
    pixels = np.array(Image.open(folder / 'JPEGImages' / 'cat' / 'a1.png'))
    assert torch.equal(packed['inputs']['source'].permute(1, 2, 0), torch.from_numpy(pixels))


def test_what_is_missing_or_damaged_is_named(folder):
    with pytest.raises(FileNotFoundError, match='holds no annotations'):
        SPair71k(str(folder), split='val')
    with pytest.raises(ValueError, match="categories must be one of 'cat', 'dog'"):
        SPair71k(str(folder), categories=['cow'])
    (folder / 'JPEGImages' / 'dog' / 'a2.png').write_bytes(b'not an image')
    with pytest.raises(OSError, match=r'a2\.png could not be read'):
        SPair71k(str(folder))[2]
    (folder / 'JPEGImages' / 'cat' / 'b1.png').unlink()
    with pytest.raises(FileNotFoundError, match=r'1 images are missing: .*cat/b1\.jpg'):
        SPair71k(str(folder))
    assert len(SPair71k(str(folder), categories=['dog'])) == 1
    (folder / 'JPEGImages' / 'cat' / 'b1.png').touch()
    (folder / 'PairAnnotation' / 'test' / '000000-a0-b0:cat.json').write_text('{"category": "cat"}')
    with pytest.raises(ValueError, match=r'000000-a0-b0:cat\.json is not an annotation'):
        SPair71k(str(folder))[0]


@pytest.mark.parametrize(
    ('key', 'value'),
    [
        ('src_kps', [[1, 2], [float('nan'), 4]]),
        ('trg_kps', [[5, 6], [float('inf'), 8]]),
        ('trg_kps', [[5, 6]]),
        ('src_kps', [1, 2]),
        ('trg_bndbox', [4, 5, 30, float('nan')]),
        ('trg_bndbox', [4, 5, 4, 5]),
    ],
)
def test_points_that_cannot_be_measured_are_named(folder, key, value):
    path = folder / 'PairAnnotation' / 'test' / '000001-a1-b1:cat.json'
    path.write_text(json.dumps({**json.loads(path.read_text()), key: value}))
    with pytest.raises(ValueError, match=r'pair cat/a1\.png, cat/b1\.png has points'):
        SPair71k(str(folder))[1]

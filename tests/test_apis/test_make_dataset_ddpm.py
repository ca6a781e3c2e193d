# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from mmdiffrep.apis import SegmentationInferencer
from mmdiffrep.apis.make_dataset_ddpm import (
    make_dataset_ddpm,
    num_dropped,
    read_score,
    select_certain,
)
from mmdiffrep.datasets import DatasetDDPM
from mmdiffrep.diffusion.denoisers import load_denoiser
from mmdiffrep.testing.damaged_files import DAMAGES, damage
from mmdiffrep.visualization import mask_png


@pytest.fixture
def make(trained_ensemble, tmp_path):
    """Makes a data set of the tiny ensemble's own diffusion model."""
    config, checkpoint = trained_ensemble
    segment = SegmentationInferencer(config, checkpoint, device='cpu', batch_size=2)
    denoiser = load_denoiser(str(config.parent / 'denoiser')).freeze()

    def run(num_images=10, **options):
        options = dict(dict(num_steps=2, drop_share=0.3, drop_most_certain=1), **options)
        labeller = options.pop('labeller', 'tiny')
        return make_dataset_ddpm(
            tmp_path / 'made', num_images, denoiser, segment, labeller, **options
        )

    return run


def times(folder):
    return {path.name: path.stat().st_mtime_ns for path in folder.rglob('*.png')}


def test_sampled_labeled_and_selected(make):
    made = make()
    assert (made.num_images, made.num_kept) == (10, 7)
    names = made.folder.joinpath('train.txt').read_text().split()
    masks = sorted((made.folder / 'masks').glob('*.png'))
    scores = {path.stem: read_score(path) for path in masks}
    ordered = sorted(scores, key=scores.get)
    assert names == ordered[1:8], 'without the most certain one and the two least certain ones'
    image = np.array(Image.open(made.folder / 'images' / f'{names[0]}.png'))
    assert image.shape == (16, 16, 3)
    mask = np.array(Image.open(made.folder / 'masks' / f'{names[0]}.png'))
    assert mask.shape == (16, 16) and mask.max() <= 2
    assert json.loads((made.folder / 'dataset.json').read_text())['num_kept'] == 7


def test_mmseg_reads_it(make):
    folder = str(make().folder)
    loading = [dict(type='mmseg.LoadAnnotations')]
    dataset = DatasetDDPM(folder, num_images=3, pipeline=loading)
    assert len(dataset) == 3 and dataset.metainfo['classes'] == ('a', 'b', 'c')
    assert dataset.metainfo['palette'][1] == [255, 0, 0]


def test_a_second_call_makes_what_is_missing(make):
    folder = make(6).folder
    before = times(folder)
    (folder / 'images' / '000002.png').unlink()
    (folder / 'masks' / '000002.png').unlink()
    (folder / 'masks' / '000004.png').unlink()
    image = (folder / 'images' / '000003.png').read_bytes()
    make(8)
    after = times(folder)
    assert len(after) == 8, 'names of images and masks are the same'
    assert after['000003.png'] == before['000003.png']
    assert (folder / 'images' / '000003.png').read_bytes() == image


def test_an_image_is_a_function_of_its_number(make, tmp_path):
    folder = make(5, batch_size=3).folder
    image = np.array(Image.open(folder / 'images' / '000004.png')).astype(int)
    (folder / 'images' / '000004.png').unlink()
    make(5)
    again = np.array(Image.open(folder / 'images' / '000004.png')).astype(int)
    assert np.abs(image - again).max() <= 1


@pytest.mark.parametrize('changed', [dict(seed=1), dict(num_steps=3), dict(labeller='other')])
def test_recipes_are_not_mixed(make, changed):
    make(4, drop_share=0.25)
    with pytest.raises(ValueError, match=f'of another recipe.*{next(iter(changed))}'):
        make(4, drop_share=0.25, **changed)


def test_a_model_without_uncertainty(make, monkeypatch):
    stream = SegmentationInferencer.stream
    monkeypatch.setattr(
        SegmentationInferencer,
        'stream',
        lambda self, files: (one._replace(score=None) for one in stream(self, files)),
    )
    with pytest.raises(ValueError, match='gives no uncertainty to select images by'):
        make()


@pytest.mark.parametrize('options', [dict(num_images=0), dict(seed=-1), dict(batch_size=0)])
def test_numbers_out_of_range(make, options):
    with pytest.raises(ValueError, match='must be at least'):
        make(**options)


def test_official_fractions():
    scores = {f'{i:04d}': float(i) for i in range(1000)}
    assert select_certain(scores) == list(scores)[30:-70]


def test_too_few_images_for_the_official_fractions():
    with pytest.raises(ValueError, match=r'drop_most_certain .* must be in'):
        num_dropped(299, 0.1, 30)
    assert num_dropped(300, 0.1, 30) == 30


@pytest.mark.parametrize('share', [-0.1, 1.0])
def test_share_out_of_range(share):
    with pytest.raises(ValueError, match=r'drop_share must be in \[0, 1\)'):
        num_dropped(10, share, 0)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=50), st.floats(0, 0.99), st.data())
def test_kept_ones_lie_in_the_middle(values, share, data):
    scores = {str(i): value for i, value in enumerate(values)}
    most_certain = data.draw(st.integers(0, int(len(values) * share)))
    kept = select_certain(scores, share, most_certain)
    assert len(kept) == len(values) - int(len(values) * share)
    below = [v for k, v in scores.items() if k not in kept and v <= scores[kept[0]]]
    assert len(below) >= most_certain


@pytest.mark.parametrize('kind', [*sorted(DAMAGES), 'foreign'])
def test_a_mask_without_its_uncertainty_is_named(tmp_path, kind):
    path = tmp_path / '000001.png'
    pixels = np.random.default_rng(0).integers(0, 3, (64, 64), np.uint8)
    path.write_bytes(mask_png(pixels, [[0, 0, 0]] * 3, {'uncertainty': '0.5'}))
    assert read_score(path) == 0.5
    if kind == 'foreign':
        Image.fromarray(pixels).save(path)
    else:
        damage(path, kind)
    with pytest.raises(OSError, match=r'000001\.png'):
        read_score(path)

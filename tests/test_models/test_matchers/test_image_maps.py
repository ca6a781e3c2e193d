# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
import torch

from mmdiffrep.diffusion.denoisers import load_denoiser
from mmdiffrep.matching import CorrespondenceMatcher, RGBPatches
from mmdiffrep.models.matchers import ImageMaps
from mmdiffrep.testing import tiny_teacher


def picture(seed=0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (3, 20, 24), generator=generator, dtype=torch.uint8)


@pytest.fixture(scope='module')
def denoiser():
    torch.manual_seed(0)
    return load_denoiser(tiny_teacher())


def matcher(denoiser, passes, **options):
    built = CorrespondenceMatcher(denoiser, ['mid', 'dec.1'], [3], size=(16, 32), **options)
    read = built.maps
    built.maps = lambda *args: passes.append(1) or read(*args)
    return built


def joined(maps):
    return maps(picture(), picture())[0]


def test_images_seen_before_are_not_computed_again(denoiser):
    passes = []
    maps = ImageMaps(matcher(denoiser, passes), cache_size=2)
    first = maps(picture(), picture())
    assert torch.equal(first[0], first[1]) and len(passes) == 1
    maps(picture(1), picture(2)), maps.read(picture())
    assert len(passes) == 4


def test_a_bank_is_filled_once_and_found_by_another_run(denoiser, tmp_path):
    passes = []
    expected = joined(ImageMaps(matcher(denoiser, passes)))
    maps = ImageMaps(matcher(denoiser, passes), cache_size=0, bank=tmp_path)
    stored = joined(maps)
    torch.testing.assert_close(stored, expected, atol=2e-3, rtol=2e-3)
    assert torch.equal(joined(maps), stored) and len(passes) == 2
    again = ImageMaps(matcher(denoiser, passes), bank=tmp_path)
    assert torch.equal(joined(again), stored) and len(passes) == 2
    joined(ImageMaps(matcher(denoiser, passes, seed=1), bank=tmp_path))
    assert len(passes) == 3 and len(list(tmp_path.glob('*/recipe.json'))) == 2


def test_a_damaged_entry_is_computed_again(denoiser, tmp_path):
    passes = []
    stored = joined(ImageMaps(matcher(denoiser, passes), bank=tmp_path))
    (entry,) = tmp_path.glob('*/*.safetensors')
    entry.write_bytes(entry.read_bytes()[:100])
    assert torch.equal(joined(ImageMaps(matcher(denoiser, passes), bank=tmp_path)), stored)
    assert len(passes) == 2


def test_colors_have_no_bank(tmp_path):
    with pytest.raises(ValueError, match='not for colors'):
        ImageMaps(RGBPatches(), bank=tmp_path)

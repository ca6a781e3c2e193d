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


def test_images_seen_before_are_not_computed_again(denoiser):
    passes = []
    maps = ImageMaps(matcher(denoiser, passes), cache_size=2)
    first = maps(picture())
    assert torch.equal(maps(picture()), first) and len(passes) == 1
    maps(picture(1)), maps(picture(2)), maps(picture())
    assert len(passes) == 4


def test_a_bank_is_filled_once_and_found_by_another_run(denoiser, tmp_path):
    passes = []
    expected = ImageMaps(matcher(denoiser, passes))(picture())
    maps = ImageMaps(matcher(denoiser, passes), cache_size=0, bank=tmp_path)
    stored = maps(picture())
    torch.testing.assert_close(stored, expected, atol=2e-3, rtol=2e-3)
    assert torch.equal(maps(picture()), stored) and len(passes) == 2
    again = ImageMaps(matcher(denoiser, passes), bank=tmp_path)
    assert torch.equal(again(picture()), stored) and len(passes) == 2
    ImageMaps(matcher(denoiser, passes, seed=1), bank=tmp_path)(picture())
    assert len(passes) == 3 and len(list(tmp_path.glob('*/recipe.json'))) == 2


def test_a_damaged_entry_is_computed_again(denoiser, tmp_path):
    passes = []
    stored = ImageMaps(matcher(denoiser, passes), bank=tmp_path)(picture())
    (entry,) = tmp_path.glob('*/*.safetensors')
    entry.write_bytes(entry.read_bytes()[:100])
    assert torch.equal(ImageMaps(matcher(denoiser, passes), bank=tmp_path)(picture()), stored)
    assert len(passes) == 2


def test_colors_have_no_bank(tmp_path):
    with pytest.raises(ValueError, match='not for colors'):
        ImageMaps(RGBPatches(), bank=tmp_path)

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import torch
from PIL import Image

from mmdiffrep.datasets import HPatches
from mmdiffrep.datasets.correspondence.hpatches import LARGE_SEQUENCES


@pytest.fixture
def folder(tmp_path):
    """Three sequences, one of them of high resolution, and keypoints, in the official layout."""
    rng = np.random.default_rng(0)
    (tmp_path / 'superpoint-1k').mkdir()
    for sequence in ('i_a', 'v_b', 'v_talent'):
        (tmp_path / sequence).mkdir()
        for number in range(1, 7):
            pixels = rng.integers(0, 256, (20 + number, 30, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / sequence / f'{number}.ppm')
            points = np.array([[5.5, 7], [1, 2], [5.5, 7]])
            np.savetxt(tmp_path / 'superpoint-1k' / f'{sequence}-{number}.kp', points)
            if number > 1:
                matrix = np.eye(3) + np.diag([number / 10, 0, 0])
                np.savetxt(tmp_path / sequence / f'H_1_{number}', matrix)
    return tmp_path


def test_the_first_image_meets_the_five_others(folder):
    pairs = HPatches(str(folder), str(folder / 'superpoint-1k'))
    assert len(pairs) == 10 and len(LARGE_SEQUENCES) == 8
    packed = pairs[6]
    sample = packed['data_samples']
    assert (sample.sequence, sample.category) == ('v_b', 'viewpoint')
    assert sample.source_size == (21, 30) and sample.target_size == (23, 30)
    assert packed['inputs']['target'].shape == (3, 23, 30)
    assert sample.homography[0, 0] == pytest.approx(1.3)
    assert sample.source_keypoints.tolist() == [[1, 2], [5.5, 7]]
    pixels = np.array(Image.open(folder / 'v_b' / '3.ppm'))
    assert torch.equal(packed['inputs']['target'].permute(1, 2, 0), torch.from_numpy(pixels))


def test_all_sequences_and_own_keypoints(folder):
    pairs = HPatches(str(folder), leave_out=())
    assert len(pairs) == 15
    assert pairs[0]['data_samples'].source_keypoints.shape[1] == 2
    assert pairs[0]['data_samples'].category == 'illumination'


def test_what_is_missing_or_damaged_is_named(folder):
    with pytest.raises(FileNotFoundError, match='holds no folders i_<name>'):
        HPatches(str(folder / 'i_a'))
    (folder / 'i_a' / 'H_1_2').write_text('1 0 0\n0 1\n')
    with pytest.raises(ValueError, match=r'H_1_2 must hold 3 x 3 numbers'):
        HPatches(str(folder))[0]
    (folder / 'superpoint-1k' / 'v_b-1.kp').write_text('1 2 3\n')
    with pytest.raises(ValueError, match=r'v_b-1\.kp must have x and y'):
        HPatches(str(folder), str(folder / 'superpoint-1k'))[5]
    (folder / 'v_b' / '4.ppm').unlink()
    with pytest.raises(FileNotFoundError, match=r'1 of \d+ files are missing: .*v_b/4\.ppm'):
        HPatches(str(folder))

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
import torch

from mmdiffrep.analysis import ImageSource, StoredSplit, diffusion_grid
from mmdiffrep.diffusion.denoisers import load_denoiser
from mmdiffrep.testing import tiny_teacher


@pytest.fixture(scope='module')
def model():
    torch.manual_seed(0)
    return diffusion_grid(load_denoiser(tiny_teacher()), ['mid'], [0], pools=(1, 2))


def test_features_of_chosen_images(model, face_config, tmp_path):
    split = StoredSplit(ImageSource(face_config(), 'train'), [model], tmp_path)
    coarse, fine = model.cells
    assert len(split) == len(split.labels)
    whole = split.read(model, fine)
    assert whole.shape == (1, len(split), fine.width)
    chosen = torch.arange(len(split)) % 3 == 0
    assert torch.equal(split.read(model, fine, chosen), whole[:, chosen])
    averaged = whole.float().unflatten(2, (coarse.width, 4)).mean(3)
    torch.testing.assert_close(split.read(model, coarse).float(), averaged, rtol=1e-2, atol=1e-3)


def test_models_need_different_names(model, face_config, tmp_path):
    with pytest.raises(ValueError, match='names of models must differ'):
        StoredSplit(ImageSource(face_config(), 'train'), [model, model], tmp_path)

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The diffusion model that comes with the package."""

from pathlib import Path

import pytest
import torch
from diffusers import DDPMPipeline
from safetensors.torch import load_file

import mmdiffrep
from mmdiffrep.datasets.toyfaces import render_face
from mmdiffrep.diffusion.denoisers import load_denoiser

FOLDER = Path(mmdiffrep.__file__).parent / 'assets' / 'toyfaces_ddpm_64'
MAX_BYTES = 12e6
MAX_PICTURE_BYTES = 300e3


def test_is_small_and_complete():
    files = [path for path in FOLDER.rglob('*') if path.is_file()]
    assert {str(path.relative_to(FOLDER)) for path in files} >= {
        'README.md',
        'model_index.json',
        'scheduler/scheduler_config.json',
        'unet/config.json',
        'unet/diffusion_pytorch_model.safetensors',
    }
    assert sum(path.stat().st_size for path in files) <= MAX_BYTES
    assert all(path.stat().st_size < MAX_PICTURE_BYTES for path in FOLDER.rglob('*.png'))


def test_weights_are_finite_and_in_half_precision():
    weights = load_file(FOLDER / 'unet' / 'diffusion_pytorch_model.safetensors')
    assert {value.dtype for value in weights.values()} == {torch.float16}
    assert all(value.isfinite().all() for value in weights.values())


def test_configs_name_no_local_path():
    for path in FOLDER.rglob('*.json'):
        assert '_name_or_path' not in path.read_text()


def test_loads_in_diffusers_and_by_its_short_name():
    pipeline = DDPMPipeline.from_pretrained(FOLDER, torch_dtype=torch.float32)
    denoiser = load_denoiser('mmdiffrep://toyfaces_ddpm_64')
    x, t = torch.randn(1, 3, 64, 64), torch.tensor([9])
    with torch.no_grad():
        assert torch.equal(pipeline.unet(x, t).sample, denoiser.predict(x, t))
    assert denoiser.image_size == 64


@pytest.mark.parametrize(('timestep', 'worst'), [(100, 0.01), (300, 0.035), (600, 0.12)])
def test_recovers_faces_that_it_has_not_seen(timestep, worst):
    """Mean squared error of the recovered image; that of the mean image is 0.25."""
    pipeline = DDPMPipeline.from_pretrained(FOLDER, torch_dtype=torch.float32)
    # collection 2 is the test split; the model was trained on the training split, collection 0
    faces = torch.stack([torch.from_numpy(render_face(2, i).image) for i in range(8)])
    images = faces.permute(0, 3, 1, 2) / 127.5 - 1
    noisy = pipeline.scheduler.add_noise(
        images, torch.randn(images.shape), torch.full((8,), timestep)
    )
    with torch.no_grad():
        output = pipeline.unet(noisy, timestep).sample
    recovered = pipeline.scheduler.step(output, timestep, noisy).pred_original_sample
    assert ((recovered - images) ** 2).mean() < worst

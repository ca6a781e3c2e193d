# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import sys
from types import ModuleType

import pytest
import torch
from mmengine.config import Config
from torch import nn

from mmdiffrep.analysis import ImageSource
from mmdiffrep.analysis.image_quality import (
    EncoderEmbedding,
    InceptionEmbedding,
    moments_of_dataset,
    moments_of_samples,
)
from mmdiffrep.diffusion import load_denoiser
from mmdiffrep.measures.frechet import frechet_distance
from mmdiffrep.testing import run_in_two_processes, tiny_teacher


def colors(images):
    """Mean and spread of the channels."""
    assert images.dtype == torch.uint8
    values = images.float() / 255
    return torch.cat([values.mean(dim=(2, 3)), values.std(dim=(2, 3))], dim=1)


@pytest.fixture(scope='module')
def denoiser():
    torch.manual_seed(0)
    return load_denoiser(tiny_teacher()).freeze()


def test_samples_do_not_depend_on_the_batch(denoiser):
    options = dict(num_images=5, num_steps=2, seed=3)
    one = moments_of_samples(denoiser, colors, batch_size=1, **options)
    four = moments_of_samples(denoiser, colors, batch_size=4, **options)
    assert one.count == four.count == 5
    torch.testing.assert_close(one.mean, four.mean, atol=1e-4, rtol=0)
    other = moments_of_samples(denoiser, colors, num_images=5, num_steps=2, seed=4)
    assert (one.mean - other.mean).abs().max() > 1e-3


def test_images_of_a_data_set_are_rgb_and_of_the_models_size(face_config):
    seen = []

    def watch(images):
        seen.append(images)
        return colors(images)

    moments = moments_of_dataset(ImageSource(face_config()), watch, size=16, batch_size=3)
    images = torch.cat(seen)
    assert images.shape == (8, 3, 16, 16) and moments.count == 8
    packed = [item for batch in ImageSource(face_config()).batches(8) for item in batch.inputs]
    expected = torch.stack(packed).flip(1).float().mean(dim=(0, 2, 3))
    torch.testing.assert_close(images.float().mean(dim=(0, 2, 3)), expected, atol=1.5, rtol=0)


def test_images_that_are_squeezed_for_a_comparison_are_told(face_config, caplog):
    cfg = face_config()
    pipeline = cfg.test_dataloader.dataset.pipeline
    pipeline.insert(len(pipeline) - 1, dict(type='mmcv.Resize', scale=(64, 32)))
    with caplog.at_level('WARNING', 'mmdiffrep'):
        moments_of_dataset(ImageSource(cfg), colors, size=16)
    assert len(caplog.records) == 1
    assert 'Images of 32 x 64 are resized to 16 x 16 for the comparison' in caplog.text


def test_a_data_set_against_itself(face_config):
    embed = EncoderEmbedding(
        Config(
            dict(
                default_scope='mmpretrain',
                model=dict(
                    backbone=dict(type='ResNet', depth=18, stem_channels=4, base_channels=4),
                    data_preprocessor=dict(mean=[120.0] * 3, std=[60.0] * 3, to_rgb=True),
                ),
            )
        ),
        size=32,
    )
    first, second = (
        moments_of_dataset(ImageSource(face_config()), embed, size=32, batch_size=size)
        for size in (3, 8)
    )
    assert len(first.mean) == 32
    assert frechet_distance(first, second) == pytest.approx(0, abs=1e-6)
    images = torch.randint(0, 256, (2, 3, 32, 32), dtype=torch.uint8)
    assert not torch.allclose(embed(images), embed(images.flip(1)))


def work(rank, folder):
    torch.manual_seed(0)
    model = load_denoiser(tiny_teacher()).freeze()
    moments = moments_of_samples(model, colors, 5, num_steps=2, batch_size=2)
    torch.save((moments.count, moments.mean, moments.covariance), folder / f'{rank}.pth')


def test_two_processes_find_what_one_finds(tmp_path, denoiser):
    run_in_two_processes(work, tmp_path)
    ranks = [torch.load(tmp_path / f'{rank}.pth', weights_only=True) for rank in (0, 1)]
    single = moments_of_samples(denoiser, colors, 5, num_steps=2, batch_size=2)
    assert ranks[0][0] == ranks[1][0] == single.count
    assert torch.equal(ranks[0][1], ranks[1][1]) and torch.equal(ranks[0][2], ranks[1][2])
    torch.testing.assert_close(ranks[0][1], single.mean, atol=1e-4, rtol=0)
    torch.testing.assert_close(ranks[0][2], single.covariance, atol=1e-4, rtol=0)


def test_fid_says_what_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, 'torch_fidelity', None)
    with pytest.raises(ImportError, match=r"-e '\.\[fid\]'.*any mmpretrain model"):
        InceptionEmbedding()


@pytest.fixture
def fake_fidelity(monkeypatch):
    class Extractor(nn.Module):
        def __init__(self, name, features_list, feature_extractor_weights_path=None):
            super().__init__()
            if feature_extractor_weights_path == 'absent.pth':
                raise FileNotFoundError('No such file: absent.pth')
            assert (name, features_list) == ('inception-v3-compat', ['2048'])

        def forward(self, images):
            assert images.dtype == torch.uint8
            return (images.float().mean(dim=(2, 3)),)

    module = ModuleType('torch_fidelity.feature_extractor_inceptionv3')
    module.FeatureExtractorInceptionV3 = Extractor
    monkeypatch.setitem(sys.modules, 'torch_fidelity', ModuleType('torch_fidelity'))
    monkeypatch.setitem(sys.modules, module.__name__, module)


def test_fid_reads_torch_fidelitys_features(fake_fidelity):
    images = torch.randint(0, 256, (2, 3, 8, 8), dtype=torch.uint8)
    assert torch.equal(InceptionEmbedding()(images), images.float().mean(dim=(2, 3)))
    with pytest.raises(FileNotFoundError, match=r'\(absent.pth\) could not be read'):
        InceptionEmbedding('absent.pth')


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(num_images=1), 'num_images must be at least 2, got 1'),
        (dict(num_images=4, batch_size=0), 'batch_size must be at least 1, got 0'),
        (dict(num_images=4, seed=-1), 'seed must be at least 0, got -1'),
        (dict(num_images=4, sampler='dim'), 'Did you mean ddim'),
        (dict(num_images=4, num_steps=21), r'in \[1, 20\], got 21'),
    ],
)
def test_bad_numbers_are_named(denoiser, options, message):
    with pytest.raises(ValueError, match=message):
        moments_of_samples(denoiser, colors, **options)


def test_too_few_images(face_config):
    with pytest.raises(ValueError, match='images of the .* must be at least 2, got 1'):
        moments_of_dataset(ImageSource(face_config(), num_images=1), colors, size=16)

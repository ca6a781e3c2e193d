# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import itertools
import os

import pytest
import torch
from mmengine.optim import OptimWrapper
from safetensors.torch import load_file

from mmdiffrep.diffusion.denoisers import load_denoiser
from mmdiffrep.models.algorithms import DDPM

UNET = dict(
    sample_size=16,
    block_out_channels=(16, 32),
    down_block_types=('DownBlock2D', 'AttnDownBlock2D'),
    up_block_types=('AttnUpBlock2D', 'UpBlock2D'),
    layers_per_block=1,
    norm_num_groups=8,
    attention_head_dim=8,
)


def build(**changes):
    torch.manual_seed(0)
    # zero_init=False: otherwise the untrained network predicts nothing but zeros
    return DDPM(**{'unet': UNET, 'zero_init': False, **changes})


def batch(num=3, seed=1):
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(num, 3, 16, 16, generator=generator) * 2 - 1


def train(model, optimizer, iterations):
    """Trains through ``train_step`` on batches that depend on the iteration alone."""
    wrapper = OptimWrapper(optimizer)
    for iteration in iterations:
        model.train_step(dict(inputs=batch(seed=100 + iteration)), wrapper)


def test_zero_init_predicts_zero_and_trains():
    model = DDPM(unet=UNET)
    assert (model(batch()) == 0).all()
    torch.testing.assert_close(
        model.loss(batch(), model.draw(batch()))['loss_denoise'],
        (model.draw(batch())[1] ** 2).mean(),
    )
    train(model, torch.optim.Adam(model.parameters(), lr=1e-3), range(3))
    assert (model(batch()) != 0).any()


def test_bf16_computes_in_bfloat16_and_keeps_float_weights():
    full, half = build(), build(bf16=True)
    loss = half(batch(), mode='loss')['loss_denoise']
    loss.backward()
    reference = full(batch(), mode='loss')['loss_denoise']
    assert loss.dtype == torch.float32
    assert 0 < abs(loss.item() - reference.item()) < 0.02
    assert {p.grad.dtype for p in half.parameters()} == {torch.float32}


@pytest.mark.parametrize('fastest', [torch.float32, torch.bfloat16, torch.float16])
def test_auto_takes_bf16_where_the_device_has_it(monkeypatch, fastest):
    model = build(bf16='auto')
    monkeypatch.setattr(f'{model.__class__.__mro__[1].__module__}.fastest_dtype', lambda _: fastest)
    with model.precision('cpu'):
        assert torch.is_autocast_enabled('cpu') == (fastest == torch.bfloat16)


def test_another_value_of_bf16_is_refused():
    with pytest.raises(ValueError, match="bf16 must be one of True, False, 'auto'"):
        build(bf16='yes')


def test_draw_depends_on_seed_and_images_seen_alone(monkeypatch):
    model, images = build(), batch()
    first = model.draw(images)
    torch.manual_seed(12345)
    again = model.draw(images)
    assert torch.equal(first[0], again[0]) and torch.equal(first[1], again[1])
    assert not torch.equal(build(seed=1).draw(images)[1], first[1])
    model(images, mode='loss')
    assert not torch.equal(model.draw(images)[1], first[1])
    monkeypatch.setattr('mmdiffrep.models.algorithms.diffusion_model.get_rank', lambda: 1)
    assert not torch.equal(build().draw(images)[1], first[1])


def test_no_draw_repeats_after_a_smaller_batch():
    """The last batch of an epoch may hold fewer images."""
    model = build()
    drawn = []
    for num in (3, 1, 3):
        drawn.extend(model.draw(batch(num))[1])
        model(batch(num), mode='loss')
    assert len({noise.flatten()[0].item() for noise in drawn}) == 7


def test_the_images_seen_of_a_checkpoint_are_taken():
    first, second = build(), build()
    for model in (first, second):
        model(batch(), mode='loss')
    first(batch(), mode='loss')
    second.load_state_dict(first.state_dict())
    assert torch.equal(second.draw(batch())[1], first.draw(batch())[1])


def test_only_training_counts_images():
    model = build().eval()
    model(batch(), mode='loss')
    assert model.images_seen == 0
    model.train()(batch(), mode='loss')
    assert model.images_seen == 3


def test_predict_gives_one_image_for_each_input():
    model = build().eval()
    model.sample = lambda num, generator: torch.zeros(num, 3, 16, 16)
    images = model(batch(num=3), mode='predict')
    assert [image.shape for image in images] == [(3, 16, 16)] * 3


def test_saving_replaces_a_folder_and_leaves_no_partial_one(tmp_path):
    model = build()
    for _ in range(2):
        with torch.no_grad():
            model.unet.conv_out.bias.add_(1)
        model.save_pretrained(str(tmp_path / 'denoiser'), dtype=torch.float32)
    assert [path.name for path in tmp_path.iterdir()] == ['denoiser']
    saved = load_file(tmp_path / 'denoiser' / 'unet' / 'diffusion_pytorch_model.safetensors')
    assert torch.equal(saved['conv_out.bias'], model.unet.conv_out.bias)


def test_saving_leaves_files_of_others_alone(tmp_path):
    others = [
        tmp_path / name for name in ('denoiser/notes.txt', 'denoiser.old/a', 'denoiser.partial/b')
    ]
    for path in others:
        path.parent.mkdir()
        path.write_text('mine')
    for _ in range(2):
        build().save_pretrained(str(tmp_path / 'denoiser'))
    assert [path.read_text() for path in others] == ['mine'] * 3
    assert load_denoiser(str(tmp_path / 'denoiser')).image_size == 16


@pytest.mark.parametrize('renames', range(4))
def test_a_save_that_is_cut_off_keeps_a_folder_that_loads(tmp_path, monkeypatch, renames):
    model, rename, count = build(), os.replace, itertools.count()

    def cut_off(source, target):
        if next(count) == renames:
            raise KeyboardInterrupt
        rename(source, target)

    model.save_pretrained(str(tmp_path / 'denoiser'))
    with monkeypatch.context() as patched:
        patched.setattr('mmdiffrep.utils.atomic_file.os.replace', cut_off)
        with pytest.raises(KeyboardInterrupt):
            model.save_pretrained(str(tmp_path / 'denoiser'))
    assert load_denoiser(str(tmp_path / 'denoiser')).image_size == 16
    model.save_pretrained(str(tmp_path / 'denoiser'))
    assert [path.name for path in tmp_path.iterdir()] == ['denoiser']


def test_unit_range_is_suspected(capsys):
    build()(batch() / 2 + 0.5, mode='loss')
    assert 'if they are in [0, 1]' in ''.join(capsys.readouterr())


def test_images_are_checked_on_the_first_batches_only():
    model = build()
    for _ in range(2):
        model(batch(), mode='loss')
    model(batch() * 2, mode='loss')

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
import torch

from mmdiffrep.models.encoders.timm_encoder import load_timm

timm = pytest.importorskip('timm')


def test_normalization_patch_and_size_are_those_of_timm():
    loaded = load_timm(
        'vit_tiny_patch16_224', False, dict(embed_dim=32, depth=1, num_heads=2, img_size=64)
    )
    assert loaded.mean == loaded.std == (127.5,) * 3
    assert (loaded.patch, loaded.multiple, loaded.source) == (16, 16, 'timm:vit_tiny_patch16_224')
    assert not loaded.fixed_size and loaded.side_for(50) == 64


@torch.no_grad()
def test_the_classifier_is_left_out():
    loaded = load_timm('convnext_atto', False, {})
    network, images = loaded.network.eval(), torch.randn(1, 3, 64, 64)
    expected = network.forward_head(network.forward_features(images), pre_logits=True)
    assert torch.equal(loaded.run(network, images), expected)
    assert loaded.patch is None and loaded.multiple == 1


def test_unknown_models_and_weights_have_near_names():
    with pytest.raises(
        ValueError, match=r"timm has no model 'resnet_18'\. Did you mean .*resnet18"
    ):
        load_timm('resnet_18', False, {})
    message = r"timm has no weights 'resnet18\.mine'; of resnet18 it has .*resnet18\.a1_in1k"
    with pytest.raises(ValueError, match=message):
        load_timm('resnet18.mine', True, {})


def test_weights_that_cannot_be_fetched_say_what_to_do(monkeypatch):
    def offline(*args, **options):
        raise OSError('no network\nand more')

    monkeypatch.setattr(timm, 'create_model', offline)
    with pytest.raises(OSError, match=r'timm:resnet18 could not be .*: no network Without a net'):
        load_timm('resnet18', True, {})

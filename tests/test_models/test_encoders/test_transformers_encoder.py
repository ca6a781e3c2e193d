# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import json

import pytest
import torch

from mmdiffrep.models.encoders.transformers_encoder import load_transformers

transformers = pytest.importorskip('transformers')
SIZE = dict(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, patch_size=8, image_size=32)


def save(folder, network, **processor):
    network.save_pretrained(folder)
    if processor:
        (folder / 'preprocessor_config.json').write_text(json.dumps(processor))
    return str(folder)


def vit():
    return transformers.ViTModel(transformers.ViTConfig(intermediate_size=16, **SIZE))


@torch.no_grad()
def test_weights_are_read_unless_they_are_to_be_random(tmp_path):
    network = vit().eval()
    folder = save(tmp_path, network)
    images = torch.randn(1, 3, 32, 32)
    expected = network(pixel_values=images).last_hidden_state
    for pretrained in (True, False):
        loaded = load_transformers(folder, pretrained, {})
        found = loaded.run(loaded.network.eval(), images).last_hidden_state
        assert torch.equal(found, expected) is pretrained
    assert loaded.mean is None and loaded.std is None  # there is no processor


@torch.no_grad()
def test_other_sizes_are_taken_where_positions_can_be_interpolated(tmp_path):
    loaded = load_transformers(save(tmp_path, vit()), False, {})
    assert (loaded.patch, loaded.size, loaded.fixed_size) == (8, 32, False)
    images = torch.randn(1, 3, 48, 48)
    assert loaded.run(loaded.network.eval(), images).last_hidden_state.shape == (1, 1 + 36, 16)


@pytest.mark.parametrize(
    ('processor', 'mean', 'std', 'order'),
    [
        (dict(image_mean=[0.5] * 3, image_std=[0.25] * 3), 127.5, 63.75, 'rgb'),
        (dict(do_normalize=False), 0.0, 255.0, 'rgb'),
        (dict(do_normalize=False, do_rescale=False), 0.0, 1.0, 'rgb'),
        (dict(do_flip_channel_order=True), 0.0, 255.0, 'bgr'),
    ],
)
def test_normalization_is_that_of_the_processor(tmp_path, processor, mean, std, order):
    folder = save(tmp_path, vit(), image_processor_type='ViTImageProcessor', **processor)
    loaded = load_transformers(folder, False, {})
    assert loaded.mean == pytest.approx((mean,) * 3) and loaded.std == pytest.approx((std,) * 3)
    assert loaded.channel_order == order


def test_the_image_network_is_taken_of_one_for_images_and_text(tmp_path):
    config = transformers.CLIPConfig(
        vision_config=dict(intermediate_size=16, **SIZE), text_config=dict(num_hidden_layers=1)
    )
    config.save_pretrained(tmp_path)
    loaded = load_transformers(str(tmp_path), False, {})
    assert type(loaded.network).__name__ == 'CLIPVisionModel' and loaded.patch == 8


def test_what_takes_no_images_is_refused(tmp_path):
    config = transformers.BertConfig(
        hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8
    )
    config.save_pretrained(tmp_path)
    with pytest.raises(ValueError, match='holds a BertModel, which does not take images'):
        load_transformers(str(tmp_path), False, {})


def test_folders_that_hold_no_network(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'neither a folder with the config\.json'):
        load_transformers(str(tmp_path / 'nowhere'), False, {})
    (tmp_path / 'config.json').write_text(json.dumps(dict(model_type='my_own')))
    with pytest.raises(ValueError, match='describes no network of transformers .* own code'):
        load_transformers(str(tmp_path), False, {})

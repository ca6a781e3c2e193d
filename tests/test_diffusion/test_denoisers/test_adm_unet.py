# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""ADM's network: names of its parts, and widths that it refuses."""

import pytest

from mmdiffrep.diffusion.denoisers.adm_unet import ADMUNet


def test_parameter_names_are_those_of_guided_diffusion():
    unet = ADMUNet(
        in_channels=3,
        model_channels=32,
        out_channels=6,
        num_res_blocks=1,
        channel_mult=(1, 2),
        attention_strides=(2,),
        num_classes=5,
        num_head_channels=32,
        resblock_updown=True,
    )
    names = set(unet.state_dict())
    assert names >= {
        'time_embed.0.weight',
        'time_embed.2.bias',
        'label_emb.weight',
        'input_blocks.0.0.weight',
        'input_blocks.1.0.in_layers.0.weight',
        'input_blocks.1.0.in_layers.2.weight',
        'input_blocks.1.0.emb_layers.1.weight',
        'input_blocks.1.0.out_layers.0.weight',
        'input_blocks.1.0.out_layers.3.weight',
        'input_blocks.2.0.in_layers.2.weight',
        'input_blocks.3.0.skip_connection.weight',
        'input_blocks.3.1.norm.weight',
        'input_blocks.3.1.qkv.weight',
        'input_blocks.3.1.proj_out.bias',
        'middle_block.1.qkv.weight',
        'middle_block.2.out_layers.3.bias',
        'output_blocks.1.2.in_layers.2.weight',
        'out.0.weight',
        'out.2.bias',
    }
    assert unet.middle_block[1].qkv.weight.ndim == 3, 'attention is a 1-d convolution'
    # Average pooling and nearest neighbor carry no weights of their own.
    assert not any('resample' in name or 'upd' in name for name in names)


def test_plain_resampling_names():
    unet = ADMUNet(3, 32, 3, 1, (1, 1), (), resblock_updown=False)
    names = set(unet.state_dict())
    assert 'input_blocks.2.0.op.weight' in names
    assert 'output_blocks.1.1.conv.weight' in names


def test_width_must_fit_the_normalization_groups():
    with pytest.raises(ValueError, match='multiple of 32'):
        ADMUNet(3, 48, 3, 1, (1, 2), ())

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
import torch
from mmengine.config import Config

from mmdiffrep.analysis import Encoder
from mmdiffrep.analysis.encoder_reader import EncoderReader


def read(scale, dtype='float16'):
    cfg = Config(
        dict(
            default_scope='mmpretrain',
            model=dict(backbone=dict(type='ResNet_CIFAR', depth=18, base_channels=8)),
            data_preprocessor=dict(mean=[0.0] * 3, std=[1.0] * 3, to_rgb=True),
        )
    )
    torch.manual_seed(0)
    encoder = Encoder(cfg, size=32)
    maps = encoder(images())['out.0'] * scale
    encoder._maps = lambda images: [maps]
    return EncoderReader(encoder, 'bgr', 2, dtype, 4)(images())[0, 'out.0'], maps


def images():
    return list(torch.randint(0, 256, (2, 3, 32, 32), generator=torch.manual_seed(0)).byte())


def test_averages_are_stored_channels_last():
    stored, maps = read(1.0, 'float32')
    assert stored.shape == (2, 2, 2, 64)
    expected = maps.unflatten(3, (2, -1)).unflatten(2, (2, -1)).mean((3, 5))
    torch.testing.assert_close(stored, expected.permute(0, 2, 3, 1))


def test_what_half_precision_cannot_hold_is_named():
    with pytest.raises(ValueError, match=r'Features of out\.0 reach .* no finite float16'):
        read(1e7)
    assert read(1e7, 'bfloat16')[0].isfinite().all()

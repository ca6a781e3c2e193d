# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from mmdiffrep.apis.convert_pixel_classifiers import (
    OFFICIAL_CHANNELS,
    OFFICIAL_STRIDES,
    convert_pixel_classifiers,
)
from mmdiffrep.models.heads import PixelMLPEnsembleHead
from mmdiffrep.models.necks import LazyHypercolumn

CHANNELS, STRIDES = (4, 3, 2) * 2, (8, 4, 8) * 2
SIZE = (32, 32)


class Official(nn.Module):
    """DDPM-Seg's pixel classifier for less than 30 classes, with random statistics."""

    def __init__(self, outputs, hidden=(128, 32)):
        super().__init__()
        first, second = hidden
        self.layers = nn.Sequential(
            nn.Linear(sum(CHANNELS), first), nn.ReLU(), nn.BatchNorm1d(first),
            nn.Linear(first, second), nn.ReLU(), nn.BatchNorm1d(second),
            nn.Linear(second, outputs),
        )  # fmt: skip
        for norm in (self.layers[2], self.layers[5]):
            for tensor in (norm.weight, norm.bias, norm.running_mean):
                nn.init.normal_(tensor)
            nn.init.uniform_(norm.running_var, 0.5, 2)


def published(folder, outputs, num_members=11, hidden=(128, 32)):
    torch.manual_seed(0)
    members = [Official(outputs, hidden).eval() for _ in range(num_members)]
    for index, member in enumerate(members):
        state = nn.DataParallel(member).state_dict()
        torch.save({'model_state_dict': state}, folder / f'model_{index}.pth')
    return members


@pytest.mark.parametrize(
    ('category', 'outputs', 'classes', 'hidden'),
    [
        ('bedroom_28', 29, 28, (128, 32)),
        ('cat_15', 15, 15, (128, 32)),
        ('ffhq_34', 34, 34, (256, 128)),
    ],
)
def test_members_keep_their_logits(tmp_path, category, outputs, classes, hidden):
    members = published(tmp_path, outputs, hidden=hidden)
    target = tmp_path / 'ensemble.pth'
    assert convert_pixel_classifiers(tmp_path, target, category, CHANNELS, STRIDES) == 11
    checkpoint = torch.load(target, weights_only=True)
    assert len(checkpoint['meta']['dataset_meta']['classes']) == classes

    head = PixelMLPEnsembleHead(classes, sum(CHANNELS), num_members=11).eval()
    prefix = 'decode_head.'
    state = {name.removeprefix(prefix): tensor for name, tensor in checkpoint['state_dict'].items()}
    missing, unexpected = head.load_state_dict(state, strict=False)
    assert not unexpected and all(name.startswith('stop_rule') for name in missing)

    maps = [torch.randn(1, c, 32 // s, 32 // s) for c, s in zip(CHANNELS, STRIDES)]
    resized = [F.interpolate(m, SIZE, mode='bilinear', align_corners=False) for m in maps]
    columns = torch.cat(resized, dim=1)[0].flatten(1).T
    first = head.project(LazyHypercolumn(CHANNELS, STRIDES)(maps))
    for index, member in enumerate(members):
        with torch.no_grad():
            expected = member.layers(columns)[:, outputs - classes :]
            logits = head.member_logits(first, index, SIZE)
        torch.testing.assert_close(logits, expected, rtol=1e-4, atol=1e-4)


def test_official_maps_have_the_published_length():
    assert sum(OFFICIAL_CHANNELS) == 8448 and len(OFFICIAL_STRIDES) == 15


@pytest.mark.parametrize(
    ('category', 'error', 'message'),
    [
        ('cat_15', ValueError, r'must be \(18, 15\), got \(18, 29\)'),
        ('cats', ValueError, 'Did you mean cat_15'),
    ],
)
def test_members_of_another_data_set_are_refused(tmp_path, category, error, message):
    published(tmp_path, 29, num_members=1)
    with pytest.raises(error, match=message):
        convert_pixel_classifiers(tmp_path, tmp_path / 'x.pth', category, CHANNELS, STRIDES)


def test_other_folders_and_files_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'no model_0\.pth'):
        convert_pixel_classifiers(tmp_path, tmp_path / 'x.pth', 'cat_15')
    torch.save({'model_state_dict': {'a': torch.zeros(1)}}, tmp_path / 'model_0.pth')
    with pytest.raises(ValueError, match=r'model_0\.pth is not a pixel classifier'):
        convert_pixel_classifiers(tmp_path, tmp_path / 'x.pth', 'cat_15')

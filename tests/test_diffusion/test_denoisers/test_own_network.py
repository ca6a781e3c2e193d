# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The example of docs/howto_own_network.md, with the network that it imports."""

import re
import sys
import types
from pathlib import Path

import pytest
import torch
from torch import nn

from mmdiffrep.diffusion.denoisers import FAMILIES
from mmdiffrep.diffusion.feature_extractor import FeatureExtractor
from mmdiffrep.models.backbones import DPMBackbone

PAGE = Path(__file__).parents[3] / 'docs' / 'howto_own_network.md'


class MnistUNet(nn.Module):
    """28 px, one channel, three levels: 28, 14, 7 and 3 cells."""

    def __init__(self):
        super().__init__()
        self.time = nn.Linear(1, 8)
        self.stem = nn.Conv2d(1, 8, 3, padding=1)
        self.down = nn.ModuleList([nn.Conv2d(8, 8, 2, stride=2) for _ in range(3)])
        self.middle = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1), nn.SiLU())
        self.up = nn.ModuleList([nn.Upsample(size=7), nn.Upsample(scale_factor=4)])
        self.head = nn.Conv2d(8, 1, 3, padding=1)

    def forward(self, x, t):
        x = self.stem(x) + self.time(t.to(x.dtype)[:, None] / 1000)[:, :, None, None]
        for level in self.down:
            x = level(x).relu()
        x = self.middle(x)
        for level in self.up:
            x = level(x)
        return self.head(x)


@pytest.fixture
def checkpoint(tmp_path, monkeypatch):
    """Runs the page's example; returns a network and where its weights are."""
    example = re.search(r'```python\n(.*?)```', PAGE.read_text(), re.DOTALL)[1]
    assert len([line for line in example.splitlines() if line.strip()]) <= 24
    project = types.ModuleType('my_project')
    project.MnistUNet = MnistUNet
    monkeypatch.setitem(sys.modules, 'my_project', project)
    monkeypatch.setattr('mmdiffrep.diffusion.denoisers.families.FAMILIES', FAMILIES)
    exec(compile(example, str(PAGE), 'exec'), {})
    torch.manual_seed(0)
    network = MnistUNet().eval()
    torch.save(network.state_dict(), tmp_path / 'mnist.pt')
    yield network, str(tmp_path / 'mnist.pt')
    FAMILIES.pop('MnistDenoiser')


@torch.no_grad()
def test_the_page_makes_a_family_that_configs_and_extractors_take(checkpoint):
    network, path = checkpoint
    cfg = dict(type='MnistDenoiser', checkpoint=path)
    extract = FeatureExtractor(cfg, ['mid', 'dec.0'], [50], noise='none')
    assert extract.tap_table['mid'] == (8, 8)  # 28 / 3, three levels
    gray = torch.rand(2, 1, 28, 28) * 2 - 1
    caught = []
    network.middle.register_forward_hook(lambda *args: caught.append(args[2]))
    network(gray, torch.tensor([50, 50]))
    assert torch.equal(extract(gray)[50, 'mid'], caught[0])
    same = extract(gray.expand(-1, 3, -1, -1))[50, 'mid']
    torch.testing.assert_close(same, caught[0], atol=1e-5, rtol=1e-5)
    with pytest.raises(ValueError, match='trained on 28x28'):
        extract(torch.zeros(1, 1, 30, 28))


def test_a_backbone_of_rgb_images_reads_their_luminance(checkpoint):
    _, path = checkpoint
    backbone = DPMBackbone(dict(type='MnistDenoiser', checkpoint=path), ['mid'], [50], noise='none')
    images = torch.zeros(1, 3, 28, 28)
    images[:, 1] = 255
    green = backbone(images)[0]
    images[:, 1], images[:, 2] = 0, 255
    assert not torch.allclose(backbone(images)[0], green)
    assert backbone.out_channels == (8,)

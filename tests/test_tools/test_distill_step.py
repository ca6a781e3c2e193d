# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The benchmark of the truncated teacher, on a tiny network."""

import argparse
from pathlib import Path

import pytest
import torch

FOLDER = Path(__file__).parents[2] / 'tools' / 'benchmarks'
TINY = dict(
    sample_size=32,
    block_out_channels=(8, 8),
    norm_num_groups=4,
    layers_per_block=1,
    down_block_types=('DownBlock2D', 'DownBlock2D'),
    up_block_types=('UpBlock2D', 'UpBlock2D'),
    add_attention=False,
)


@pytest.fixture
def tool(import_tool, monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    return import_tool('distill_step')


@pytest.fixture
def args():
    return argparse.Namespace(batch=2, iters=2, device='cpu', amp=False)


def test_every_call_is_timed_in_every_round(tool, args):
    seconds = tool.compare(TINY, 32, args)
    assert list(seconds) == ['teacher, whole', 'teacher, cut', 'step, whole', 'step, cut']
    assert all(len(times) == 2 and min(times) > 0 for times in seconds.values())


def test_calls_take_turns(tool):
    order = []
    tool.time_in_turns({name: lambda n=name: order.append(n) for name in 'ab'}, 2, 'cpu')
    assert ''.join(order) == 'ababab'


def test_other_features_are_an_error(tool, args, monkeypatch):
    monkeypatch.setattr(tool, 'read_teacher', lambda *_: torch.rand(2))
    with pytest.raises(RuntimeError, match='other features'):
        tool.compare(TINY, 32, args)


@pytest.mark.parametrize('name', ['cifar10-32', 'celebahq-256'])
def test_shapes_are_those_of_the_public_models(tool, name):
    with torch.device('meta'):
        network = tool.load_denoiser(dict(type='UNet2DDenoiser', unet=tool.SHAPES[name]))
    millions = sum(parameter.numel() for parameter in network.parameters()) / 1e6
    # published sizes: DDPM (Ho et al. 2020, appendix B) has 35.7 M and 114 M parameters
    assert millions == pytest.approx({'cifar10-32': 35.7, 'celebahq-256': 113.7}[name], abs=0.1)


def test_peak_memory_counts_weights_and_maps(tool):
    shape = (2, 3, 512, 512)
    one_map = 2 * 8 * 512 * 512 * 4
    assert tool.peak_memory(TINY, None, shape, 'cpu', amp=False) > 2 * one_map

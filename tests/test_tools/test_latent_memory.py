# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The benchmark of a cut Stable Diffusion in memory, at a tenth of the width."""

import argparse
from pathlib import Path

import pytest
import torch

FOLDER = Path(__file__).parents[2] / 'tools' / 'benchmarks'


@pytest.fixture
def tool(import_tool, monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(str(FOLDER))
    monkeypatch.setenv('MMDIFFREP_CACHE', str(tmp_path / 'cache'))
    return import_tool('latent_memory')


def test_the_shape_is_that_of_stable_diffusion(tool):
    with torch.device('meta'):
        network = tool.UNet2DConditionModel(**tool.shape_of(320))
    assert sum(value.numel() for value in network.parameters()) == 859_520_964


def test_a_cut_network_holds_what_it_keeps_and_draws_cost_one_map(tool, tmp_path, monkeypatch):
    monkeypatch.setattr(tool, '_SHARD', 0.5e6)
    monkeypatch.setattr(tool, 'in_own_process', lambda call, *args: call(*args))
    folder = tmp_path / 'unet'
    tool.main(['--folder', str(folder), '--width', '32', '--size', '64', '--draws', '2'])
    assert len(list(folder.glob('*.safetensors'))) > 3
    job = tool.Job(str(folder), 'module:up_blocks.1', 'bfloat16', 64, 0)
    denoiser = tool.load(job)
    kept = dict(denoiser.network.named_parameters())
    assert not any(name.startswith(('up_blocks.2', 'up_blocks.3', 'conv_out')) for name in kept)
    assert tool.measure(job)['parameters'] == sum(2 * value.numel() for value in kept.values())


@pytest.mark.slow
def test_memory_of_loading_and_of_draws(tool, tmp_path):
    options = argparse.Namespace(
        folder=str(tmp_path),
        width=80,
        tap='module:up_blocks.1',
        dtype='bfloat16',
        size=256,
        draws=8,
    )
    found = tool.report(options)
    # work space of the libraries, and what is mapped of an open file, come on top
    assert found['0']['loading'] < found['0']['parameters'] + 100e6
    one, eight = found['1'], found['8']
    assert eight['passes'] == pytest.approx(one['passes'] + one['map'], rel=0.01)

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The benchmark of DifFeed's step, on a tiny network."""

from pathlib import Path

import pytest
import torch

from mmdiffrep.testing import tiny_teacher

FOLDER = Path(__file__).parents[2] / 'tools' / 'benchmarks'


@pytest.fixture
def tool(import_tool, monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    tool = import_tool('diffeed_step')
    monkeypatch.setitem(tool.SHAPES, 'tiny', tiny_teacher(1000))
    monkeypatch.setitem(tool.TAPS, 'tiny', 'dec.1')
    return tool


def test_every_variant_is_timed_and_has_the_same_gradients(tool):
    seconds = tool.compare('tiny', 2, None, 'cpu', 2)
    assert tuple(seconds) == tool.VARIANTS
    assert all(len(times) == 2 and min(times) > 0 for times in seconds.values())


def test_other_gradients_are_an_error(tool, monkeypatch):
    monkeypatch.setattr(tool.Step, 'gradients', lambda self: [torch.rand(3)])
    with pytest.raises(RuntimeError, match='other gradients'):
        tool.compare('tiny', 2, None, 'cpu', 1)


def test_variants_differ_in_what_they_say(tool):
    steps = {name: tool.Step(name, 'tiny', 2, None, 'cpu') for name in tool.VARIANTS}
    for name, step in steps.items():
        step()
        weights = list(step.backbone.denoiser.network.parameters())
        has_gradients = any(weight.grad is not None for weight in weights)
        assert has_gradients == (name == 'official'), name
    counts = {name: len(step.backbone.first_pass.module.taps) for name, step in steps.items()}
    assert counts['official'] == counts['whole passes'] > counts['ours']
    whole, ours = (
        len(list(steps[name].backbone.denoiser.network.parameters()))
        for name in ('whole passes', 'ours')
    )
    assert whole > ours


def test_peak_memory_is_measured(tool):
    assert tool.peak_of('ours', 'tiny', 2, None, 'cpu') >= 0

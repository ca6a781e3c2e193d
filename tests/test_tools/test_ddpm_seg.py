# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The benchmark of DDPM-Seg's parts: both formulations agree, on a small network."""

import argparse
import re
from pathlib import Path

import pytest
import torch

FOLDER = Path(__file__).parents[2] / 'tools' / 'benchmarks'
SMALL = dict(num_channels=32, num_head_channels=32, image_size=64, attention_resolutions='8')
ARGS = argparse.Namespace(
    device='cpu', rounds=1, size=64, extract_size=32, updates=2, quality_updates=2
)


@pytest.fixture
def tool(import_tool, monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    return import_tool('ddpm_seg')


@pytest.fixture
def small(tool, monkeypatch):
    preset = dict(tool.ADM_PRESETS['adm-lsun'], **SMALL)
    monkeypatch.setattr(tool, 'ADM_PRESETS', {'adm-lsun': preset})
    monkeypatch.setattr(tool, 'TAPS', ('dec.2', 'dec.5'))
    return tool


def test_store_is_44_times_smaller(tool, capsys):
    tool.compare_store(argparse.Namespace(size=256))
    assert re.search(r'2112\.0 MiB .* 48\.0 MiB  +44\.00 x', capsys.readouterr().out)


def test_passes_agree(small, capsys):
    small.compare_extract(ARGS)
    off = float(re.search(r'differ by (\S+) of', capsys.readouterr().out)[1])
    assert off < 1e-4


def test_predictions_agree(small, capsys):
    small.compare_predict(ARGS)
    output = capsys.readouterr().out
    assert float(re.search(r'logits differ by (\S+);', output)[1]) < 1e-4
    assert float(re.search(r'([\d.]+)% of the labels', output)[1]) > 99.9


def test_multiply_adds_of_the_paper_by_hand(tool, monkeypatch, capsys):
    monkeypatch.setattr(tool, 'time_in_turns', lambda *_: dict(naive=[1.0], ours=[1.0]))
    monkeypatch.setattr(tool, 'random_columns', lambda *_: tool.Hypercolumns(
        [torch.zeros(1, 4, 2, 2), torch.zeros(1, 8, 4, 4)]
    ))  # fmt: skip
    tool.compare_predict(argparse.Namespace(**{**vars(ARGS), 'size': 8}))
    tail = 64 * (128 * 32 + 32 * 28)
    naive = 10 * (64 * 12 * 128 + tail) + 4 * 64 * 12
    ours = 10 * (128 * (4 * 4 + 8 * 16 + 2 * 4 * 64) + tail)
    assert f'{naive / ours:.2f} x' in capsys.readouterr().out


def test_training_prints_both_ways(small, capsys):
    small.compare_train(ARGS)
    assert 'ms an update and member' in capsys.readouterr().out


def test_both_ways_train_the_same_members(tool):
    from published_ddpm_seg import pixel_bank, put_back, separate_members, train_one_by_one

    columns = tool.Hypercolumns([torch.randn(2, 5, 4, 4), torch.randn(2, 3, 8, 8)])
    labels = torch.randint(4, (2, 8, 8))
    pixels = tool.LabeledPixels(columns, labels, 255, 1)
    head = tool.PixelMLPEnsembleHead(4, 8, num_members=3)
    other = tool.PixelMLPEnsembleHead(4, 8, num_members=3)
    members = separate_members(head)
    batches = pixels.shuffles(0, 0, 3).split(64, dim=1)
    tool.exhaust(tool.train_at_once(head, pixels, batches))
    bank = pixel_bank(columns, 8)
    tool.exhaust(train_one_by_one(members, bank, labels.flatten(), batches))
    put_back(other, members)
    for (key, value), same in zip(head.mlp.state_dict().items(), other.mlp.state_dict().values()):
        assert torch.allclose(value, same, atol=1e-5), key


def test_mean_iou_by_hand(tool, monkeypatch):
    head = tool.PixelMLPEnsembleHead(19, 4)
    labels = torch.tensor([[0, 1], [1, 1]])
    monkeypatch.setattr(head, 'predict', lambda *_: argparse.Namespace(labels=labels))
    truth = torch.tensor([[[0, 0], [1, 1]]])
    columns = tool.Hypercolumns([torch.zeros(1, 4, 2, 2)])
    assert tool.mean_iou(head, columns, truth) == pytest.approx(100 * (1 / 2 + 2 / 3) / 2)

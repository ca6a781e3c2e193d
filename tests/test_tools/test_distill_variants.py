# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The benchmark of the variants, on a tiny student and teacher."""

import io
import re
import weakref
from pathlib import Path

import pytest
import torch
from rich.console import Console

from mmdiffrep.diffusion import load_denoiser
from mmdiffrep.testing import tiny_teacher
from mmdiffrep.utils.hook_configs import find_hooks

FOLDER = Path(__file__).parents[2] / 'tools' / 'benchmarks'


@pytest.fixture
def tool(import_tool, monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    return import_tool('distill_variants')


@pytest.fixture
def options(tool):
    return tool.Options(batch=2, teacher=None, amp=False)


def shrunk(tool, name, options):
    cfg = tool.load_config(name, options)
    cfg.train_dataloader.dataset.image_size = 32
    cfg.train_dataloader.dataset.pipeline[1].crop_size = 32
    cfg.model.backbone.update(base_channels=4, stem_channels=4)
    cfg.model.head.in_channels = 32
    for hook in find_hooks(cfg, 'RepFusionHook').values():
        if isinstance(hook.teacher, str):
            hook.teacher = tiny_teacher(1000)
        else:
            keys = ('model', 'data_preprocessor', 'default_scope')
            hook.teacher.config = {key: cfg[key] for key in keys}
    return cfg


def test_both_teachers_give_the_same_features(tool, options, tmp_path):
    step = tool.Step(shrunk(tool, 'hint', options), str(tmp_path), ['cut', 'whole'])
    step.cut()
    step.whole()
    assert step.losses['loss_distill'] > 0
    sizes = [sum(p.numel() for p in teacher.parameters()) for teacher in (step._cut, step._whole)]
    assert sizes[0] < sizes[1]
    images, t = torch.randn(2, 3, 16, 16), torch.tensor([0, 999])
    cut, whole = (teacher(images, t, taps=['mid'])['mid'] for teacher in (step._cut, step._whole))
    assert torch.equal(cut, whole)


@pytest.mark.parametrize(
    ('name', 'has_whole'), [('hint', True), ('cnn_hint', False), (None, False)]
)
def test_a_row_of_the_table(tool, options, monkeypatch, name, has_whole):
    name = name or tool.SCRATCH
    cfg = shrunk(tool, name, options)
    monkeypatch.setattr(tool, 'load_config', lambda *_: cfg)
    monkeypatch.setattr(tool, '_peak_in_new_process', lambda *_: 3 * 2**20)
    row = tool.measure(name, options, iters=2)
    assert len(row.cut) == 2 and (row.whole is not None) is has_whole
    console = Console(width=130, record=True, file=io.StringIO())
    console.print(tool.to_table([row], options, 'title'))
    line = next(text for text in console.export_text().splitlines() if name in text)
    assert line.count(' 3 ') == 1 + has_whole
    assert len(re.findall(r'\d+\.\d \(\d+-\d+\)', line)) == 1 + has_whole
    # Faster than the whole one, and over no distillation.
    assert (
        len(re.findall(r'\d\.\d\d \(\d\.\d\d-\d\.\d\d\)', line))
        == (name != tool.SCRATCH) + has_whole
    )


def test_medians_and_quartiles_are_those_of_the_rounds(tool):
    """The ratio is taken inside a round: here it is 2 in all but one, whatever the times are."""
    cut = [0.1, 0.2, 0.3, 0.4, 0.5]
    assert tool.milliseconds(cut) == '300.0 (200-400)'
    assert tool.ratio([0.2, 0.4, 0.6, 0.8, 0.1], cut) == '2.00 (2.00-2.00)'


def test_peak_is_that_of_two_steps(tool, options, monkeypatch):
    """The first one makes the state of the optimizers."""
    cfg = shrunk(tool, 'hint', options)
    steps = []
    monkeypatch.setattr(tool, 'load_config', lambda *_: cfg)
    monkeypatch.setattr(tool.Step, 'cut', lambda self: steps.append(self))
    monkeypatch.setattr(tool, 'peak_bytes', lambda call, device: call() or 7)
    assert tool.peak_of('hint', options, 'cut') == 7
    assert len(steps) == 2


def test_peak_of_the_whole_network_leaves_out_the_cut_one(tool, options, monkeypatch, tmp_path):
    alive = []

    def load(cfg):
        alive.append([each() is not None for each in networks])
        return load_denoiser(cfg)

    networks = []
    before_train = tool.RepFusionHook.before_train

    def remember(hook, runner):
        networks.append(weakref.ref(hook.teacher.denoiser))
        before_train(hook, runner)

    monkeypatch.setattr(tool.RepFusionHook, 'before_train', remember)
    monkeypatch.setattr(tool, 'load_denoiser', load)
    step = tool.Step(shrunk(tool, 'hint', options), str(tmp_path), ['whole'])
    step.whole()
    assert alive == [[False]] and step.losses['loss_distill'] > 0


def test_options_reach_the_config(tool):
    cfg = tool.load_config('hint', tool.Options(batch=5, teacher='cifar10-32', amp=True))
    assert cfg.train_dataloader.batch_size == cfg.train_dataloader.dataset.num_images == 5
    assert cfg.optim_wrapper.type == 'AmpOptimWrapper'
    assert cfg.default_hooks.repfusion.teacher.unet.sample_size == 32
    scratch = tool.load_config(tool.SCRATCH, tool.Options(5, None, False))
    assert find_hooks(scratch, 'RepFusionHook') == {}


def test_unknown_variant_lists_the_known(tool, monkeypatch, capsys):
    monkeypatch.setattr('sys.argv', ['distill_variants.py', 'hints'])
    with pytest.raises(SystemExit):
        tool.main()
    error = capsys.readouterr().err
    assert 'hints' in error and 'relational' in error


def test_quartiles_need_two_rounds(tool, monkeypatch, capsys):
    monkeypatch.setattr('sys.argv', ['distill_variants.py', 'hint', '--iters', '1'])
    with pytest.raises(SystemExit):
        tool.main()
    assert 'at least 2' in capsys.readouterr().err

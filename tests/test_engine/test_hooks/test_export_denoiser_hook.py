# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
from types import SimpleNamespace
from unittest.mock import Mock

import pytest
import torch
from mmengine.hooks import EMAHook
from mmengine.runner import get_priority
from safetensors import SafetensorError
from torch import nn

from mmdiffrep.engine.hooks.export_denoiser_hook import ExportDenoiserHook


class Savable(nn.Linear):
    """A model that stores its weight as a plain file."""

    def __init__(self) -> None:
        super().__init__(1, 1)
        nn.init.ones_(self.weight)

    def save_pretrained(self, folder, dtype):
        torch.save(self.weight.detach().to(dtype), f'{folder}/weight.pt')


def runner_at(iteration, tmp_path, hooks=(), max_iters=25):
    return SimpleNamespace(
        hooks=list(hooks),
        model=Savable(),
        work_dir=str(tmp_path),
        iter=iteration - 1,
        max_iters=max_iters,
        logger=Mock(),
    )


@pytest.mark.parametrize(
    ('interval', 'iteration', 'written'),
    [(10, 10, True), (10, 11, False), (10, 25, True), (-1, 10, False), (-1, 25, True)],
)
def test_writes_at_the_interval_and_at_the_end(tmp_path, interval, iteration, written):
    runner = runner_at(iteration, tmp_path)
    ExportDenoiserHook(interval=interval).after_train_iter(runner, batch_idx=0)
    assert (tmp_path / 'denoiser').exists() is written


def test_writes_the_averaged_weights_and_keeps_those_in_training(tmp_path):
    ema = EMAHook()
    runner = runner_at(25, tmp_path, hooks=[ema])
    ema.before_run(runner)
    with torch.no_grad():
        runner.model.weight.fill_(2)
    hook = ExportDenoiserHook(folder='teacher', dtype='float32')
    hook.after_train_iter(runner, batch_idx=0)
    stored = torch.load(tmp_path / 'teacher' / 'weight.pt', weights_only=True)
    assert stored.item() == 1 and stored.dtype == torch.float32
    assert runner.model.weight.item() == 2


@pytest.mark.parametrize(
    'error', [SafetensorError('I/O error: No space left on device'), OSError(28, 'No space left')]
)
def test_a_full_disk_names_the_folder_and_keeps_the_files_of_before(tmp_path, error):
    runner = runner_at(25, tmp_path)
    hook = ExportDenoiserHook()
    hook.after_train_iter(runner, batch_idx=0)
    before = (tmp_path / 'denoiser' / 'weight.pt').read_bytes()

    def save_half(folder, dtype):
        (tmp_path / folder / 'weight.pt').write_bytes(b'half')
        raise error

    runner.model.save_pretrained = save_half
    with pytest.raises(OSError, match=r'Could not export the denoiser to .*denoiser: .*No space'):
        hook.after_train_iter(runner, batch_idx=0)
    assert (tmp_path / 'denoiser' / 'weight.pt').read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ['denoiser']


def test_unknown_dtype_is_named_at_once():
    with pytest.raises(ValueError, match="'flaot16'"):
        ExportDenoiserHook(dtype='flaot16')


def test_a_model_that_cannot_be_exported_fails_at_the_start(tmp_path):
    runner = runner_at(1, tmp_path)
    ExportDenoiserHook().before_train(runner)
    runner.model = nn.Linear(1, 1)
    with pytest.raises(TypeError, match=r'calls save_pretrained\(\) .* Linear does not have'):
        ExportDenoiserHook().before_train(runner)


def test_comes_after_the_ema_update():
    assert get_priority(ExportDenoiserHook.priority) > get_priority(EMAHook.priority)

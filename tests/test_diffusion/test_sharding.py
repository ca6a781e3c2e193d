# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""A teacher whose weights two gloo processes share gives, in a run, what a whole one gives."""

import importlib

import pytest
import torch

from mmdiffrep.diffusion import sharding
from mmdiffrep.diffusion.sharding import shard_weights
from mmdiffrep.models.teachers import DPMTeacher
from mmdiffrep.testing import run_in_two_processes, tiny_teacher
from mmdiffrep.testing.tiny_distillation import hook_cfg, hook_of, run
from mmdiffrep.testing.tiny_latent import save_tiny_pipeline

WRAPPER = dict(type='MMDistributedDataParallel', device_ids=None)


def build(**options):
    torch.manual_seed(0)
    return DPMTeacher(tiny_teacher(), ['mid', 'dec.1'], **options)


def work(rank, folder):
    generator = torch.Generator().manual_seed(rank)
    images = torch.rand(3, 3, 16, 16, generator=generator) * 2 - 1
    t = torch.tensor([3, 7, 0])
    for precision, tolerance in (('float32', 0), ('bfloat16', 0.05)):
        whole, shared = (build(precision=precision, shard=shard) for shard in (False, True))
        sizes = [sum(p.numel() for p in whole.denoiser.parameters())]
        shared.place(torch.device('cpu'))
        sizes.append(sum(p.to_local().numel() for p in shared.denoiser.parameters()))
        assert sizes[1] < 0.6 * sizes[0]
        for _ in range(2):
            for found, expected in zip(shared(images, t), whole(images, t)):
                assert (found - expected).norm() <= tolerance * expected.norm()
        assert shared.record == whole.record
    whole, shared = (
        DPMTeacher(f'{folder}/sd', ['module:up_blocks.0'], shard=shard) for shard in (False, True)
    )
    shared.place(torch.device('cpu'))
    images = torch.rand(2, 3, 32, 32, generator=generator) * 2 - 1
    maps = (teacher(images, torch.tensor([3, 7]))[0] for teacher in (whole, shared))
    assert torch.equal(*maps)
    weights = []
    for shard in (False, True):
        cfg = hook_cfg(teacher=dict(tiny_teacher(), shard=shard))
        options = dict(launcher='pytorch', model_wrapper_cfg=WRAPPER)
        runner = run(f'{folder}/{rank}{shard}', 2, cfg, **options)
        weights.append({**runner.model.state_dict(), **hook_of(runner).distiller.state_dict()})
    assert all(torch.equal(value, weights[1][key]) for key, value in weights[0].items())


def test_two_processes_share_the_weights(tmp_path):
    save_tiny_pipeline('sd', tmp_path / 'sd')
    run_in_two_processes(work, str(tmp_path))


def test_one_process_has_nobody_to_share_with():
    with pytest.raises(RuntimeError, match='start it with torchrun'):
        shard_weights(build().denoiser, torch.device('cpu'))


def test_without_fsdp2_all_else_works(monkeypatch):
    monkeypatch.delattr('torch.distributed.fsdp.fully_shard')  # added in PyTorch 2.6
    denoiser = build().denoiser
    importlib.reload(sharding)
    with pytest.raises(RuntimeError, match=r'PyTorch 2\.6 or newer'):
        sharding.shard_weights(denoiser, torch.device('cpu'))

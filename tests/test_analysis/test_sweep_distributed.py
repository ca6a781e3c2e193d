# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Two gloo processes share a sweep and give the result of one."""

import torch

from mmdiffrep.analysis import ImageSource, StoredSplit, diffusion_grid, sweep
from mmdiffrep.diffusion.denoisers import load_denoiser
from mmdiffrep.measures import ProbeTraining
from mmdiffrep.testing import run_in_two_processes, tiny_teacher


def result_of(config, root):
    torch.manual_seed(0)
    model = diffusion_grid(load_denoiser(tiny_teacher()), ['mid'], [0, 15], pools=(1, 2))
    splits = [StoredSplit(ImageSource(config, split), [model], root) for split in ('train', 'test')]
    results = sweep([model], *splits, 2, ProbeTraining(epochs=1, min_steps=0), 0.25)
    return [(result.cell, result.held_out.tolist(), result.test.tolist()) for result in results]


def work(rank, folder, config):
    (folder / f'rank{rank}.txt').write_text(repr(result_of(config, folder / 'two')))


def test_two_processes_give_the_result_of_one(face_config, tmp_path):
    run_in_two_processes(work, tmp_path, face_config())
    one = repr(result_of(face_config(), tmp_path / 'one'))
    assert [(tmp_path / f'rank{rank}.txt').read_text() for rank in (0, 1)] == [one, one]

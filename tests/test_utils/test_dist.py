# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import os

import pytest
import torch.distributed as dist
from mmengine.config import Config

from mmdiffrep.utils.dist import close_dist, setup_dist


@pytest.fixture
def groups(monkeypatch):
    """Records the process groups that are started; the machine has no accelerator."""
    started = []
    monkeypatch.setattr('mmdiffrep.utils.dist.get_device', lambda: 'cpu')
    monkeypatch.setattr(dist, 'init_process_group', started.append)
    monkeypatch.setattr(os, 'environ', {'PATH': os.environ['PATH']})
    return started


def place(rank, world_size, local_rank, names):
    os.environ.update(zip(names, map(str, (rank, world_size, local_rank))))


def test_one_process_changes_nothing(groups):
    cfg = Config(dict())
    setup_dist(cfg, 'none')
    assert not groups and dict(cfg) == {}


def test_accelerators_are_left_to_mmengine(groups, monkeypatch):
    monkeypatch.setattr('mmdiffrep.utils.dist.get_device', lambda: 'cuda')
    cfg = Config(dict())
    setup_dist(cfg, 'pytorch')
    assert not groups and dict(cfg) == {}


@pytest.mark.parametrize(
    ('launcher', 'names'),
    [
        ('pytorch', ('RANK', 'WORLD_SIZE', 'LOCAL_RANK')),
        ('slurm', ('SLURM_PROCID', 'SLURM_NTASKS', 'SLURM_LOCALID')),
        (
            'mpi',
            (
                'OMPI_COMM_WORLD_RANK',
                'OMPI_COMM_WORLD_SIZE',
                'OMPI_COMM_WORLD_LOCAL_RANK',
            ),
        ),
    ],
)
def test_rank_of_each_launcher(groups, launcher, names):
    place(3, 4, 1, names)
    os.environ['MASTER_ADDR'] = 'first'
    setup_dist(Config(dict()), launcher)
    assert groups == ['gloo']
    expected = {'RANK': '3', 'WORLD_SIZE': '4', 'LOCAL_RANK': '1', 'MASTER_ADDR': 'first'}
    assert expected.items() <= os.environ.items() and os.environ['MASTER_PORT'] == '29500'


def test_slurm_takes_the_first_host(groups, tmp_path):
    scontrol = tmp_path / 'scontrol'
    scontrol.write_text('#!/bin/sh\necho node7\necho node8\n')
    scontrol.chmod(0o755)
    os.environ.update(PATH=f'{tmp_path}:{os.environ["PATH"]}', SLURM_NODELIST='node[7-8]')
    place(0, 2, 0, ('SLURM_PROCID', 'SLURM_NTASKS', 'SLURM_LOCALID'))
    setup_dist(Config(dict()), 'slurm')
    assert os.environ['MASTER_ADDR'] == 'node7'


def test_wrapper_keeps_what_the_config_says(groups):
    place(0, 1, 0, ('RANK', 'WORLD_SIZE', 'LOCAL_RANK'))
    cfg = Config(dict(model_wrapper_cfg=dict(static_graph=True), find_unused_parameters=True))
    setup_dist(cfg, 'pytorch')
    assert cfg.model_wrapper_cfg == dict(
        type='MMDistributedDataParallel',
        broadcast_buffers=False,
        find_unused_parameters=True,
        static_graph=True,
        device_ids=None,
    )


def test_missing_launcher_is_an_error_that_names_it(groups):
    with pytest.raises(RuntimeError, match=r'RANK, WORLD_SIZE, LOCAL_RANK not set.*dist_train.sh'):
        setup_dist(Config(dict()), 'pytorch')


def test_process_group_is_left_at_the_end(tmp_path):
    close_dist()  # nothing to leave
    dist.init_process_group('gloo', init_method=f'file://{tmp_path}/group', rank=0, world_size=1)
    close_dist()
    assert not dist.is_initialized()

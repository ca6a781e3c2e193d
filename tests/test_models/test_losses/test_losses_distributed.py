# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Losses that relate the images of a batch: two gloo processes against one with all images."""

import os

import pytest
import torch
from torch import distributed, nn

from mmdiffrep.models.losses import ContrastiveLoss, RelationalLoss
from mmdiffrep.testing import run_in_two_processes

PER_RANK = 3
LOSSES = {'contrastive': ContrastiveLoss, 'relational': RelationalLoss}


def data():
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(shape, generator=generator) for shape in ((6, 3, 4, 4), (6, 5, 2, 2))]


def student():
    torch.manual_seed(2)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.Tanh(), nn.Conv2d(4, 5, 1))


def work(rank, folder):
    own = slice(rank * PER_RANK, (rank + 1) * PER_RANK)
    images, teacher = (part[own] for part in data())
    for name, loss in LOSSES.items():
        model = nn.parallel.DistributedDataParallel(student())
        value = loss()(model(images), teacher)
        value.backward()
        grads = [param.grad for param in model.parameters()]
        torch.save((value.detach(), grads), f'{folder}/{name}{rank}.pth')
    # A rank of one image still has the other's as its negatives.
    ContrastiveLoss()(torch.randn(1, 5, 2, 2), torch.randn(1, 5, 2, 2))
    distributed.destroy_process_group()
    # At once: in a fork, taking DDP apart may wait for threads that are not there.
    os._exit(0)


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp('ranks')
    run_in_two_processes(work, str(path))
    return path


@pytest.mark.parametrize('name', LOSSES)
def test_two_processes_equal_one_with_all_images(folder, name):
    values, grads = zip(*[torch.load(folder / f'{name}{rank}.pth') for rank in (0, 1)])
    images, teacher = data()
    model = student()
    expected = LOSSES[name]()(model(images), teacher)
    expected.backward()
    torch.testing.assert_close(sum(values) / 2, expected.detach())
    for first, second, param in zip(*grads, model.parameters()):
        assert torch.equal(first, second)
        torch.testing.assert_close(first, param.grad, rtol=1e-4, atol=1e-5)

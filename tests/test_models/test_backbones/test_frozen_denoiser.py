# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""What checkpoints hold of a frozen denoiser, and how a model holds it."""

import copy
import json
import logging

import pytest
import torch
from torch import nn

from mmdiffrep.diffusion import load_denoiser
from mmdiffrep.models.backbones.frozen_denoiser import (
    UntrackedModule,
    check_fingerprint,
    denoiser_fingerprint,
)
from mmdiffrep.testing import tiny_teacher


def frozen(seed=0, precision=None):
    torch.manual_seed(seed)
    return load_denoiser(tiny_teacher()).freeze().compute_in(precision)


def test_a_fingerprint_is_a_tensor_that_names_the_weights():
    denoiser = frozen()
    record = denoiser_fingerprint(denoiser)
    assert record.dtype == torch.uint8
    assert json.loads(bytes(record.tolist())) == dict(
        denoiser=denoiser.source, weights_hash=denoiser.weights_hash, precision='float32'
    )
    check_fingerprint(record, denoiser.truncate(['mid']))


def test_other_weights_are_refused():
    with pytest.raises(ValueError, match='made with the frozen denoiser UNet2DModel'):
        check_fingerprint(denoiser_fingerprint(frozen()), frozen(seed=1))


def test_another_precision_is_said(caplog):
    record = denoiser_fingerprint(frozen(precision='bfloat16'))
    with caplog.at_level(logging.WARNING):
        check_fingerprint(record, frozen(precision='bfloat16').settle_precision())
        assert not caplog.records
        check_fingerprint(record, frozen())
    assert 'features in bfloat16, here they are computed in float32' in caplog.text


def test_a_record_without_precision_is_taken():
    denoiser = frozen()
    old = dict(denoiser=denoiser.source, weights_hash=denoiser.weights_hash)
    check_fingerprint(torch.tensor(list(json.dumps(old).encode())), denoiser)


def test_the_holder_does_not_own_the_module():
    holder = nn.Module()
    holder.hidden = UntrackedModule(nn.Linear(2, 2).eval())
    assert not list(holder.parameters()) and not holder.state_dict()
    holder.train()
    assert not holder.hidden.module.training
    twin = copy.deepcopy(holder)
    assert twin.hidden.module is holder.hidden.module
    assert torch.equal(twin.hidden.module.weight, holder.hidden.module.weight)

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""What checkpoints hold of a frozen denoiser."""

import json

import pytest
import torch

from mmdiffrep.diffusion import load_denoiser
from mmdiffrep.models.backbones.denoiser_record import check_record, record_of
from mmdiffrep.testing import tiny_teacher


def test_a_record_is_a_tensor_that_names_the_weights():
    denoiser = load_denoiser(tiny_teacher())
    record = record_of(denoiser)
    assert record.dtype == torch.uint8
    assert json.loads(bytes(record.tolist())) == dict(
        denoiser=denoiser.source, weights_hash=denoiser.weights_hash
    )
    check_record(record, denoiser.truncate(['mid']))


def test_other_weights_are_refused():
    record = record_of(load_denoiser(tiny_teacher()))
    with pytest.raises(ValueError, match='made with the frozen denoiser UNet2DModel'):
        check_record(record, load_denoiser(tiny_teacher()))

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import torch

from mmdiffrep.diffusion.denoisers import load_denoiser
from mmdiffrep.testing import tiny_teacher

pytest.importorskip('werkzeug')


def picture(seed, height=24, width=32):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.fixture
def session():
    from mmdiffrep.app import PageSession

    torch.manual_seed(0)
    return PageSession(load_denoiser(tiny_teacher()), picture(0), picture(1, 20, 20), size=16)

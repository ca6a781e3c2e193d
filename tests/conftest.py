# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Every test starts from the same seed, on one thread, and without a network."""

import os
import random

# Before torch, numpy and the hub's client are imported: they read these once.
os.environ['OMP_NUM_THREADS'] = '1'
os.environ['HF_HUB_OFFLINE'] = '1'
os.environ['TRANSFORMERS_OFFLINE'] = '1'
os.environ['HF_HUB_DISABLE_TELEMETRY'] = '1'

import cv2
import numpy as np
import pytest
import torch
from hypothesis import settings
from mmengine.utils import ManagerMixin

torch.set_num_threads(1)
cv2.setNumThreads(1)
settings.register_profile('mmdiffrep', deadline=None, derandomize=True)
settings.load_profile('mmdiffrep')


@pytest.fixture(autouse=True)
def same_seed():
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def no_leftovers_of_other_runs():
    """mmengine keeps loggers and visualizers by name and second: the next test gets its own."""
    yield
    classes = [ManagerMixin]
    while classes:
        cls = classes.pop()
        cls._instance_dict.clear()
        classes.extend(cls.__subclasses__())

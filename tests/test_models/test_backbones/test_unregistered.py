# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import copy

import torch
from torch import nn

from mmdiffrep.models.backbones.unregistered import Unregistered


def test_the_holder_does_not_own_the_module():
    holder = nn.Module()
    holder.hidden = Unregistered(nn.Linear(2, 2).eval())
    assert not list(holder.parameters()) and not holder.state_dict()
    holder.train()
    assert not holder.hidden.module.training
    twin = copy.deepcopy(holder)
    assert twin.hidden.module is holder.hidden.module
    assert torch.equal(twin.hidden.module.weight, holder.hidden.module.weight)

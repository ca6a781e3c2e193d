# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from mmdiffrep.engine.not_finite import check_parameters, stop_run


def test_sound_parameters_pass(tmp_path):
    check_parameters(SimpleNamespace(work_dir=str(tmp_path)), nn.Linear(2, 3), 4, 'model')


@pytest.mark.parametrize('value', [float('nan'), float('inf')])
def test_the_first_bad_parameter_and_its_owner_are_named(tmp_path, value):
    module = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    with torch.no_grad():
        module[1].weight[0, 1] = value
        module[1].bias[0] = value
    message = (
        r'iteration 4: parameters of the distiller are not finite: 1\.weight \(2 in all\).*no check'
    )
    with pytest.raises(FloatingPointError, match=message):
        check_parameters(SimpleNamespace(work_dir=str(tmp_path)), module, 4, 'distiller')


def test_the_last_checkpoint_is_named(tmp_path):
    torch.save(dict(), tmp_path / 'iter_2.pth')
    (tmp_path / 'last_checkpoint').write_text(str(tmp_path / 'iter_2.pth'))
    with pytest.raises(FloatingPointError, match=r'^loss is nan\. .*iter_2\.pth'):
        stop_run(SimpleNamespace(work_dir=str(tmp_path)), 'loss is nan')

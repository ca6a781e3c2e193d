# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
import torch

from mmdiffrep.apis.run_in_host import _Blocker, tensors_in


def test_tensors_of_nested_outputs_come_in_order():
    a, b, c = (torch.full((1,), float(value)) for value in range(3))
    assert all(map(torch.equal, tensors_in((a, [b, (c,)])), (a, b, c)))
    assert tensors_in(a) == [a] and tensors_in(()) == []


@pytest.mark.parametrize('name', ['mmdiffrep', 'mmdiffrep.models.losses'])
def test_the_package_cannot_be_imported(name):
    with pytest.raises(ImportError, match=f'the exported student must not need {name}$'):
        _Blocker().find_spec(name)


def test_other_packages_are_left_to_the_other_finders():
    assert _Blocker().find_spec('mmdiffrep_of_mine') is None
    assert _Blocker().find_spec('torch') is None

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Weights by the names that mmengine knows."""

import pytest

from mmdiffrep.utils.checkpoint_names import PREFIXES, place_of


def test_a_known_name_is_an_address():
    assert 'torchvision://' in PREFIXES
    assert place_of('torchvision://resnet50').startswith('https://')


def test_an_unknown_name_has_near_ones():
    with pytest.raises(ValueError, match=r"knows no weights 'torchvision://resnet5'.*resnet50"):
        place_of('torchvision://resnet5')

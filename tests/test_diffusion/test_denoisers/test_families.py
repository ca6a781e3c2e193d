# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import subprocess
import sys

import pytest

import mmdiffrep.diffusion
import mmdiffrep.diffusion.denoisers
from mmdiffrep.diffusion import UNet2DDenoiser, register_family
from mmdiffrep.diffusion.denoisers.families import FAMILIES, find_family

NAMES = tuple(FAMILIES)


@pytest.mark.parametrize('name', NAMES)
def test_every_family_is_found_by_its_name(name):
    family = find_family(f'mmdiffrep.{name}')
    assert family.__name__ == name
    assert getattr(mmdiffrep.diffusion, name) is family


def test_names_of_shipped_families_are_taken():
    other = type('UNet2DDenoiser', (UNet2DDenoiser,), {})
    with pytest.raises(ValueError, match="another family 'UNet2DDenoiser'"):
        register_family(other)


@pytest.mark.parametrize('package', [mmdiffrep.diffusion, mmdiffrep.diffusion.denoisers])
def test_every_public_name_can_be_imported(package):
    for name in package.__all__:
        assert getattr(package, name) is not None
        assert name in dir(package)
    with pytest.raises(AttributeError, match="no attribute 'ADMDenoisr'"):
        _ = package.ADMDenoisr


def test_one_family_does_not_import_the_others():
    code = (
        'import sys; from mmdiffrep.diffusion.denoisers.families import find_family; '
        "find_family('UNet2DDenoiser'); "
        "print(*[name for name in ('adm', 'dit', 'mmdit', 'from_folder') "
        "if f'mmdiffrep.diffusion.denoisers.{name}' in sys.modules])"
    )
    shown = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    assert shown.stdout.split() == []

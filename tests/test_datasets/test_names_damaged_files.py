# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest

from mmdiffrep.testing.damaged_files import damage


@pytest.mark.parametrize('kind', ['images', 'masks'])
@pytest.mark.parametrize('share', [0, 0.5])
def test_empty_and_cut_files_are_named(pictures, checked, kind, share):
    path = next((pictures / kind).glob('a.*'))
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises((ValueError, AssertionError), match=rf'{kind}/a\.'):
        checked()[0]


def test_bombs_are_named(pictures, checked):
    damage(pictures / 'masks' / 'a.png', 'bomb')
    with pytest.raises(ValueError, match=r'masks/a\.png'):
        checked()[0]

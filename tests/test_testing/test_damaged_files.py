# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import os
import stat

import pytest
from PIL import Image

from mmdiffrep.testing.damaged_files import CONTENTS, DAMAGES, damage


@pytest.mark.parametrize('kind', CONTENTS)
def test_contents_are_other_than_before(tmp_path, kind):
    path, whole = tmp_path / 'file', bytes(range(1, 101))
    path.write_bytes(whole)
    damage(path, kind)
    assert path.read_bytes() != whole


def test_lengths_and_places_of_damaged_bytes():
    whole = bytes(range(1, 101))
    assert len(CONTENTS['cut half'](whole)) == 50 and len(CONTENTS['cut at 90 %'](whole)) == 90
    zeroed = CONTENTS['zeroed middle'](whole)
    assert [place for place in range(100) if zeroed[place] == 0] == list(range(33, 66))
    assert CONTENTS['all zero'](whole) == bytes(100)


def test_the_bomb_is_small_and_claims_to_be_huge(tmp_path):
    path = tmp_path / 'image.png'
    path.write_bytes(CONTENTS['bomb'](b''))
    assert path.stat().st_size < 1000
    with pytest.raises(Image.DecompressionBombError, match='3600000000 pixels'):
        Image.open(path)


def test_what_is_no_file_any_more(tmp_path):
    kinds = [kind for kind in DAMAGES if kind not in CONTENTS]
    for kind in kinds:
        (tmp_path / kind).write_bytes(b'content')
        damage(tmp_path / kind, kind)
    assert sorted(kinds) == ['dangling link', 'folder', 'missing', 'pipe']
    assert stat.S_ISFIFO((tmp_path / 'pipe').stat().st_mode)
    assert (tmp_path / 'folder').is_dir() and not os.path.lexists(tmp_path / 'missing')
    assert os.path.lexists(tmp_path / 'dangling link') and not (tmp_path / 'dangling link').exists()

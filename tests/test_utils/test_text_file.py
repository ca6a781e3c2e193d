# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmdiffrep.utils.text_file import listable, read_names, read_text


@pytest.mark.parametrize('encoding', ['utf-8', 'utf-8-sig', 'utf-16'])
@pytest.mark.parametrize('end', ['\n', '\r\n', '\r'])
def test_what_editors_write_is_read(tmp_path, encoding, end):
    path = tmp_path / 'names.txt'
    path.write_bytes(end.join(['a b', '', "d'ö,e", ' ', 'c"', '']).encode(encoding))
    assert read_names(path) == ['a b', "d'ö,e", 'c"']


@given(names=st.lists(st.text().filter(listable)))
def test_listable_names_are_read_back(tmp_path_factory, names):
    path = tmp_path_factory.mktemp('lists') / 'names.txt'
    path.write_bytes(''.join(f'{name}\n' for name in names).encode())
    assert read_names(path) == names


@pytest.mark.parametrize('name', ['', ' a', 'a\t', 'a\nb', 'a\rb', 'a\udcff'])
def test_other_names_are_not_listable(name):
    assert not listable(name)


def test_files_that_are_not_text_are_named(tmp_path):
    path = tmp_path / 'names.txt'
    path.write_bytes(b'ab\xff')
    with pytest.raises(ValueError, match=r'names\.txt is not UTF-8 text .*byte 2'):
        read_text(path)
    os.mkfifo(tmp_path / 'pipe')
    with pytest.raises(ValueError, match='pipe is not a regular file'):
        read_text(tmp_path / 'pipe')

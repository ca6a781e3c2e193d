# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import os

import pytest

from mmdiffrep.utils.existing_files import require_file, require_files


def test_a_file_is_returned_as_it_was_given(tmp_path):
    path = tmp_path / 'a.txt'
    path.write_text('')
    assert require_file(path) is path and require_file(str(path)) == str(path)


def test_a_missing_file_is_named_with_the_advice(tmp_path):
    with pytest.raises(FileNotFoundError, match=r'b\.txt does not exist\. Fetch it\.$'):
        require_file(tmp_path / 'b.txt', 'Fetch it.')


def test_missing_files_are_counted_and_the_first_are_named(tmp_path):
    for name in ('a', 'b'):
        (tmp_path / name).write_text('')
    require_files([tmp_path / 'a', str(tmp_path / 'b')], 'the list')
    names = ['a', 'c', 'd', 'e', 'f', 'no_such_folder/a']
    message = r"(?s)5 files named by the list .*c'.*d'.*e'\]\. Get them\.$"
    with pytest.raises(FileNotFoundError, match=message) as raised:
        require_files((tmp_path / name for name in names), 'the list', 'Get them.')
    assert 'f' + "'" not in str(raised.value)


def test_relative_paths_and_what_is_not_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'a').write_text('')
    os.mkfifo(tmp_path / 'pipe')
    (tmp_path / 'folder').mkdir()
    require_files(['a'], 'x')
    for name in ('pipe', 'folder'):
        with pytest.raises(FileNotFoundError, match=name):
            require_files([name], 'x')

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import errno
import os

import pytest
from mmengine.fileio import get_file_backend

from mmdiffrep.testing.file_faults import FileFault
from mmdiffrep.utils.atomic_file import remove_incomplete, replace_files, write_atomically

# opening, second half of the bytes, syncing the file, renaming it, syncing the folder
OPERATIONS = 5


def test_writes_and_leaves_nothing_else(tmp_path):
    write_atomically(b'new', tmp_path / 'made' / 'file')
    assert (tmp_path / 'made' / 'file').read_bytes() == b'new'
    assert os.listdir(tmp_path / 'made') == ['file']


def test_counts_the_operations(tmp_path):
    # the tests below walk over all of them
    fault = FileFault()
    with fault.installed():
        write_atomically(b'12', tmp_path / 'file')
    assert fault.count == OPERATIONS


@pytest.mark.parametrize('operation', range(1, OPERATIONS + 1))
def test_killed_process_leaves_the_old_or_the_new_file(tmp_path, operation):
    path = tmp_path / 'file'
    path.write_bytes(b'old')
    child = os.fork()
    if child == 0:
        with FileFault(operation).installed():
            write_atomically(b'newer', path)
        os._exit(0)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == 9
    assert path.read_bytes() == (b'old' if operation <= 4 else b'newer')

    leftovers = remove_incomplete(tmp_path)
    assert leftovers == (['.file.incomplete'] if operation in (2, 3, 4) else [])
    assert os.listdir(tmp_path) == ['file']


@pytest.mark.parametrize('operation', range(1, OPERATIONS))
def test_full_disk_keeps_the_old_file_and_says_so(tmp_path, operation):
    path = tmp_path / 'file'
    path.write_bytes(b'old')
    with FileFault(operation, full_disk=True).installed(), pytest.raises(OSError) as error:
        write_atomically(b'newer', path)
    assert error.value.errno == errno.ENOSPC
    for part in (str(path), 'No space left', 'The earlier file is intact', 'Free some space'):
        assert part in str(error.value)
    assert path.read_bytes() == b'old'
    assert os.listdir(tmp_path) == ['file']


def _export(folder, content):
    with replace_files(folder) as temporary:
        (temporary / 'part').mkdir()
        for name in ('a', 'part/b'):
            (temporary / name).write_text(content)


def test_files_of_a_folder_are_replaced_together_and_others_stay(tmp_path):
    folder = tmp_path / 'export'
    _export(folder, 'old')
    (folder / 'mine').touch()
    _export(folder, 'new')
    assert [(folder / name).read_text() for name in ('a', 'part/b', 'mine')] == ['new', 'new', '']
    assert os.listdir(tmp_path) == ['export']


@pytest.mark.parametrize('operation', range(1, 5))  # opening and syncing of two files
def test_killed_export_leaves_the_old_files(tmp_path, operation):
    folder = tmp_path / 'export'
    _export(folder, 'old')
    child = os.fork()
    if child == 0:
        with FileFault(operation).installed():
            _export(folder, 'new')
        os._exit(0)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == 9
    assert [(folder / name).read_text() for name in ('a', 'part/b')] == ['old', 'old']
    assert remove_incomplete(tmp_path) == ['.export.incomplete']
    assert os.listdir(tmp_path) == ['export']


def test_missing_folder_has_no_leftovers(tmp_path):
    assert remove_incomplete(tmp_path / 'missing') == []


def test_backend_of_mmengine_writes_through_it(tmp_path):
    backend = get_file_backend(backend_args=dict(backend='atomic_local'))
    (tmp_path / 'bytes').write_bytes(b'old')
    with FileFault(3, full_disk=True).installed(), pytest.raises(OSError):
        backend.put(b'newer', str(tmp_path / 'bytes'))
    assert (tmp_path / 'bytes').read_bytes() == b'old'
    backend.put_text('grün', str(tmp_path / 'text'))
    assert backend.get_text(str(tmp_path / 'text')) == 'grün'

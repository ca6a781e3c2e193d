# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import errno
import multiprocessing
import signal

import pytest

from mmdiffrep.testing.file_faults import FileFault
from mmdiffrep.utils import atomic_file
from mmdiffrep.utils.atomic_file import write_atomically

OPERATIONS = 5  # open, write, sync the file, rename, sync the folder


def test_counts_and_lets_pass(tmp_path):
    fault = FileFault()
    with fault.installed():
        write_atomically(b'content', tmp_path / 'file')
    assert fault.count == OPERATIONS
    assert (tmp_path / 'file').read_bytes() == b'content'
    write_atomically(b'other', tmp_path / 'file')
    assert fault.count == OPERATIONS  # outside of the context nothing is counted
    assert 'open' not in vars(atomic_file)


@pytest.mark.parametrize('operation', range(1, OPERATIONS + 1))
def test_full_disk_strikes_at_the_operation(tmp_path, operation):
    fault = FileFault(operation, full_disk=True)
    with fault.installed(), pytest.raises(OSError) as error:
        write_atomically(b'content', tmp_path / 'file')
    assert error.value.errno == errno.ENOSPC
    assert fault.count == operation
    assert (tmp_path / 'file').exists() == (operation == OPERATIONS)


def _write_and_die(path: str) -> None:
    with FileFault(2).installed():
        write_atomically(b'content', path)


def test_kill_leaves_half_a_file_under_another_name(tmp_path):
    context = multiprocessing.get_context('fork')
    process = context.Process(target=_write_and_die, args=(str(tmp_path / 'file'),))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert [path.name for path in tmp_path.iterdir()] == ['.file.incomplete']
    assert (tmp_path / '.file.incomplete').read_bytes() == b'con'

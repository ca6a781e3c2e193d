# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import logging
import os
import signal
import time

import pytest

from mmdiffrep.utils.folder_lock import locked_folder


@pytest.fixture
def holder(tmp_path):
    """A process that holds the lock of ``tmp_path``."""
    child = os.fork()
    if child == 0:
        with locked_folder(tmp_path):
            (tmp_path / 'held').touch()
            time.sleep(1)
        (tmp_path / 'freed').touch()
        time.sleep(60)
        os._exit(0)
    while not (tmp_path / 'held').exists():
        time.sleep(0.01)
    yield child
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def test_waits_for_the_other_process(holder, tmp_path, caplog):
    with caplog.at_level(logging.WARNING), locked_folder(tmp_path):
        time.sleep(0.1)
        assert (tmp_path / 'freed').exists()
    assert caplog.text.count('waiting for it') == 1


def test_death_of_the_other_process_frees_it(holder, tmp_path):
    os.kill(holder, signal.SIGKILL)
    with locked_folder(tmp_path):
        assert not (tmp_path / 'freed').exists()


def test_is_free_again_after_an_error(tmp_path):
    with pytest.raises(KeyError), locked_folder(tmp_path):
        raise KeyError
    with locked_folder(tmp_path):
        pass


def test_missing_folder_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match='nowhere'), locked_folder(tmp_path / 'nowhere'):
        pass

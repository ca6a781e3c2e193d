# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Two runs in one work directory."""

import os

import pytest


def test_a_second_run_in_the_same_work_dir_is_refused(train, call_at, tmp_path, monkeypatch):
    monkeypatch.setattr('mmdiffrep.utils.folder_lock._WAIT_FOR_KILLED', 0.1)
    incomplete = tmp_path / '.iter_2.pth.incomplete'

    def start_second():
        incomplete.touch()
        with pytest.raises(RuntimeError, match=rf'Another run is in .*process {os.getpid()} '):
            train(tmp_path, length=2)
        assert incomplete.exists()

    train(tmp_path, hooks=[call_at(0, start_second)], length=2)
    train(tmp_path, length=3)  # the first one has ended


def test_a_failed_run_frees_the_work_dir(train, call_at, tmp_path, monkeypatch):
    monkeypatch.setattr('mmdiffrep.utils.folder_lock._WAIT_FOR_KILLED', 0.1)

    def fail():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        train(tmp_path, hooks=[call_at(1, fail)])
    train(tmp_path, length=2)

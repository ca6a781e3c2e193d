# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest

from mmdiffrep.utils import fail_together as module
from mmdiffrep.utils.fail_together import fail_together


def test_own_failure_is_raised_as_it_is():
    with pytest.raises(FileNotFoundError, match='gone'), fail_together():
        raise FileNotFoundError('gone')


def test_failure_without_a_text_is_told_too(monkeypatch):
    told = []
    monkeypatch.setattr(module, 'all_gather_object', lambda own: told.append(own) or told)
    with pytest.raises(MemoryError), fail_together():
        raise MemoryError
    assert told == ['MemoryError()']


def test_failure_of_another_process_is_raised(monkeypatch):
    monkeypatch.setattr(module, 'all_gather_object', lambda own: [own, None, 'disk full'])
    with pytest.raises(RuntimeError, match='Process 2 failed: disk full'), fail_together():
        pass


def test_nothing_happens_without_a_failure():
    with fail_together():
        done = True
    assert done

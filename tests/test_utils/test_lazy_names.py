# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import sys
import types

import pytest

from mmdiffrep.utils.lazy_names import lazy_names


def test_names_are_imported_when_they_are_used(monkeypatch):
    package = types.ModuleType('some_package')
    monkeypatch.setitem(sys.modules, 'some_package', package)
    package.__getattr__, package.__dir__ = lazy_names('some_package', {'sqrt': 'math'})
    assert 'sqrt' in dir(package)
    assert package.sqrt(4.0) == 2.0
    with pytest.raises(AttributeError, match="module 'some_package' has no attribute 'cbrt'"):
        _ = package.cbrt

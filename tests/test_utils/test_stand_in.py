# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import subprocess
import sys


def test_without_mmseg_the_package_imports_and_the_dataset_says_what_to_install():
    script = """
import importlib.util
find_spec = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == 'mmseg' else find_spec(name, *rest)
from mmdiffrep.registry import DATASETS
from mmdiffrep.testing.damaged_files import damage
try:
    DATASETS.build(dict(type='mmdiffrep.CelebAMaskHQDataset', data_root='data'))
except ImportError as error:
    print(error)
"""
    output = subprocess.run(
        [sys.executable, '-c', script], capture_output=True, text=True, check=True
    ).stdout
    assert "pip install --no-build-isolation -e '.[seg]'" in output

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]


@pytest.mark.slow
@pytest.mark.parametrize(
    'group',
    [
        *('images', 'masks and lists', 'landmark', 'prepare', 'options'),
        *('models', 'recipes', 'hooks: '),
    ],
)
def test_no_bad_file_or_option_hangs_or_passes_silently(group):
    done = subprocess.run(
        [sys.executable, 'tools/benchmarks/bad_input.py', '--only', group],
        cwd=REPOSITORY,
        env={**os.environ, 'PYTHONPATH': str(REPOSITORY)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    assert 'unclear ' not in done.stdout.split('| what')[0], done.stdout

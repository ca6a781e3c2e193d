# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Two configs of one name would share work_dirs/NAME, and resume from each other."""

from collections import Counter
from pathlib import Path

CONFIGS = Path(__file__).parents[2] / 'configs'


def test_no_two_configs_have_one_name():
    names = Counter(path.stem for path in CONFIGS.glob('*/**/*.py') if '_base_' not in path.parts)
    assert [name for name, count in names.items() if count > 1] == []

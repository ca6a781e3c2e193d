# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import os
import time

import pytest

from mmdiffrep.testing.bad_input import Case, judge, run_case, table


def case(run, expect='error'):
    return Case('group', 'name', run, ('lr', 'a.png'), expect)


def fail(error):
    def run(_):
        raise error

    return run


def warn(text):
    return lambda _: os.write(2, f'WARNING {text}\n'.encode())


@pytest.mark.parametrize(
    ('run', 'expect', 'verdict'),
    [
        (fail(ValueError('lr must be positive, got -1')), 'error', 'clear'),
        (fail(ValueError('expected something else here')), 'error', 'unclear'),
        (fail(KeyError('lr')), 'error', 'unclear'),
        (fail(AttributeError("'str' object has no attribute 'lr'")), 'error', 'unclear'),
        (lambda _: None, 'error', 'silently wrong'),
        (lambda _: None, 'ok', 'right'),
        (lambda _: None, 'any', 'right'),
        (fail(ValueError('a.png is cut in half')), 'any', 'clear'),
        (warn('a.png is odd'), 'error', 'clear'),
        (warn('something is odd'), 'error', 'silently wrong'),
        (lambda _: time.sleep(30), 'error', 'hang or crash'),
        (lambda _: os.abort(), 'error', 'hang or crash'),
    ],
)
def test_verdicts(run, expect, verdict):
    tried = case(run, expect)
    assert judge(tried, run_case(tried, timeout=1)) == verdict


def test_cases_work_in_a_folder_of_their_own():
    def run(folder):
        assert not list(folder.iterdir())
        (folder / 'left over').write_text('')

    for _ in range(2):
        assert run_case(case(run), timeout=5).kind == 'ok'


def test_the_table_counts_by_group():
    text = table([('a', 'clear'), ('a', 'right'), ('b', 'clear')])
    assert '| a | 2 | 1 | 0 | 0 | 0 | 1 |' in text
    assert '| **sum** | 3 | 2 | 0 | 0 | 0 | 1 |' in text

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import os
import time

import pytest

from mmdiffrep.testing.bad_input import Case, judge, run_case, table


def case(run, expect='error', given=()):
    return Case('group', 'name', run, ('lr', 'a.png'), expect, given)


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
        (fail(ValueError('a.png is cut in half: replace it')), 'any', 'clear'),
        (warn('a.png is odd'), 'error', 'clear'),
        (warn('something is odd'), 'error', 'silently wrong'),
        (lambda _: time.sleep(30), 'error', 'hang or crash'),
        (lambda _: os.abort(), 'error', 'hang or crash'),
    ],
)
def test_verdicts(run, expect, verdict):
    tried = case(run, expect)
    assert judge(tried, run_case(tried, timeout=1)) == verdict


@pytest.mark.parametrize(
    ('message', 'verdict'),
    [
        ("lr must be a number, got 'abc' (str)", 'clear'),
        ("lr must be a number, not 'abd'", 'unclear'),  # what was given is not shown
        ("'abc' is wrong: a number is expected", 'unclear'),  # of which key
        ("lr is 'abc', which is wrong", 'unclear'),  # what is right
        ("lr: 'abc' object is not callable, expected a number", 'unclear'),  # Python's own
    ],
)
def test_a_clear_message_names_the_key_what_was_given_and_what_is_expected(message, verdict):
    tried = case(fail(ValueError(message)), given=("'abc'",))
    assert judge(tried, run_case(tried, timeout=5)) == verdict


def test_near_names_that_the_commands_print_count():
    message = "RepFusionHook.__init__() got an unexpected keyword argument 'techer'"
    tried = Case('group', 'name', fail(TypeError(message)), ('techer',))
    assert judge(tried, run_case(tried, timeout=5)) == 'clear'


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

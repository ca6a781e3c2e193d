# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest

from mmdiffrep.apis.ledgers import Trial, gain, ledger_table


def trials(student, scores, **seconds):
    return [Trial(student, seed, score, **seconds) for seed, score in enumerate(scores)]


PLAIN = trials('scratch', [30.0, 31.0, 32.0], finetune=60)
LONG = trials('scratch, long', [34.0, 35.0, 36.0], finetune=130)
TAUGHT = trials('taught', [33.0, 34.1, 34.9], finetune=60, distill=70, teacher=1000)


def test_gain_is_paired_by_seed():
    found = gain(PLAIN + TAUGHT, 'taught', 'scratch')
    assert found.mean == pytest.approx(3.0) and found.seeds == 3
    assert found.spread == pytest.approx(0.1)
    assert found.noise == pytest.approx(4.3027 * 0.1 / 3**0.5, rel=1e-4)
    assert str(found) == '+3.00 ± 0.10'


def test_a_small_difference_is_within_noise():
    other = trials('other', [30.5, 30.5, 32.5], finetune=60)
    assert str(gain(PLAIN + other, 'other', 'scratch')) == '+0.17 ± 0.58, within noise'


def test_only_common_seeds_count():
    other = [Trial('other', 2, 35.0, 60), Trial('other', 7, 99.0, 60)]
    assert str(gain(PLAIN + other, 'other', 'scratch')) == '+3.00 (one seed)'
    assert gain(PLAIN + other[1:], 'other', 'scratch') is None


def test_three_ledgers():
    table = ledger_table(PLAIN + LONG + TAUGHT, ['scratch', 'scratch, long']).splitlines()
    cells = [cell.strip() for cell in table[-1].strip('|').split('|')]
    assert cells[:4] == ['taught', '34.00 ± 0.95 (n = 3)', '+3.00 ± 0.10', '130']
    assert cells[4] == '-1.00 ± 0.10 (scratch, long, 130 s)'
    assert cells[5] == 'not compared: the longest plain run took 130 s'


def test_a_teacher_that_many_share_costs_little():
    table = ledger_table(PLAIN + LONG + TAUGHT, ['scratch', 'scratch, long'], 100)
    assert 'with teacher / 100' in table
    assert table.splitlines()[-1].count('-1.00 ± 0.10 (scratch, long, 130 s)') == 2


def test_a_teacher_of_unknown_cost():
    taught = trials('taught', [33.0], finetune=60, distill=60)
    assert ledger_table(PLAIN + taught, ['scratch']).splitlines()[-1].endswith('| unknown |')


def test_no_plain_student():
    with pytest.raises(ValueError, match="no result of the plain student 'scratch'"):
        ledger_table(TAUGHT, ['scratch'])

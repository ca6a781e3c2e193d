# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""A comparison of runs that finds any difference: what many tests of resuming stand on."""

import copy

import pytest
import torch

from mmdiffrep.testing.compare_runs import differing_entries, digest_of_end

FINAL = dict(
    meta=dict(iter=4, time='now'),
    message_hub=dict(runtime_info=dict(best_score=0.5), log=[1.0]),
    state_dict=dict(weight=torch.tensor([1.0, 2.0])),
    optimizer=dict(state=[dict(step=4, momentum=torch.tensor([0.5]))], lr=0.1),
)


def write(folder, **changes):
    """Write a run's last and best checkpoint; changes go to places such as 'optimizer.lr'."""
    final = copy.deepcopy(FINAL)
    best = dict(state_dict=dict(weight=torch.tensor([1.0])), meta=dict(time='now'))
    for place, value in changes.items():
        *path, last = place.split('.')
        node = dict(final, best=best)
        for key in path:
            node = node[int(key) if isinstance(node, list) else key]
        node[last] = value
    folder.mkdir()
    torch.save(final, folder / 'iter_4.pth')
    torch.save(best, folder / 'best_acc_iter_4.pth')
    return str(folder)


@pytest.mark.parametrize(
    ('place', 'value', 'entry'),
    [
        ('meta.iter', 5, 'iter'),
        ('state_dict.weight', torch.tensor([1.0, 2.0 + 2**-22]), 'state_dict'),
        ('state_dict.weight', torch.tensor([1.0, 2.0]).half(), 'state_dict'),
        ('state_dict.more', torch.tensor([1.0]), 'state_dict'),
        ('optimizer.lr', 0.2, 'optimizer'),
        ('optimizer.state.0.momentum', torch.tensor([0.25]), 'optimizer'),
        ('message_hub.runtime_info.best_score', 0.25, 'best_score'),
        ('best.state_dict.weight', torch.tensor([3.0]), 'best checkpoints'),
    ],
)
def test_any_difference_is_named(tmp_path, place, value, entry):
    one, other = write(tmp_path / 'one'), write(tmp_path / 'other', **{place: value})
    assert differing_entries(one, other) == differing_entries(other, one) == [entry]
    assert digest_of_end(one) != digest_of_end(other)


def test_times_and_the_log_do_not_count(tmp_path):
    one = write(tmp_path / 'one')
    changes = {'meta.time': 'later', 'message_hub.log': [2.0], 'best.meta.time': 'later'}
    other = write(tmp_path / 'other', **changes)
    assert differing_entries(one, other) == []
    assert digest_of_end(one) == digest_of_end(other)


def test_a_missing_best_file_is_a_difference(tmp_path):
    one, other = write(tmp_path / 'one'), write(tmp_path / 'other')
    (tmp_path / 'other' / 'best_acc_iter_4.pth').unlink()
    assert differing_entries(one, other) == ['best checkpoints']

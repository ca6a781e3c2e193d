# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import math

import pytest
import torch

from mmdiffrep.models.heads import EnsembleVote, top_share_mean


def vote_of(*members):
    """Votes of members with logits (pixels, classes)."""
    members = [torch.tensor(member, dtype=torch.float) for member in members]
    vote = EnsembleVote(*members[0].shape, torch.device('cpu'))
    for member in members:
        vote.add(member)
    return vote


def test_majority_wins_over_the_mean_probability():
    # two members lean to class 1, one is sure of class 0
    vote = vote_of([[0.0, 0.1]], [[0.0, 0.1]], [[9.0, 0.0]])
    assert vote.labels().tolist() == [1]


@pytest.mark.parametrize(
    ('choices', 'winner'),
    [((2, 1), 1), ((1, 2), 1), ((2, 2, 0, 0, 1), 0), ((2, 2, 1), 2), ((0, 1, 2), 0)],
)
def test_of_equally_many_votes_the_smallest_label_wins(choices, winner):
    logits = [torch.eye(3)[[choice]].tolist() for choice in choices]
    assert vote_of(*logits).labels().tolist() == [winner]
    labels = torch.tensor(choices)
    assert torch.mode(labels).values == winner  # the official formulation


def test_identical_members_have_no_divergence():
    logits = torch.randn(50, 7, generator=torch.Generator().manual_seed(0))
    vote = vote_of(*[logits.tolist()] * 10)
    assert vote.uncertainty().min() >= 0
    assert vote.uncertainty().max() < 1e-6


def test_members_that_are_sure_of_different_labels_diverge_by_the_log_of_their_number():
    sure = 200.0
    vote = vote_of([[sure, 0, 0]], [[0, sure, 0]], [[0, 0, sure]])
    assert vote.uncertainty().item() == pytest.approx(math.log(3), abs=1e-6)


def test_divergence_by_hand():
    # p = (1/2, 1/2) and (1/4, 3/4): mean (3/8, 5/8)
    vote = vote_of([[0.0, 0.0]], [[0.0, math.log(3)]])
    entropy = lambda *ps: -sum(p * math.log(p) for p in ps)  # noqa: E731
    expected = entropy(3 / 8, 5 / 8) - (entropy(0.5, 0.5) + entropy(0.25, 0.75)) / 2
    assert vote.uncertainty().item() == pytest.approx(expected, abs=1e-6)


def test_divergence_agrees_with_torch_distributions():
    members = torch.randn(4, 30, 6, generator=torch.Generator().manual_seed(1))
    vote = vote_of(*members.tolist())
    categorical = torch.distributions.Categorical
    mean = categorical(members.softmax(-1).mean(0)).entropy()
    expected = mean - categorical(logits=members).entropy().mean(0)
    assert torch.allclose(vote.uncertainty(), expected, atol=1e-6)


@pytest.mark.parametrize(
    ('count', 'expected'), [(1, 0), (9, 8), (10, 9), (19, 18), (20, 18.5), (100, 94.5)]
)
def test_score_is_the_mean_of_the_top_tenth_and_of_one_pixel_at_least(count, expected):
    values = torch.randperm(count).float()  # 0 to count - 1 in any order
    assert top_share_mean(values).item() == expected

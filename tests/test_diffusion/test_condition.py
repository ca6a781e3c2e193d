# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import dataclasses

import pytest
import torch

from mmdiffrep.diffusion import Condition
from mmdiffrep.diffusion.condition import as_condition


@pytest.fixture
def prompts():
    """One pooled vector for all of three prompts."""
    return Condition(prompt_embeds=torch.randn(3, 5, 4), pooled_embeds=torch.randn(1, 6))


def test_rows_are_expanded_repeated_and_chosen(prompts):
    assert len(prompts) == 3
    assert len(Condition()) == len(Condition(labels=torch.tensor([2]))) == 1
    expanded = prompts.expand(3)
    assert expanded.pooled_embeds.shape == (3, 6)
    assert torch.equal(expanded.pooled_embeds[2], prompts.pooled_embeds[0])
    twice = prompts.repeat(2)
    assert torch.equal(twice.prompt_embeds, torch.cat([prompts.prompt_embeds] * 2))
    assert twice.pooled_embeds.shape == (1, 6)
    assert torch.equal(twice[3:].prompt_embeds, prompts.prompt_embeds)
    assert prompts[1:2].given.keys() == prompts.given.keys()
    single = Condition(labels=torch.tensor([7]))
    assert single.repeat(4) is single and single[2:] is single
    assert single.expand(4).labels.tolist() == [7] * 4
    with pytest.raises(ValueError, match='must be one of 1, 2, got 3'):
        prompts.expand(2)


def test_equal_values_are_equal_and_hash_alike(prompts):
    same = dataclasses.replace(prompts, prompt_embeds=prompts.prompt_embeds.clone())
    assert same == prompts and {same: 1}[prompts] == 1
    assert same.digest == prompts.digest == prompts.to('cpu').digest
    for other in (
        dataclasses.replace(prompts, pooled_embeds=prompts.pooled_embeds + 1),
        dataclasses.replace(prompts, pooled_embeds=None),
        Condition(pooled_embeds=prompts.pooled_embeds),
        Condition(time_vector=prompts.pooled_embeds),
        prompts[:2],
    ):
        assert other != prompts
    assert Condition(labels=torch.tensor([1])) != Condition(labels=torch.tensor([2]))


def test_it_cannot_be_changed_by_accident(prompts):
    with pytest.raises(dataclasses.FrozenInstanceError):
        prompts.labels = torch.tensor([0])


def test_only_floats_take_another_precision(prompts):
    half = dataclasses.replace(prompts, labels=torch.tensor([1])).to(dtype=torch.bfloat16)
    assert half.prompt_embeds.dtype == torch.bfloat16
    assert half.labels.dtype == torch.int64


def test_a_tensor_of_labels_is_a_condition():
    labels = torch.tensor([3, 1])
    assert as_condition(labels).labels is labels
    assert as_condition(None) is None
    for wrong in (torch.zeros(2), torch.zeros(2, 1, dtype=torch.long)):
        with pytest.raises(ValueError, match='integer labels or a Condition|labels must be 1'):
            as_condition(wrong)


@pytest.mark.parametrize(
    ('parts', 'message'),
    [
        (dict(prompt_embeds=torch.zeros(7, 4)), 'prompt_embeds must be 3, got 2'),
        (dict(prompt_embeds='a cat'), "must be Tensor, got 'a cat'"),
        (
            dict(labels=torch.zeros(2).long(), guidance=torch.zeros(3)),
            "one row, or as many as others: {'labels': 2, 'guidance': 3}",
        ),
    ],
)
def test_wrong_shapes(parts, message):
    with pytest.raises((TypeError, ValueError), match=message):
        Condition(**parts)

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
import torch
import torch.nn.functional as F

from mmdiffrep.matching import LabelPropagator


def official_form(feature, context, labels, radius, top_k, temperature):
    """Compare all cells with all, and mask what lies outside the window."""
    height, width = feature.shape[1:]
    target = F.normalize(feature, dim=0).flatten(1).T
    affinities = []
    place = torch.stack(
        torch.meshgrid(torch.arange(height), torch.arange(width), indexing='ij')
    ).flatten(1)
    near = ((place[:, :, None] - place[:, None]).abs() <= radius).all(0)
    for other in context:
        cosine = target @ F.normalize(other, dim=0).flatten(1)
        affinities.append(torch.exp(cosine / temperature) * near)
    affinity = torch.cat(affinities, dim=1)
    lowest = affinity.topk(top_k, dim=1).values[:, -1:]
    affinity = affinity * (affinity >= lowest)
    affinity = affinity / affinity.sum(1, keepdim=True)
    stacked = torch.cat([label.flatten(1) for label in labels], dim=1)
    return (stacked @ affinity.T).view(-1, height, width)


@pytest.mark.parametrize(('radius', 'top_k'), [(1, 3), (2, 5), (9, 7)])
def test_equals_the_comparison_of_all_cells_with_all(radius, top_k):
    frames = [torch.randn(6, 5, 7) for _ in range(4)]
    first = torch.rand(3, 5, 7).softmax(0)
    propagate = LabelPropagator(context=2, radius=radius, top_k=top_k, temperature=0.3)
    propagate.start(frames[0], first)
    masks = [first]
    for number, frame in enumerate(frames[1:], start=1):
        recent = range(max(1, number - 2), number)
        expected = official_form(
            frame,
            [frames[0], *(frames[i] for i in recent)],
            [first, *(masks[i] for i in recent)],
            radius,
            top_k,
            0.3,
        )
        masks.append(propagate(frame))
        torch.testing.assert_close(masks[-1], expected)


def test_a_still_video_keeps_its_mask():
    feature = torch.randn(32, 6, 6)
    mask = F.one_hot(torch.randint(0, 2, (6, 6)), 2).permute(2, 0, 1).float()
    propagate = LabelPropagator(top_k=1)
    propagate.start(feature, mask)
    assert all(torch.equal(propagate(feature), mask) for _ in range(3))


def test_misuse():
    propagate = LabelPropagator()
    with pytest.raises(RuntimeError, match='start'):
        propagate(torch.randn(2, 3, 3))
    with pytest.raises(ValueError, match=r'size of the map \(L, 3, 3\)'):
        propagate.start(torch.randn(2, 3, 3), torch.zeros(2, 4, 4))
    with pytest.raises(ValueError, match='top_k must be at least 1'):
        LabelPropagator(top_k=0)

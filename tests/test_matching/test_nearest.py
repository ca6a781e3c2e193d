# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
import torch
import torch.nn.functional as F

from mmdiffrep.matching import nearest, sample_vectors, similarity_maps, upsampled_norm


def upsample(feature, size):
    return F.interpolate(feature[None], size=size, mode='bilinear', align_corners=False)[0]


@pytest.mark.parametrize('size', [(37, 53), (7, 9), (5, 4), (64, 64)])
def test_norms_and_vectors_are_those_of_the_upsampled_map(size):
    feature = torch.randn(6, 7, 9, dtype=torch.float64)
    whole = upsample(feature, size)
    torch.testing.assert_close(upsampled_norm(feature, size), whole.norm(dim=0).float())
    y, x = torch.meshgrid(*(torch.arange(side) for side in size), indexing='ij')
    points = torch.stack([x.flatten(), y.flatten()], dim=1)
    expected = whole.flatten(1).T
    torch.testing.assert_close(sample_vectors(feature, points, size), expected)


def test_matches_are_those_of_the_official_form():
    source, target = torch.randn(8, 6, 6), torch.randn(8, 5, 7)
    sizes = (40, 30), (50, 61)
    points = torch.tensor([[0, 0], [29, 39], [12, 20], [7, 3]])
    found, similarity = nearest(source, target, points, *sizes, chunk=3)
    up_source, up_target = upsample(source, sizes[0]), upsample(target, sizes[1])
    for row, (x, y) in enumerate(points.tolist()):
        cosine = F.cosine_similarity(up_source[:, y, x, None, None], up_target, dim=0)
        place = int(cosine.argmax())
        assert found[row].tolist() == [place % sizes[1][1], place // sizes[1][1]]
        torch.testing.assert_close(similarity[row], cosine.max())


def test_a_point_finds_itself():
    feature = torch.randn(16, 8, 8)
    points = torch.tensor([[4.0, 4.0], [28.0, 12.0]])
    found, similarity = nearest(feature, feature, points, (32, 32), (32, 32))
    assert torch.equal(found, points)
    torch.testing.assert_close(similarity, torch.ones(2))


def test_the_first_of_equal_maxima_is_taken():
    feature = torch.ones(2, 3, 3)
    found, _ = nearest(feature, feature, torch.tensor([[5.0, 5.0]]), (9, 9), (9, 9))
    maps = similarity_maps(torch.ones(1, 2), feature, (9, 9))
    assert found.tolist() == [[0, 0]] or maps.flatten().unique().numel() > 1


def test_without_points_nothing_is_found():
    found, similarity = nearest(
        torch.ones(2, 3, 3), torch.ones(2, 3, 3), torch.zeros(0, 2), (9, 9), (9, 9)
    )
    assert found.shape == (0, 2) and similarity.shape == (0,)


def test_bad_maps_and_points():
    with pytest.raises(ValueError, match='must be 2, got 3'):
        nearest(torch.ones(2, 3, 3), torch.ones(3, 3, 3), torch.zeros(1, 2), (9, 9), (9, 9))
    with pytest.raises(ValueError, match=r'points \(x, y\) must be \(2,\), got \(\)'):
        nearest(torch.ones(2, 3, 3), torch.ones(2, 3, 3), torch.zeros(2), (9, 9), (9, 9))

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import torch
import torch.nn.functional as F

from mmdiffrep.matching import JointPCA, joint_pca


def cosines(first, second):
    first, second = (F.normalize(value.flatten(1), dim=0) for value in (first, second))
    return first.T @ second


def official(first, second, components):
    """One layer of ``co_pca`` of sd-dino, whose decomposition is a random one."""
    features = torch.cat([first.flatten(1), second.flatten(1)], dim=-1).T
    centered = features - features.mean(dim=0, keepdim=True)
    _, _, basis = torch.pca_lowrank(centered, q=components, niter=20)
    reduced = (centered @ basis[:, :components]).T
    half = reduced.shape[1] // 2
    return reduced[:, :half].view(-1, *first.shape[1:]), reduced[:, half:].view(
        -1, *second.shape[1:]
    )


def test_cosines_are_those_of_the_official_form():
    scale = torch.linspace(10, 0.1, 12)[:, None, None]
    first, second = torch.randn(12, 5, 5) * scale, torch.randn(12, 5, 5) * scale
    expected = cosines(*official(first, second, 4))
    torch.testing.assert_close(cosines(*joint_pca(first, second, 4)), expected, atol=1e-3, rtol=0)


def test_sizes_may_differ_and_components_are_limited():
    first, second = joint_pca(torch.randn(6, 2, 3), torch.randn(6, 4, 2), 100)
    assert first.shape == (6, 2, 3) and second.shape == (6, 4, 2)


def test_taps_and_encoder_have_equal_shares():
    maps = [
        {
            (1, 'a'): torch.randn(8, 2, 2),
            (1, 'b'): torch.randn(6, 4, 4),
            'dino': 9 * torch.rand(5, 3, 3),
        }
        for _ in range(2)
    ]
    source, target = JointPCA(components=4)(*maps, encoder='dino')
    assert source.shape == target.shape == (4 + 4 + 5, 4, 4)
    torch.testing.assert_close(source[:8].norm(dim=0), torch.ones(4, 4))
    without = JointPCA(components=4)(
        *({k: v for k, v in side.items() if k != 'dino'} for side in maps)
    )
    torch.testing.assert_close(F.normalize(without[0], dim=0), source[:8])

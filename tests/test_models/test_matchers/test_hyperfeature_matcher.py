# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mmengine.config import Config
from mmengine.runner import Runner
from mmengine.structures import BaseDataElement

from mmdiffrep.models.matchers import HyperfeatureMatcher
from mmdiffrep.models.matchers.hyperfeature_matcher import cell_of_points, matching_loss
from mmdiffrep.testing import tiny_teacher
from mmdiffrep.utils.config_path import get_config_path

TINY = dict(model=tiny_teacher(), taps=['mid', 'dec.1'], timesteps=[3, 10], size=16)
NECK = dict(type='mmdiffrep.Hyperfeatures', out_channels=8, num_groups=2)


def official_loss(first, second, source_points, target_points, size):
    """``compute_clip_loss`` and ``points_to_idxs`` of diffusion_hyperfeatures, (y, x) points."""

    def indices(points):
        y = np.clip(points[:, 0], 0, size[1] - 1)
        x = np.clip(points[:, 1], 0, size[0] - 1)
        return torch.from_numpy(size[1] * np.round(y) + np.round(x)).long()

    def logits(one, other):
        one, other = (value.flatten(1).T for value in (one, other))
        one, other = (value / value.norm(dim=-1)[:, None] for value in (one, other))
        return np.exp(np.log(1 / 0.07)) * one @ other.T

    source, target = indices(source_points), indices(target_points)
    loss_source = F.cross_entropy(logits(first, second)[source], target)
    loss_target = F.cross_entropy(logits(second, first)[target], source)
    return (loss_source + loss_target) / 2


def test_the_loss_is_the_official_one():
    rng = np.random.default_rng(0)
    maps = [torch.randn(5, 8, 8), torch.randn(5, 8, 8)]
    points = [rng.uniform(0, 8, (6, 2)) for _ in range(2)]
    expected = official_loss(*maps, *points, size=(8, 8))
    given = tuple(torch.tensor(p[:, ::-1].copy()).float() * 4 for p in points)  # of a 32 px image
    loss = matching_loss(maps, given, ((32, 32), (32, 32)))
    torch.testing.assert_close(loss.double(), expected.double(), rtol=1e-5, atol=1e-6)


def test_cells_of_a_map_that_is_not_square():
    points = torch.tensor([[0.0, 0.0], [39.0, 19.0], [20.0, 10.0]])
    assert cell_of_points(points, (20, 40), (2, 4)).tolist() == [0, 7, 6]


def test_the_frozen_model_is_no_parameter_and_the_neck_learns():
    model = HyperfeatureMatcher(TINY, NECK)
    assert all(name.startswith('neck.') for name, _ in model.named_parameters())
    assert len(model.neck.mixing_weights) == 4
    image = torch.randint(0, 256, (3, 16, 16), dtype=torch.uint8)
    sample = BaseDataElement()
    sample.source_points = sample.target_points = torch.tensor([[3.0, 4.0], [10.0, 12.0]])
    inputs = dict(source=[image], target=[image])
    model(inputs, [sample], mode='loss')['loss_match'].backward()
    assert all(parameter.grad.abs().sum() > 0 for parameter in model.parameters())
    (found,) = model.eval()(inputs, [sample])
    assert (found.pred_points - sample.source_points).abs().max() <= 1


def test_a_pair_without_points_has_no_loss():
    sample = BaseDataElement()
    sample.source_points = sample.target_points = torch.zeros(0, 2)
    image = torch.zeros(3, 16, 16, dtype=torch.uint8)
    loss = HyperfeatureMatcher(TINY, NECK)(
        dict(source=[image], target=[image]), [sample], mode='loss'
    )
    assert loss['loss_match'] == 0


def test_a_baseline_cannot_be_trained():
    with pytest.raises(TypeError, match='must be CorrespondenceMatcher'):
        HyperfeatureMatcher(dict(kind='rgb_patches'), NECK)


def test_the_config_trains(tmp_path):
    cfg = Config.fromfile(get_config_path('dift/hyperfeatures_toyfaces.py'))
    cfg.work_dir = str(tmp_path)
    cfg.model.matcher, cfg.model.neck = TINY, NECK
    for name in ('train_dataloader', 'test_dataloader'):
        cfg[name].dataset.num_pairs = 2
        cfg[name].dataset.dataset.num_images = 4
    cfg.train_cfg.max_iters = 2
    runner = Runner.from_cfg(cfg)
    before = {name: value.clone() for name, value in runner.model.state_dict().items()}
    runner.train()
    assert any(not torch.equal(v, before[n]) for n, v in runner.model.state_dict().items())
    assert 'box/PCK@0.1' in runner.test()

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""What every teacher does: it stays frozen in eval mode, and refuses options of others."""

import pytest
import torch
from torch import nn

from mmdiffrep.models.teachers import Teacher


class Own(Teacher):
    """A teacher of one's own with nothing but what has to be there."""

    taps, source, weights_hash = ('map',), 'mine', 'abc'

    def __init__(self):
        super().__init__()
        self.to_rgb, self.layer = nn.Identity(), nn.Dropout()

    @property
    def channels(self):
        return (3,)

    @property
    def num_timesteps(self):
        return None

    def forward(self, inputs, t, generator=None):
        return (self.layer(inputs),)


def test_it_stays_in_eval_mode():
    teacher = Own().train()
    assert not teacher.training and not teacher.layer.training
    images = torch.randn(2, 3, 4, 4)
    assert torch.equal(teacher(teacher.to_input(images), torch.zeros(2))[0], images)


def test_its_record_tells_it_apart():
    assert Own().record == dict(source='mine', weights_hash='abc', precision='float32')


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(pass_size=4), 'teacher_batch of a Own.* must be None, got 4.*diffusion teachers'),
        (dict(raw_input=True), r"\('exact', 'none'\), got \('student', 'none'\)\. Leave them out"),
        (dict(noise='fresh'), r"got \('exact', 'fresh'\)"),
    ],
)
def test_options_of_diffusion_models_are_refused(options, message):
    given = dict(noise='none', raw_input=False, pass_size=None)
    assert Own.accept(**given) == {}
    with pytest.raises(ValueError, match=message):
        Own.accept(**{**given, **options})

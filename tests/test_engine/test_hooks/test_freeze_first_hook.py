# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
from mmengine.hooks import Hook

from mmdiffrep.engine.hooks import FreezeFirstHook
from mmdiffrep.testing import greatest_difference, parameters_of, tiny_runner


class Record(Hook):
    def __init__(self, seen):
        self.seen = seen

    def before_train(self, runner):
        self.seen[0] = parameters_of(runner.model)

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        self.seen[runner.iter + 1] = parameters_of(runner.model)


def moved(first, second, prefix):
    parts = [{k: v for k, v in w.items() if k.startswith(prefix)} for w in (first, second)]
    return greatest_difference(*parts)


@pytest.fixture(scope='module')
def seen(tmp_path_factory):
    found = {}
    runner = tiny_runner(
        tmp_path_factory.mktemp('run'), 4, [dict(type='mmdiffrep.FreezeFirstHook', until=0.5)]
    )
    runner.register_hook(Record(found), priority='LOWEST')
    runner.train()
    return found


def test_the_backbone_waits_and_then_learns(seen):
    assert moved(seen[0], seen[2], 'backbone.') == 0
    assert moved(seen[0], seen[2], 'decode_head.') > 0
    assert moved(seen[2], seen[4], 'backbone.') > 0


def test_unknown_layers(tmp_path):
    runner = tiny_runner(tmp_path, 1, [dict(type='mmdiffrep.FreezeFirstHook', layers=['bone'])])
    with pytest.raises(ValueError, match="no layer 'bone'.*backbone"):
        runner.train()


@pytest.mark.parametrize(
    ('options', 'error'),
    [
        (dict(until=0.0), ValueError),
        (dict(until=1.5), ValueError),
        (dict(layers='backbone'), TypeError),
    ],
)
def test_bad_options(options, error):
    with pytest.raises(error):
        FreezeFirstHook(**options)

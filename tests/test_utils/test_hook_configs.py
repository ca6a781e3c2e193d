# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
from mmengine.config import Config

from mmdiffrep.utils.config_path import get_config_path
from mmdiffrep.utils.hook_configs import (
    drop_hooks,
    drop_switched_off_hooks,
    find_hooks,
    keep_standard_hooks,
)


@pytest.fixture
def both():
    return Config(
        dict(
            default_hooks=dict(
                _scope_='mmseg',
                checkpoint=dict(type='CheckpointHook', interval=1),
                timer=None,
                repfusion=dict(type='mmdiffrep.RepFusionHook', noise='none'),
            ),
            custom_hooks=[dict(type='EMAHook'), dict(type='RepFusionHook', noise='fresh')],
        )
    )


def test_finds_named_and_listed_hooks_by_the_key_of_the_command_line(both):
    hooks = find_hooks(both, 'RepFusionHook')
    assert list(hooks) == ['default_hooks.repfusion', 'custom_hooks.1']
    both.merge_from_dict({f'{key}.noise': 'per_image' for key in hooks})
    noises = [hook.noise for hook in find_hooks(both, 'RepFusionHook').values()]
    assert noises == ['per_image', 'per_image']
    assert find_hooks(both, 'mmdiffrep.EMAHook') == {'custom_hooks.0': dict(type='EMAHook')}


def test_changing_a_hook_changes_the_config(both):
    for hook in find_hooks(both, 'RepFusionHook').values():
        hook.seed = 3
    assert both.default_hooks.repfusion.seed == both.custom_hooks[1].seed == 3


def test_a_config_without_hooks_has_none():
    assert find_hooks(Config(dict(default_hooks=None)), 'EMAHook') == {}
    assert find_hooks(Config({}), 'EMAHook') == {}


def test_drops_all_of_the_types(both):
    drop_hooks(both, 'RepFusionHook', 'CheckpointHook')
    assert both.default_hooks == dict(_scope_='mmseg', timer=None)
    assert both.custom_hooks == [dict(type='EMAHook')]
    keep_standard_hooks(both)
    assert both.default_hooks == dict(timer=None) and both.custom_hooks == []


def test_options_reach_a_named_hook():
    """The options that the docs give."""
    cfg = Config.fromfile(get_config_path('repfusion/celebamask_r50.py'))
    options = {
        'default_hooks.repfusion.teacher': '/models/ddpm',
        'default_hooks.repfusion.pairs.0.teacher': 'dec.0',
    }
    cfg.merge_from_dict(options)
    (hook,) = find_hooks(cfg, 'RepFusionHook').values()
    assert hook.teacher == '/models/ddpm'
    assert hook.pairs[0].teacher == 'dec.0' and hook.pairs[0].loss.loss_weight == 10


def test_a_hook_that_is_none_is_left_out_and_none_of_mmengine_stays(both):
    both.default_hooks.ema = None
    drop_switched_off_hooks(both)
    assert 'ema' not in both.default_hooks
    assert both.default_hooks.timer is None  # mmengine leaves its own out
    drop_switched_off_hooks(Config(dict(default_hooks=None)))

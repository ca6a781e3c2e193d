# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
import torch
from mmengine.config import Config

from mmdiffrep.engine.resume_checks import config_changes
from mmdiffrep.testing.tiny_run import build_tiny_runner


def _changes(before, **options):
    cfg = Config(before)
    now = Config(before)
    now.merge_from_dict({key.replace('__', '.'): value for key, value in options.items()})
    return list(config_changes(cfg.pretty_text, now.pretty_text))


CONFIG = dict(
    model=dict(type='A', size=(64, 64), heads=[dict(num=3), dict(num=4)]),
    train_dataloader=dict(batch_size=8),
    optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1), clip_grad=None),
    param_scheduler=[dict(type='PolyLR', power=0.9)],
    default_hooks=dict(repfusion=dict(teacher='t', optimizer=dict(lr=1e-3), seed=0)),
    custom_hooks=[dict(type='Distiller')],
    work_dir='here',
    helper=3,
)


def test_equal_configs_have_no_changes():
    assert _changes(CONFIG) == []


def test_where_a_run_writes_and_helper_variables_do_not_count():
    assert _changes(CONFIG, work_dir='there', helper=4, load_from='x.pth') == []


@pytest.mark.parametrize(
    ('options', 'change'),
    [
        (dict(train_dataloader__batch_size=4), 'train_dataloader.batch_size: 8 -> 4'),
        (dict(model__heads=[dict(num=3), dict(num=5)]), 'model.heads.1.num: 4 -> 5'),
        (dict(model__size=(32, 64)), 'model.size.0: 64 -> 32'),
        (dict(model__type='B'), "model.type: 'A' -> 'B'"),
        (dict(model__depth=18), 'model.depth: (absent) -> 18'),
        (dict(custom_hooks=[]), "custom_hooks.0: {'type': \"'Distiller'\"} -> (absent)"),
        (dict(default_hooks__repfusion__seed=1), 'default_hooks.repfusion.seed: 0 -> 1'),
        (dict(optim_wrapper__clip_grad=False), 'optim_wrapper.clip_grad: None -> False'),
    ],
)
def test_each_differing_key_is_named(options, change):
    (found,) = _changes(CONFIG, **options)
    assert found.startswith(change) and 'no effect' not in found


@pytest.mark.parametrize(
    'options',
    [
        dict(optim_wrapper__optimizer__lr=1.0),
        dict(optim_wrapper__paramwise_cfg=dict(custom_keys={})),
        dict(param_scheduler=[dict(type='PolyLR', power=1.0)]),
        dict(default_hooks__repfusion__optimizer__lr=1.0),
    ],
)
def test_what_the_state_overrides_is_said_to_have_no_effect(options):
    (found,) = _changes(CONFIG, **options)
    assert 'has no effect' in found and 'state has its own' in found


def test_a_config_of_a_checkpoint_is_not_run(tmp_path):
    text = f'import os\nmodel = os.mkdir({str(tmp_path / "exploded")!r})\n'
    assert len(list(config_changes(text, 'model = dict()\n'))) == 1
    assert not (tmp_path / 'exploded').exists()
    assert list(config_changes('no config at all', 'model = 1\n')) == []


@pytest.fixture
def resume(tmp_path):
    """Train 2 iterations, change the checkpoint, and resume."""

    def run(change=lambda checkpoint: None, **options):
        path = tmp_path / 'run' / 'iter_2.pth'
        build_tiny_runner(str(path.parent), length=2).train()
        checkpoint = torch.load(path, weights_only=True)
        checkpoint = change(checkpoint) or checkpoint
        torch.save(checkpoint, path)
        runner = build_tiny_runner(str(path.parent), str(path), length=4, **options)
        runner.train()
        return runner

    return run


def test_weights_alone_cannot_be_resumed_from(resume):
    with pytest.raises(ValueError, match=r'has no meta, message_hub: it holds weights alone'):
        resume(lambda checkpoint: {'state_dict': checkpoint['state_dict']})


def test_another_optimizer_is_named(resume):
    def to_adamw(checkpoint):
        model = torch.nn.Linear(1, 1)
        checkpoint['optimizer'] = torch.optim.AdamW(model.parameters()).state_dict()

    with pytest.raises(
        ValueError, match=r'has no dampening, momentum, nesterov: it is not the SGD'
    ):
        resume(to_adamw)


def test_a_checkpoint_without_optimizer_warns(resume, capsys):
    resume(lambda checkpoint: checkpoint.pop('optimizer') and None)
    assert 'momentum and learning rate start anew' in ''.join(capsys.readouterr())


def test_another_number_of_processes_is_logged(resume, capsys):
    resume(lambda checkpoint: checkpoint['meta'].update(world_size=8))
    assert 'number of processes: 8 -> 1' in ''.join(capsys.readouterr())


def test_a_legacy_config_in_a_checkpoint_is_not_run(resume, tmp_path):
    code = f'import os\na = os.mkdir({str(tmp_path / "exploded")!r})\n'
    resume(lambda checkpoint: checkpoint['meta'].update(config=code))
    assert not (tmp_path / 'exploded').exists()

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""What the distillation hook refuses, and how it says so."""

from types import SimpleNamespace

import pytest
import torch
from diffusers import DDPMScheduler
from mmengine.logging import MMLogger
from mmengine.model import MMFullyShardedDataParallel
from mmengine.optim import ApexOptimWrapper, OptimWrapper
from mmseg.models import EncoderDecoder

from mmdiffrep.diffusion.denoisers import load_denoiser
from mmdiffrep.engine.hooks import RepFusionHook
from mmdiffrep.testing import tiny_segmentor, tiny_teacher
from mmdiffrep.testing.tiny_distillation import PAIR, hook_cfg, prepared, run


@pytest.mark.parametrize(
    ('kwargs', 'message'),
    [
        (dict(pairs=[]), 'pairs must have at least one'),
        (dict(pairs=dict(student='backbone', teacher='mid')), 'pairs must be a list'),
        (dict(pairs=['backbone']), "each of pairs must be dict, got 'backbone'"),
        (dict(pairs=[dict(student='backbone')]), r'pairs\[0\] needs teacher, loss'),
        (dict(pairs=[{**PAIR, 'student': 'backbone.layer5'}]), "no layer 'backbone.layer5'"),
        (dict(pairs=[{**PAIR, 'teacher': 'middle'}]), 'middle.*mid'),
        (dict(pairs=[{**PAIR, 'losses': 1}]), 'losses'),
        (dict(teacher_input='rgb'), "must be one of 'exact', 'student'"),
        (dict(phases=[('warm', 3)]), 'each kind of phases must be one of'),
        (dict(phases=[('distill', 0), ('joint', 2)]), 'each end of phases must be at least 1'),
        (dict(seed=-1), 'seed must be at least 0, got -1'),
        (dict(normalization=dict(men=1)), "needs 'channel_order'"),
        (
            dict(policy=dict(type='mmdiffrep.ReinforcedTimestep', entropy=-0.5)),
            'entropy must be at least 0',
        ),
        (dict(policy=dict(type='mmdiffrep.PolicyNet')), 'must be a TimestepPolicy.*PolicyNet'),
        (
            dict(
                policy=dict(type='mmdiffrep.ReinforcedTimestep'),
                reward=dict(type='mmdiffrep.PooledFeatureLoss'),
            ),
            'must be a Reward.*PooledFeatureLoss',
        ),
        (
            dict(
                policy=dict(type='mmdiffrep.FixedTimestep', t=1),
                reward=dict(type='mmdiffrep.SegmentationReward', num_classes=3),
            ),
            'FixedTimestep learns nothing',
        ),
        (
            dict(
                pairs=[{**PAIR, 'loss': dict(type='mmdiffrep.PooledFeatureLoss', loss_weight=-1.0)}]
            ),
            'loss_weight must be at least 0',
        ),
        (dict(pairs=[{**PAIR, 'student_channels': 999}, PAIR]), r'pairs\[0\].*999.*Leave it out'),
        (dict(policy=dict(type='mmdiffrep.FixedTimestep', t=20)), 'has 20 timesteps'),
        (
            dict(policy=dict(type='mmdiffrep.FixedTimestap')),
            'policy: .*FixedTimestap. is not in.*Did you mean mmdiffrep.FixedTimestep',
        ),
        (dict(teacher='no/such_model'), 'local folder'),
        (dict(normalization=dict(mean=[0] * 3, std=[255] * 3, channel_order='rgb')), 'range|lie'),
        (dict(pairs=[{**PAIR, 'standardize': 'False'}]), r'pairs\[0\]: standardize must be bool'),
        (dict(pairs=[{**PAIR, 'connector': 3}]), 'a connector other than .* must be dict, got 3'),
        (dict(clip_grad=dict(max_norm=-1)), 'max_norm of clip_grad must be positive, got -1'),
        (dict(clip_grad=dict(max_nrom=1)), "no argument 'max_nrom'. Did you mean max_norm"),
        (dict(clip_grad={}), 'clip_grad needs a max_norm, got {}'),
        (dict(clip_grad=0.5), 'clip_grad must be dict, got 0.5'),
        (dict(optimizer={}), 'has the type None'),
        (dict(optimizer=dict(type='SGD', lr=float('nan'))), 'lr of the optimizer must be at'),
        (dict(optimizer=dict(type='AdamW', lr=float('inf'))), 'lr of the optimizer must be at'),
        (
            dict(optimizer=dict(type='SGD', lr='0.1')),
            "lr of the optimizer .* got '0.1'",
        ),
        (
            dict(optimizer=dict(type='SGD', lr=0.1, weight_decay=float('nan'))),
            'weight_decay of the optimizer',
        ),
        (dict(paramwise_cfg=dict(custom_key={})), 'one of.*custom_keys.*Did you mean custom_keys'),
        (
            dict(paramwise_cfg=dict(custom_keys=dict(polcy=dict(lr_mult=0.1)))),
            "'polcy', which is not in the name of any parameter.*Did you mean policy",
        ),
        (
            dict(paramwise_cfg=dict(custom_keys=dict(policy=dict(lr_mul=0.1)))),
            'Did you mean lr_mult',
        ),
        (dict(policy=dict(type='mmdiffrep.UniformTimestep', high=10.5)), 'high must be int'),
        (dict(phases=[('distill', 1.5)]), 'each end of phases must be int, got 1.5'),
        (dict(precision='fp8'), 'precision'),
        (dict(holdout=float('nan')), r'holdout must be in \[0, 1\)'),
        (
            dict(policy=dict(type='abc')),
            "policy: type must be the name of a class.*'abc' is not in",
        ),
        (dict(policy=dict(type=1)), 'policy: type must be the name of a class.*1 is not in'),
        (
            dict(policy=dict(type='mmdiffrep.ReinforcedTimestep', net=dict(type='abc'))),
            "policy: net: type must be .*'abc' is not in",
        ),
        (dict(policy=dict(type='mmdiffrep.ReinforcedTimestep', net=1)), 'policy: net must be dict'),
        (dict(pairs=[{**PAIR, 'loss': dict(a=1)}]), r"pairs\[0\]: loss needs a `type`.*'a': 1"),
        (dict(pairs=[{**PAIR, 'connector': dict(a=1)}]), r'pairs\[0\]: connector needs a `type`'),
        (
            dict(pairs=[{**PAIR, 'loss': dict(type='mmdiffrep.DenseFeatureLoss', distance=[1])}]),
            r'pairs\[0\]: loss: .*distance must be one of .* got \[1\]',
        ),
        (dict(pairs=[{**PAIR, 'student': 'abc'}]), "pairs: student: .* no layer 'abc'.*Name a"),
        (dict(teacher=''), "teacher must be a folder, .*, got ''"),
        (
            dict(teacher=dict(type='Nothing')),
            "teacher: The denoiser type must be one of .*, got 'Nothing'",
        ),
        (dict(teacher_size=1), 'teacher with teacher_size=1: Image sides must be multiples'),
        (dict(policy={}), 'policy must be dict.* got {}'),
        (dict(noise={}), 'noise needs a `type`, one of .* got {}'),
        (dict(pyramid={}), "pyramid needs 'student', a list of layers; got {}"),
        (
            dict(pairs=[{**PAIR, 'target': {}}]),
            r'pairs\[0\]: target needs a `type`, one of .* got {}',
        ),
        (dict(noise='pink'), "noise must be one of .* got 'pink'"),
        (dict(clip_grad=dict(norm_type=2)), "clip_grad needs a max_norm, got {'norm_type': 2}"),
    ],
)
def test_bad_input_is_named(tmp_path, kwargs, message):
    with pytest.raises((TypeError, ValueError, OSError, KeyError), match=message):
        run(tmp_path, 1, hook_cfg(**kwargs))


@pytest.mark.parametrize(
    ('kwargs', 'message'),
    [
        (dict(teacher=None), 'teacher must be str or dict'),
        (dict(policy=[]), r'policy must be dict or None, got \[\]'),
        (dict(policy='mmdiffrep.UniformTimestep'), 'policy must be dict or None'),
        (dict(reward=[]), 'reward must be dict or None'),
        (dict(noise=None), 'noise must be str or dict'),
        (dict(optimizer='AdamW'), 'optimizer must be dict or None'),
        (dict(param_scheduler='cosine'), 'param_scheduler must be dict or list or None'),
        (dict(teacher_size=0), 'teacher_size must be at least 1, got 0'),
        (dict(teacher_size=64.0), 'teacher_size must be int, got 64.0'),
        (dict(teacher_size=True), 'teacher_size must be int, got True'),
        (dict(holdout='0.5'), 'holdout must be float'),
        (dict(holdout=-0.1), r'holdout must be in \[0, 1\)'),
        (dict(teacher_batch=0), 'teacher_batch must be at least 1'),
        (dict(seed=1.5), 'seed must be int'),
        (dict(normalization=[]), 'normalization must be dict'),
        (dict(pairs=[{**PAIR, 'student': []}]), r'pairs\[0\]: student must have at least one'),
        (dict(pairs=[{**PAIR, 'student': [0]}]), r'each of pairs\[0\]: student must be str'),
        (dict(pairs=[{**PAIR, 'teacher': ['mid']}]), r'pairs\[0\]: teacher must be str'),
        (dict(pairs=[PAIR, {**PAIR, 'student_channels': 0}]), r'pairs\[1\]: student_channels must'),
        (dict(pairs=[{**PAIR, 'student_channels': '64'}]), r'pairs\[0\]: student_channels must'),
    ],
)
def test_an_option_of_another_type_or_range_is_named(kwargs, message):
    """Where the option is read, before any model is loaded."""
    with pytest.raises((TypeError, ValueError), match=message):
        RepFusionHook(**{'teacher': tiny_teacher(), 'pairs': [PAIR], **kwargs})


def warnings_of(monkeypatch):
    texts = []
    monkeypatch.setattr(MMLogger, 'warning', lambda _, message, *args: texts.append(message))
    return texts


def test_a_holdout_that_is_too_small_for_the_batch_is_told(tmp_path, monkeypatch):
    texts = warnings_of(monkeypatch)
    prepared(tmp_path / 'enough', [hook_cfg(holdout=0.25)])
    assert not any('holds out less than one image' in text for text in texts)
    prepared(tmp_path / 'few', [hook_cfg(holdout=0.001)])
    assert any('holdout=0.001 holds out less than one image per batch of 4' in t for t in texts)


def test_a_teacher_with_nan_in_its_weights_is_refused(tmp_path):
    network = load_denoiser(tiny_teacher()).network
    network.conv_in.weight.data[0, 0, 0, 0] = float('nan')
    network.save_pretrained(tmp_path / 'model' / 'unet')
    scheduler = DDPMScheduler(num_train_timesteps=20)
    scheduler.save_pretrained(tmp_path / 'model' / 'scheduler')
    with pytest.raises(ValueError, match='1 weights with NaN or infinite values, such as'):
        run(tmp_path, 1, hook_cfg(teacher=str(tmp_path / 'model')))


@pytest.mark.parametrize(
    ('optim_wrapper', 'model', 'message'),
    [
        (ApexOptimWrapper, torch.nn.Module, 'ApexOptimWrapper.*needs one optimizer'),
        (OptimWrapper, MMFullyShardedDataParallel, 'is sharded'),
    ],
)
def test_untested_set_ups_are_refused(optim_wrapper, model, message):
    runner = SimpleNamespace(
        optim_wrapper=optim_wrapper.__new__(optim_wrapper), model=model.__new__(model)
    )
    hook = RepFusionHook(teacher=tiny_teacher(), pairs=[PAIR])
    with pytest.raises(TypeError, match=message):
        hook.before_run(runner)


def test_frozen_student_layer_is_refused(tmp_path):
    segmentor = tiny_segmentor()
    segmentor['backbone']['frozen_stages'] = 4
    with pytest.raises(RuntimeError, match='carries no gradient'):
        run(tmp_path, 1, model=segmentor)


def test_labels_out_of_range_are_named(tmp_path):
    segmentor = tiny_segmentor(num_classes=4)
    segmentor['decode_head']['loss_decode'] = dict(
        type='mmseg.CrossEntropyLoss', loss_weight=0.0, avg_non_ignore=True
    )
    reward = dict(type='mmdiffrep.SegmentationReward', num_classes=3)
    with pytest.raises(ValueError, match=r'image 0.png: labels \[3\] .*expected 0 to 2 or 255'):
        run(tmp_path, 1, hook_cfg(reward=reward), model=segmentor)


def test_two_hooks_in_one_run_are_refused(tmp_path):
    with pytest.raises(ValueError, match='RepFusionHooks must be 1, got 2.*several pairs'):
        prepared(tmp_path, [hook_cfg(), hook_cfg()])


def test_phases_that_outlast_the_run_are_named(tmp_path, monkeypatch):
    warnings = []
    monkeypatch.setattr(MMLogger, 'warning', lambda _, message: warnings.append(message))
    prepared(tmp_path / 'fits', [hook_cfg(phases=[('joint', 1)])])
    assert not any('ends after the run' in text for text in warnings)
    prepared(tmp_path / 'long', [hook_cfg(phases=[('distill', 1), ('joint', 2)])])
    assert any('ends after the run, which has 1 iterations' in text for text in warnings)


def test_losses_of_the_same_name_are_refused(tmp_path, monkeypatch):
    plain = EncoderDecoder.loss

    def loss(self, inputs, data_samples):
        return dict(plain(self, inputs, data_samples), loss_distill=inputs.sum() * 0)

    monkeypatch.setattr(EncoderDecoder, 'loss', loss)
    with pytest.raises(ValueError, match=r"same names \['loss_distill'\]: rename"):
        run(tmp_path, 1)


def test_a_distiller_that_a_gradient_ruined_is_not_saved(tmp_path):
    """Its loss is finite in the iteration that is to be saved; its connector no longer is."""
    runner = run(tmp_path, 1)
    hook = next(hook for hook in runner.hooks if isinstance(hook, RepFusionHook))
    next(hook.distiller.parameters()).data.flatten()[0] = float('inf')
    with pytest.raises(FloatingPointError, match='parameters of the distiller.*pairs.0') as error:
        hook.before_save_checkpoint(runner, dict(meta=dict(iter=4)))
    assert str(error.value).startswith('iteration 4: ')


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        *((dict(phases=value), 'phases must be') for value in (False, 0, '', {}, [1])),
        (dict(param_scheduler=[1]), 'each param_scheduler must be dict'),
        (dict(param_scheduler=dict(gamma=0.5)), 'param_scheduler needs a `type`'),
    ],
)
def test_phases_and_schedulers_of_another_form_are_named(options, message):
    with pytest.raises((TypeError, ValueError), match=message):
        RepFusionHook(teacher='x', pairs=[PAIR], **options)


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (dict(clip_grad=dict(max_norm=1.0, norm_type=0)), 'norm_type of clip_grad must be pos'),
        (dict(clip_grad=dict(max_norm=1.0, norm_type='a')), 'norm_type of clip_grad must be float'),
        (dict(optimizer=dict(type='SGD', lr=0.1, momentum=True)), 'momentum of the optimizer'),
        (dict(optimizer=dict(type='SGD', lr=0.1, momentum='a')), 'momentum of the optimizer'),
        (dict(optimizer=dict(type=1, lr=0.1)), 'has the type 1, which is not'),
        (dict(optimizer=dict(type='abc', lr=0.1)), "has the type 'abc', which is not"),
    ],
)
def test_numbers_of_the_optimizer_are_named(tmp_path, options, message):
    with pytest.raises((TypeError, ValueError), match=message):
        run(tmp_path, 1, hook_cfg(**options))

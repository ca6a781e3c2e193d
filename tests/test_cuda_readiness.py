# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""What passes and steps would do on a GPU, counted on a fake one: kernels, copies, memory."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent / 'fake_cuda'))
import build

pytestmark = pytest.mark.skipif(bool(build.missing()), reason=build.missing())

# Files that may wait for the card or copy without a pinned buffer in every step.
ALLOWED = {
    'engine/distillation/step.py',  # the draws of timesteps, one copy
    'engine/distillation/side_optimizer.py',  # GradScaler asks whether a gradient was infinite
    'mmengine/model/base_model/data_preprocessor.py',
    'mmengine/optim/optimizer/amp_optimizer_wrapper.py',
    'mmengine/structures/base_data_element.py',
    'mmpose/models/heads/heatmap_heads/heatmap_head.py',
    'mmpose/utils/tensor_utils.py',
    'mmpretrain/models/utils/data_preprocessor.py',
    'mmseg/models/data_preprocessor.py',
    'mmseg/models/losses/accuracy.py',
}


@pytest.fixture(scope='module')
def card(tmp_path_factory):
    """Runs a script of tests/fake_cuda on the fake card and returns its counts."""
    folder = tmp_path_factory.mktemp('fake_cuda')
    build.build(folder)
    return lambda *arguments, **options: build.run(folder, *arguments, **options)


def places(counts):
    """Files in which the step waits for the card or copies while it waits."""
    found = [*counts['copies'], *counts['waits']]
    return {place.rpartition(' ')[2].rpartition(':')[0] for place in found}


def writes_out_attention(counts):
    """Whether logits of an attention are written out: PyTorch's math path has a softmax."""
    return any(name in ('_softmax', '_safe_softmax') for name in counts['ops'])


def test_frozen_pass_of_the_paper_teacher(card):
    counts = card('frozen_pass.py', 'celebahq-256')
    assert counts['kernels'] <= 250
    assert counts['gigabytes'] <= 10
    assert counts['ops']['_to_copy'] <= 5
    assert counts['conv_dtypes'] == ['bfloat16']
    assert not counts['copies'] and not counts['waits']
    assert not writes_out_attention(counts)


def test_turing_takes_float16_and_its_fast_convolutions(card):
    counts = card('frozen_pass.py', 'cifar10-32', capability=75)
    assert counts['conv_dtypes'] == ['float16']
    assert counts['conv_backends'] == ['Cudnn']
    assert not writes_out_attention(counts)


def test_memory_of_ddpm_seg(card):
    counts = card('frozen_pass.py', 'ddpm_seg_adm_256')
    assert counts['peak'] <= 4.5
    assert counts['conv_dtypes'] == ['bfloat16']
    assert not counts['copies'] and not counts['waits']
    assert not writes_out_attention(counts)


def test_step_of_a_small_student(card):
    counts = card('whole_step.py', 'cifar10_r18')
    assert places(counts) <= ALLOWED
    assert sum(counts['copies'].values()) <= 5
    assert not counts['waits']
    assert counts['kernels'] <= 740


@pytest.mark.parametrize(
    ('config', 'gibibytes'),
    [('wflw_r50', 5.5), ('wflw_hrnetv2_w18', 15), ('celebamask_r50', 2.5)],
)
def test_memory_of_a_step_with_amp(card, config, gibibytes):
    counts = card('whole_step.py', config, 'amp')
    assert places(counts) <= ALLOWED
    assert counts['peak'] <= gibibytes
    assert not writes_out_attention(counts)

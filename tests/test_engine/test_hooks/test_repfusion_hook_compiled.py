# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""A compiled student stays one graph with the hook, and trains as it does without a compiler."""

import pytest
import torch

from mmdiffrep.testing import tiny_teacher
from mmdiffrep.testing.tiny_distillation import PAIR, hook_cfg, hook_of, prepared, run

EAGER = dict(backend='eager')
PAIRS = [PAIR, dict(PAIR, student='backbone.layer2', teacher='enc.1')]


@pytest.fixture(autouse=True)
def no_graphs_of_other_tests():
    torch.compiler.reset()
    yield
    torch.compiler.reset()


@pytest.mark.parametrize('mode', ['tensor', 'loss'])
def test_the_forward_pass_of_a_segmentor_is_one_graph(mode, tmp_path, monkeypatch):
    # mmseg's own accuracy looks labels up by a mask, a break with and without the hook
    module = 'mmseg.models.decode_heads.decode_head.accuracy'
    monkeypatch.setattr(module, lambda logits, labels, **_: logits.new_zeros(1))
    runner = prepared(tmp_path, [hook_cfg(pairs=PAIRS)])
    batch = next(iter(runner.train_loop.dataloader))
    hook, model = hook_of(runner), runner.model.train()
    hook.before_train(runner)
    hook.before_train_iter(runner, 0, batch)
    data = model.data_preprocessor(batch, True)
    found = torch._dynamo.explain(model.forward)(**data, mode=mode)
    assert (found.graph_count, found.graph_break_count) == (1, 0), found.break_reasons
    assert len(hook.taps.take(len(data['inputs']))) == 2


def test_a_run_with_compiled_student_and_teacher_learns_the_same(tmp_path):
    def weights(folder, teacher, **options):
        runner = run(tmp_path / folder, 2, hook_cfg(teacher=teacher, pairs=PAIRS), **options)
        return {**runner.model.state_dict(), **hook_of(runner).distiller.state_dict()}

    expected = weights('plain', tiny_teacher())
    found = weights('compiled', dict(tiny_teacher(), compile=EAGER), compile=EAGER)
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[key], value) for key, value in expected.items())

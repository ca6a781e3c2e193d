# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
from types import SimpleNamespace

from mmengine.hooks import EMAHook
from mmengine.model import is_model_wrapper
from mmengine.registry import MODEL_WRAPPERS
from torch import nn

from mmdiffrep.engine.averaged_model import averaged_model


def test_without_ema_it_is_the_model_in_training():
    model = nn.Linear(2, 2)
    assert averaged_model(SimpleNamespace(hooks=[], model=model)) is model


def test_without_ema_a_wrapper_is_taken_off():
    @MODEL_WRAPPERS.register_module(name='WrapperOfThisTest')
    class Wrapper(nn.Module):
        def __init__(self, module: nn.Module) -> None:
            super().__init__()
            self.module = module

    wrapped = Wrapper(nn.Linear(2, 2))
    assert is_model_wrapper(wrapped)
    assert averaged_model(SimpleNamespace(hooks=[], model=wrapped)) is wrapped.module
    MODEL_WRAPPERS.module_dict.pop('WrapperOfThisTest')


def test_with_ema_it_is_the_averaged_copy():
    hook, model = EMAHook(), nn.Linear(2, 2)
    runner = SimpleNamespace(hooks=[hook], model=model)
    hook.before_run(runner)
    assert averaged_model(runner) is hook.ema_model.module
    assert averaged_model(runner) is not model

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
import torch

from mmdiffrep.diffusion import PromptEncoder
from mmdiffrep.testing.tiny_latent import save_tiny_pipeline


@pytest.fixture(scope='module', autouse=True)
def own_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('MMDIFFREP_CACHE', str(tmp_path_factory.mktemp('cache')))
        yield


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    return save_tiny_pipeline('sd', tmp_path_factory.mktemp('sd'))


def test_prompts_are_encoded_once(folder, monkeypatch):
    encoder = PromptEncoder(str(folder))
    first = encoder(['a cat', 'a dog'])
    assert len(first) == 2 and not torch.equal(*first.prompt_embeds)
    monkeypatch.setattr(PromptEncoder, '_encode', lambda *_: 1 / 0)
    assert PromptEncoder(str(folder))(['a cat', 'a dog']) == first

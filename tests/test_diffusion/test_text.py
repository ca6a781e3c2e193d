# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import json
import shutil

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


def test_code_in_the_folder_is_not_run(folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / 'sd')
    index = json.loads((copy / 'model_index.json').read_text())
    index['text_encoder'] = ['own_code', 'Encoder']
    (copy / 'model_index.json').write_text(json.dumps(index))
    ran = tmp_path / 'ran'
    (copy / 'text_encoder' / 'own_code.py').write_text(f'open({str(ran)!r}, "w")')
    with pytest.raises(ValueError, match="text_encoder of 'own_code'; code .* is not run"):
        PromptEncoder(str(copy))('another prompt')
    assert not ran.exists()

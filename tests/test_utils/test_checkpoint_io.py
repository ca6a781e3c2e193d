# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import json
import os
import pickle
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from mmengine.fileio import LocalBackend
from mmengine.logging import HistoryBuffer
from mmengine.runner import CheckpointLoader
from safetensors.torch import save_file

from mmdiffrep.utils import checkpoint_io
from mmdiffrep.utils.checkpoint_io import (
    ensure_safe_loader,
    load_checkpoint_file,
    register_safe_loader,
)
from mmdiffrep.utils.checkpoint_names import place_of

WEIGHTS = {'state_dict': {'weight': torch.arange(1000.0)}}


class TestLoad:
    def test_plain_file(self, saved):
        loaded = load_checkpoint_file(saved('a.pth', state=WEIGHTS))
        torch.testing.assert_close(loaded, WEIGHTS)

    def test_safetensors(self, tmp_path):
        save_file(WEIGHTS['state_dict'], tmp_path / 'a.safetensors')
        torch.testing.assert_close(load_checkpoint_file(tmp_path / 'a.safetensors'), WEIGHTS)

    def test_file_of_old_pytorch(self, tmp_path):
        torch.save(WEIGHTS, tmp_path / 'a.pth', _use_new_zipfile_serialization=False)
        torch.testing.assert_close(load_checkpoint_file(tmp_path / 'a.pth'), WEIGHTS)

    def test_missing_file_is_named(self):
        with pytest.raises(FileNotFoundError, match='no_such'):
            load_checkpoint_file('no_such.pth')

    def test_cut_file_is_named(self, saved):
        path = saved('a.pth')
        os.truncate(path, 3000)
        with pytest.raises(RuntimeError, match=r'a\.pth is not a complete checkpoint \(3000 bytes'):
            load_checkpoint_file(path)

    @pytest.mark.parametrize('size', [0, 5, 300, 3000])
    def test_cut_safetensors_file_is_named(self, tmp_path, size):
        path = tmp_path / 'a.safetensors'
        save_file(WEIGHTS['state_dict'], path)
        os.truncate(path, size)
        with pytest.raises(RuntimeError, match=r'a\.safetensors is not a complete checkpoint'):
            load_checkpoint_file(path)

    @pytest.mark.parametrize('size', [30, 120, 600, 3000])
    def test_cut_file_of_old_pytorch_is_named(self, tmp_path, size):
        path = tmp_path / 'a.pth'
        torch.save(WEIGHTS, path, _use_new_zipfile_serialization=False)
        os.truncate(path, size)
        with pytest.raises(RuntimeError, match=r'a\.pth is not a complete checkpoint'):
            load_checkpoint_file(path)

    def test_pickle_with_code_is_refused_and_can_be_trusted(self, saved):
        path = saved('a.pth', state=dict(WEIGHTS, log=HistoryBuffer([1.0], [1])))
        with pytest.raises(pickle.UnpicklingError) as error:
            load_checkpoint_file(path)
        for part in (
            str(path),
            'mmengine.logging.history_buffer.HistoryBuffer',
            '--trust-checkpoint',
            f'convert_checkpoint.py {path} OUT.pth --trust',
            "default_hooks.checkpoint.type='mmdiffrep.AtomicCheckpointHook'",
        ):
            assert part in str(error.value)
        assert load_checkpoint_file(path, trust=True)['log'].current() == 1.0

    @pytest.mark.parametrize('protocol', [2, 4])
    def test_refusal_of_a_legacy_pickle_names_the_code_and_gives_no_bad_advice(
        self, tmp_path, protocol
    ):
        path = tmp_path / 'a.pth'
        state = dict(WEIGHTS, log=HistoryBuffer([1.0], [1]))
        options = dict(_use_new_zipfile_serialization=False, pickle_protocol=protocol)
        torch.save(state, path, **options)
        with pytest.raises(pickle.UnpicklingError) as error:
            load_checkpoint_file(path)
        assert 'history_buffer.HistoryBuffer' in str(error.value)
        assert 'weights_only' not in str(error.value)

    def test_refusal_of_another_legacy_pickle_gives_no_bad_advice(self, tmp_path):
        path = tmp_path / 'a.pth'
        path.write_bytes(pickle.dumps(frozenset({1}), protocol=4))
        with pytest.raises((pickle.UnpicklingError, RuntimeError)) as error:
            load_checkpoint_file(path)
        assert 'weights_only' not in str(error.value)

    @pytest.mark.parametrize('is_old', [False, True])
    def test_code_does_not_run(self, saved, tmp_path, monkeypatch, is_old):
        if is_old:  # before PyTorch 2.6
            monkeypatch.delattr(torch.serialization, 'get_unsafe_globals_in_checkpoint')

        class Bomb:
            def __reduce__(self):
                return os.mkdir, (str(tmp_path / 'exploded'),)

        path = saved('a.pth', state=Bomb())
        with pytest.raises(pickle.UnpicklingError, match='mkdir'):
            load_checkpoint_file(path)
        assert not (tmp_path / 'exploded').exists()


class TestRegisterSafeLoader:
    @pytest.fixture(autouse=True)
    def keep_loaders(self, monkeypatch):
        monkeypatch.setattr(CheckpointLoader, '_schemes', CheckpointLoader._schemes.copy())

    def test_mmengine_loads_by_it(self, saved, tmp_path):
        register_safe_loader()
        torch.testing.assert_close(
            CheckpointLoader.load_checkpoint(str(saved('a.pth', state=WEIGHTS))), WEIGHTS
        )
        save_file(WEIGHTS['state_dict'], tmp_path / 'a.safetensors')
        loaded = CheckpointLoader.load_checkpoint(str(tmp_path / 'a.safetensors'), 'cpu')
        torch.testing.assert_close(loaded, WEIGHTS)

    def test_trust_is_opt_in(self, saved):
        path = str(saved('a.pth', state={'log': HistoryBuffer([1.0], [1])}))
        register_safe_loader()
        with pytest.raises(pickle.UnpicklingError, match='--trust'):
            CheckpointLoader.load_checkpoint(path)
        register_safe_loader(trust=True)
        assert CheckpointLoader.load_checkpoint(path)['log'].current() == 1.0

    def test_another_launcher_gets_the_safe_loader_and_a_trusting_one_stays(self, saved):
        path = str(saved('a.pth', state={'log': HistoryBuffer([1.0], [1])}))
        ensure_safe_loader()
        with pytest.raises(pickle.UnpicklingError, match='--trust'):
            CheckpointLoader.load_checkpoint(path)
        register_safe_loader(trust=True)
        ensure_safe_loader()
        assert CheckpointLoader.load_checkpoint(path)['log'].current() == 1.0

    def test_downloads_are_loaded_safely(self, saved, tmp_path, monkeypatch):
        monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path / 'hub'))
        register_safe_loader()
        path = saved('a.pth', state={'log': HistoryBuffer([1.0], [1])})
        (tmp_path / 'hub' / 'checkpoints').mkdir(parents=True)
        os.rename(path, tmp_path / 'hub' / 'checkpoints' / 'a.pth')
        with pytest.raises(pickle.UnpicklingError, match=r'HistoryBuffer.*hub/checkpoints/a\.pth'):
            CheckpointLoader.load_checkpoint('https://example.com/a.pth')

    @pytest.mark.parametrize('address', ['s3://bucket/a.pth', 'mirror:s3://bucket/a.pth'])
    def test_a_store_of_objects_is_loaded_safely(self, saved, tmp_path, monkeypatch, address):
        class Storage(LocalBackend):
            @contextmanager
            def get_local_path(self, filepath):
                yield str(tmp_path / Path(filepath).name)

        register_safe_loader()
        monkeypatch.setattr(checkpoint_io, 'get_file_backend', lambda *_, **__: Storage())
        saved('a.pth', state=WEIGHTS)
        torch.testing.assert_close(CheckpointLoader.load_checkpoint(address), WEIGHTS)
        saved('a.pth', state={'log': HistoryBuffer([1.0], [1])})
        with pytest.raises(pickle.UnpicklingError, match='HistoryBuffer'):
            CheckpointLoader.load_checkpoint(address)

    def test_a_store_without_a_safe_loader_is_refused(self):
        register_safe_loader()
        with pytest.raises(ValueError, match='download the file'):
            CheckpointLoader.load_checkpoint('pavi://models/a.pth')

    @pytest.mark.parametrize(
        'name', ['torchvision://resnet18', 'open-mmlab://vgg16_caffe', 'mmcls://resnet18', 'own']
    )
    def test_weights_known_by_name_are_loaded_safely(self, saved, tmp_path, monkeypatch, name):
        path = saved('a.pth', state={'log': HistoryBuffer([1.0], [1])})
        monkeypatch.setenv('MMENGINE_HOME', str(tmp_path))
        monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path / 'hub'))
        (tmp_path / 'open_mmlab.json').write_text(json.dumps({'own': path.name}))
        name = 'openmmlab://own' if name == 'own' else name
        place = place_of(name)
        if place.startswith('http'):
            file = tmp_path / 'hub' / 'checkpoints' / place.rpartition('/')[2]
            file.parent.mkdir(parents=True)
            os.rename(path, file)
        register_safe_loader()
        with pytest.raises(pickle.UnpicklingError, match='HistoryBuffer'):
            CheckpointLoader.load_checkpoint(name)
        with pytest.raises(ValueError, match=r"no weights '.*y'. Did you mean"):
            CheckpointLoader.load_checkpoint(name + 'y')

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import json
import os
import pickle
import random
import shutil
import struct
import tracemalloc
import warnings
import zipfile
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
from mmdiffrep.utils.find_checkpoints import find_resume_checkpoint, is_complete, is_intact

WEIGHTS = {'state_dict': {'weight': torch.arange(1000.0)}}


@pytest.fixture
def saved(tmp_path):
    def save(name, pointer=False, state=WEIGHTS, age=0):
        path = tmp_path / name
        torch.save(state, path)
        os.utime(path, ns=(0, 10**18 - age * 10**9))
        if pointer:
            (tmp_path / 'last_checkpoint').write_text(str(path))
        return path

    return save


def _cut(path, size):
    with open(path, 'r+b') as file:
        file.truncate(size)


class TestIsComplete:
    @pytest.mark.parametrize('missing', [1, 10, 200, 2000, 4500])
    def test_cut_file(self, saved, missing):
        path = saved('iter_1.pth')
        assert is_complete(path)
        _cut(path, path.stat().st_size - missing)
        assert not is_complete(path)

    @pytest.mark.parametrize('content', [b'', b'PK', b'nothing like it'])
    def test_no_archive(self, tmp_path, content):
        path = tmp_path / 'iter_1.pth'
        path.write_bytes(content)
        assert not is_complete(path)

    def test_missing_file(self, tmp_path):
        assert not is_complete(tmp_path / 'iter_1.pth')

    def test_other_archive(self, tmp_path):
        with zipfile.ZipFile(tmp_path / 'iter_1.pth', 'w') as archive:
            archive.writestr('readme', 'hello')
        assert not is_complete(tmp_path / 'iter_1.pth')

    def test_pickle_overwritten_with_zeros(self, saved):
        path = saved('iter_1.pth')
        with open(path, 'r+b') as file:
            file.seek(70)
            file.write(bytes(40))
        assert not is_complete(path)


class TestDamage:
    """What checksums and sizes tell, whatever the broken file makes its readers raise."""

    @pytest.mark.parametrize('seed', range(4))
    def test_flipped_bytes_never_raise_and_never_pass_as_other_weights(self, saved, seed):
        path = saved('iter_1.pth')
        whole = path.read_bytes()
        draw = random.Random(seed)
        for _ in range(150):
            at = draw.randrange(len(whole))
            path.write_bytes(
                whole[:at] + bytes([whole[at] ^ 1 << draw.randrange(8)]) + whole[at + 1 :]
            )
            is_complete(path)
            if is_intact(path):
                torch.testing.assert_close(load_checkpoint_file(path), WEIGHTS, rtol=0, atol=0)

    def test_a_flip_in_any_byte_of_the_table_of_contents_never_raises(self, saved):
        path = saved('iter_1.pth')
        whole = path.read_bytes()
        start = whole.index(b'PK\x01\x02')
        for at in range(start, len(whole), 3):
            path.write_bytes(whole[:at] + bytes([whole[at] ^ 255]) + whole[at + 1 :])
            is_complete(path)
            is_intact(path)

    @pytest.mark.parametrize('name', ['iter_4.pth', 'epoch_4.pth'])
    def test_a_zeroed_page_falls_back_to_the_file_before(self, tmp_path, saved, name):
        good = saved(name.replace('4', '2'), age=20)
        path = saved(name, pointer=True)
        with open(path, 'r+b') as file:
            file.seek(2048)  # in the tensor
            file.write(bytes(512))
        assert is_complete(path)
        with pytest.warns(UserWarning, match=name):
            assert find_resume_checkpoint(tmp_path) == str(good)

    def test_a_file_that_needs_trust_is_not_damaged(self, tmp_path, saved):
        path = saved('iter_1.pth', state={'log': HistoryBuffer([1.0], [1])})
        assert is_intact(path) and find_resume_checkpoint(tmp_path) == str(path)

    @pytest.mark.parametrize('record', ['iter_1/data.pkl', 'iter_1/data/0', 'iter_1/else'])
    def test_what_unpacks_to_more_than_the_file_is_refused(self, tmp_path, record):
        path = tmp_path / 'iter_1.pth'
        with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(record, bytes(50_000_000))
            if record != 'iter_1/data.pkl':
                archive.writestr('iter_1/data.pkl', b'.')
        tracemalloc.start()
        assert not is_complete(path) and not is_intact(path)
        with pytest.raises(RuntimeError, match='not a complete checkpoint'):
            load_checkpoint_file(path)
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
        tracemalloc.stop()

    def test_a_size_that_lies_is_refused(self, saved):
        path = saved('iter_1.pth')
        whole = bytearray(path.read_bytes())
        entry = whole.index(b'PK\x01\x02')
        whole[entry + 20 : entry + 28] = struct.pack('<II', 2**31, 2**31)
        path.write_bytes(whole)
        assert not is_complete(path)

    @pytest.mark.timeout(20)
    @pytest.mark.parametrize('name', ['iter_4.pth', 'last_checkpoint'])
    def test_a_pipe_is_not_waited_for(self, tmp_path, saved, name):
        good = saved('iter_2.pth')
        os.mkfifo(tmp_path / name)
        with warnings.catch_warnings(record=True):
            assert find_resume_checkpoint(tmp_path) == str(good)
        with pytest.raises(FileNotFoundError):
            load_checkpoint_file(tmp_path / 'iter_4.pth')

    def test_a_folder_of_that_name_is_skipped(self, tmp_path, saved):
        good = saved('iter_2.pth')
        (tmp_path / 'iter_4.pth').mkdir()
        (tmp_path / 'iter_6.pth').symlink_to(tmp_path / 'gone')
        with warnings.catch_warnings(record=True):
            assert find_resume_checkpoint(tmp_path) == str(good)


class TestFindResumeCheckpoint:
    def test_nothing_there(self, tmp_path):
        assert find_resume_checkpoint(tmp_path) is None
        assert find_resume_checkpoint(tmp_path / 'missing') is None

    def test_the_one_the_pointer_names(self, tmp_path, saved):
        saved('iter_100.pth', age=1000)
        named = saved('iter_20.pth', pointer=True)
        with warnings.catch_warnings():
            warnings.simplefilter('error')
            assert find_resume_checkpoint(tmp_path) == str(named)

    def test_a_newer_one_the_pointer_does_not_know_yet(self, tmp_path, saved):
        saved('iter_2.pth', pointer=True, age=10)
        newer = saved('iter_10.pth')
        assert find_resume_checkpoint(tmp_path) == str(newer)

    def test_cut_files_are_named_and_skipped(self, tmp_path, saved):
        good = saved('iter_2.pth', age=20)
        _cut(saved('iter_10.pth', pointer=True, age=10), 500)
        _cut(saved('iter_12.pth'), 0)
        with pytest.warns(UserWarning) as record:
            assert find_resume_checkpoint(tmp_path) == str(good)
        messages = [str(warning.message) for warning in record]
        assert ['iter_12' in messages[0], 'iter_10' in messages[1]] == [True, True]

    @pytest.mark.parametrize(
        'text',
        [b'', b'/gone/iter_9.pth', b'\xff\xfe\x00', b'x' * 5000, b'\x00', b'/' + b'x' * 300, b'.'],
    )
    def test_useless_pointer(self, tmp_path, saved, text):
        (tmp_path / 'last_checkpoint').write_bytes(text)
        good = saved('epoch_2.pth')
        with warnings.catch_warnings(record=True):
            assert find_resume_checkpoint(tmp_path) == str(good)

    def test_moved_work_dir(self, tmp_path, saved):
        good = saved('iter_2.pth')
        (tmp_path / 'last_checkpoint').write_text('/old/place/iter_2.pth')
        assert find_resume_checkpoint(tmp_path) == str(good)

    def test_copied_work_dir(self, tmp_path, saved):
        saved('iter_2.pth', pointer=True)
        (tmp_path / 'copy').mkdir()
        for name in ('iter_2.pth', 'last_checkpoint'):
            shutil.copy(tmp_path / name, tmp_path / 'copy' / name)
        own = str(tmp_path / 'copy' / 'iter_2.pth')
        assert find_resume_checkpoint(tmp_path / 'copy') == own

    def test_checkpoints_elsewhere(self, tmp_path, saved):
        named = saved('custom.pth')
        (tmp_path / 'run').mkdir()
        (tmp_path / 'run' / 'last_checkpoint').write_text(str(named))
        assert find_resume_checkpoint(tmp_path / 'run') == str(named)

    def test_best_and_foreign_files_are_not_resumed_from(self, tmp_path, saved):
        for name in ('best_mIoU_iter_3.pth', 'student.pth', 'iter_4-0123abcd.pth'):
            saved(name)
        assert find_resume_checkpoint(tmp_path) is None


class TestLoad:
    def test_plain_file(self, saved):
        loaded = load_checkpoint_file(saved('a.pth'))
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
        _cut(path, 3000)
        with pytest.raises(RuntimeError, match=r'a\.pth is not a complete checkpoint \(3000 bytes'):
            load_checkpoint_file(path)

    @pytest.mark.parametrize('size', [0, 5, 300, 3000])
    def test_cut_safetensors_file_is_named(self, tmp_path, size):
        path = tmp_path / 'a.safetensors'
        save_file(WEIGHTS['state_dict'], path)
        _cut(path, size)
        with pytest.raises(RuntimeError, match=r'a\.safetensors is not a complete checkpoint'):
            load_checkpoint_file(path)

    @pytest.mark.parametrize('size', [30, 120, 600, 3000])
    def test_cut_file_of_old_pytorch_is_named(self, tmp_path, size):
        path = tmp_path / 'a.pth'
        torch.save(WEIGHTS, path, _use_new_zipfile_serialization=False)
        _cut(path, size)
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
        torch.testing.assert_close(CheckpointLoader.load_checkpoint(str(saved('a.pth'))), WEIGHTS)
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
        saved('a.pth')
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

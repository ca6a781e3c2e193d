# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import os
import pickle
import warnings
import zipfile

import pytest
import torch
from mmengine.logging import HistoryBuffer
from mmengine.runner import CheckpointLoader
from mmengine.runner.checkpoint import load_from_http, load_from_local
from safetensors.torch import save_file

from mmdiffrep.utils.checkpoint_io import (
    find_resume_checkpoint,
    is_complete,
    load_checkpoint_file,
    register_safe_loader,
)

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

    @pytest.mark.parametrize('text', ['', '/gone/iter_9.pth'])
    def test_useless_pointer(self, tmp_path, saved, text):
        (tmp_path / 'last_checkpoint').write_text(text)
        good = saved('epoch_2.pth')
        with warnings.catch_warnings(record=True):
            assert find_resume_checkpoint(tmp_path) == str(good)

    def test_moved_work_dir(self, tmp_path, saved):
        good = saved('iter_2.pth')
        (tmp_path / 'last_checkpoint').write_text('/old/place/iter_2.pth')
        assert find_resume_checkpoint(tmp_path) == str(good)

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

    def test_code_does_not_run(self, saved, tmp_path):
        class Bomb:
            def __reduce__(self):
                return os.mkdir, (str(tmp_path / 'exploded'),)

        path = saved('a.pth', state=Bomb())
        with pytest.raises(pickle.UnpicklingError, match='mkdir'):
            load_checkpoint_file(path)
        assert not (tmp_path / 'exploded').exists()


class TestRegisterSafeLoader:
    @pytest.fixture(autouse=True)
    def keep_loaders(self):
        yield
        CheckpointLoader.register_scheme('', loader=load_from_local, force=True)
        for prefix in ('http://', 'https://'):
            CheckpointLoader.register_scheme(prefix, loader=load_from_http, force=True)

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

    def test_downloads_are_loaded_safely(self, saved, tmp_path, monkeypatch):
        monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path / 'hub'))
        register_safe_loader()
        path = saved('a.pth', state={'log': HistoryBuffer([1.0], [1])})
        (tmp_path / 'hub' / 'checkpoints').mkdir(parents=True)
        os.rename(path, tmp_path / 'hub' / 'checkpoints' / 'a.pth')
        with pytest.raises(pickle.UnpicklingError, match=r'HistoryBuffer.*hub/checkpoints/a\.pth'):
            CheckpointLoader.load_checkpoint('https://example.com/a.pth')

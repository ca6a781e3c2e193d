# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import os
import random
import shutil
import struct
import tracemalloc
import warnings
import zipfile

import pytest
import torch
from mmengine.logging import HistoryBuffer

from mmdiffrep.utils.checkpoint_io import load_checkpoint_file
from mmdiffrep.utils.find_checkpoints import find_resume_checkpoint, is_complete, is_intact


class TestIsComplete:
    @pytest.mark.parametrize('missing', [1, 10, 200, 2000, 4500])
    def test_cut_file(self, saved, missing):
        path = saved('iter_1.pth')
        assert is_complete(path)
        os.truncate(path, path.stat().st_size - missing)
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
        whole, weights = path.read_bytes(), load_checkpoint_file(path)
        draw = random.Random(seed)
        for _ in range(150):
            at = draw.randrange(len(whole))
            path.write_bytes(
                whole[:at] + bytes([whole[at] ^ 1 << draw.randrange(8)]) + whole[at + 1 :]
            )
            is_complete(path)
            if is_intact(path):
                torch.testing.assert_close(load_checkpoint_file(path), weights, rtol=0, atol=0)

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
        os.truncate(saved('iter_10.pth', pointer=True, age=10), 500)
        os.truncate(saved('iter_12.pth'), 0)
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

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest

from mmdiffrep.datasets.preparation.complete_folder import CompleteFolder


def fail(path):
    path.write_text('half')
    raise KeyboardInterrupt


def write(path):
    path.write_text('whole')


def test_appears_when_it_is_complete(tmp_path):
    folder = CompleteFolder(tmp_path / 'train', 2, '*/*.txt')
    assert folder.place('a/1.txt', write) and not (tmp_path / 'train').exists()
    with pytest.raises(KeyboardInterrupt):
        folder.place('b/2.txt', fail)
    again = CompleteFolder(tmp_path / 'train', 2, '*/*.txt')
    assert not again.exists()
    assert not again.place('a/1.txt', fail), 'what is there is kept'
    assert again.place('b/2.txt', write)
    again.finish()
    assert again.exists()
    assert sorted(path.read_text() for path in (tmp_path / 'train').rglob('*.*')) == ['whole'] * 2


def test_another_number_of_files_is_an_error(tmp_path):
    folder = CompleteFolder(tmp_path / 'train', 2, '*/*.txt')
    folder.place('a/1.txt', write)
    with pytest.raises(ValueError, match='has 1 images and not 2'):
        folder.finish()
    CompleteFolder(tmp_path / 'train', 1, '*/*.txt').finish()
    with pytest.raises(ValueError, match='exists already, with 1 images and not 2'):
        folder.exists()

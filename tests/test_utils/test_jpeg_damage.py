# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import multiprocessing
import os
import threading
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmdiffrep.apis.segmentation_inferencer import _read_image
from mmdiffrep.datasets import ImageListDataset
from mmdiffrep.datasets.preparation.source_files import read_image, upright_size
from mmdiffrep.feature_bank.images import read_sample
from mmdiffrep.matching.images import load_image
from mmdiffrep.testing.damaged_files import damage
from mmdiffrep.utils.image_files import read_rgb
from mmdiffrep.utils.jpeg_damage import jpeg_complaint, naming_jpeg_damage, warn_of_jpeg_damage

ENCODINGS = (
    {},
    dict(quality=95, subsampling=0),
    dict(progressive=True),
    dict(optimize=True),
    dict(restart_marker_blocks=4),
)


@pytest.fixture
def photo():
    y, x = np.mgrid[:256, :256]
    noise = np.random.default_rng(0).normal(0, 10, (256, 256, 3))
    return Image.fromarray((np.stack([x, y, x // 2], -1) // 2 + 60 + noise).astype(np.uint8))


def read_from_a_list(path):
    pipeline = [dict(type='mmcv.LoadImageFromFile'), dict(type='mmdiffrep.PackImage')]
    return ImageListDataset(os.path.dirname(path), pipeline=pipeline)[0]


def read_for_a_bank(path):
    class OfAnotherLibrary:
        def __getitem__(self, index):
            import mmcv
            import torch

            return dict(inputs=torch.from_numpy(mmcv.imread(path)).permute(2, 0, 1))

        def get_data_info(self, index):
            return dict(img_path=path)

    return read_sample(OfAnotherLibrary(), 0)


READERS = (
    *(warn_of_jpeg_damage, read_rgb, load_image, _read_image),
    *(lambda path: read_image(Path(path)), lambda path: upright_size(Path(path))),
    *(read_from_a_list, read_for_a_bank),
)


@pytest.mark.parametrize('read', READERS)
def test_every_reader_names_a_damaged_file_and_no_sound_one(tmp_path, photo, read):
    path = str(tmp_path / 'a.jpg')
    for options in ENCODINGS:
        photo.save(path, **options)
        with warnings.catch_warnings():
            warnings.simplefilter('error')
            read(path)
        damage(tmp_path / 'a.jpg', 'zeroed middle')
        with pytest.warns(UserWarning, match=r'a\.jpg.* is damaged inside.*Corrupt JPEG data'):
            read(path)


def test_other_formats_and_other_messages_pass(tmp_path, photo, capfd):
    photo.save(tmp_path / 'a.png')
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        warn_of_jpeg_damage(tmp_path / 'a.png')
        with naming_jpeg_damage(lambda: 'nothing'):
            os.write(2, b'of another library\n')
    assert capfd.readouterr().err == 'of another library\n'


def test_an_error_comes_through(capfd):
    with pytest.raises(ZeroDivisionError), naming_jpeg_damage(lambda: 'a.jpg'):
        os.write(2, b'before it\n')
        raise ZeroDivisionError
    os.write(2, b'after it\n')
    assert capfd.readouterr().err == 'before it\nafter it\n'


def test_a_reader_inside_another_keeps_what_the_outer_one_heard(tmp_path, photo, capfd):
    path = tmp_path / 'a.jpg'
    photo.save(path)
    damage(path, 'zeroed middle')
    damaged = pytest.warns(UserWarning, match='is damaged inside')
    with damaged as warned, naming_jpeg_damage(lambda: 'outer'):
        os.write(2, b'before\n')
        warn_of_jpeg_damage(path)
        os.write(2, b'after\n')
    assert [str(w.message).partition(' is ')[0] for w in warned] == [str(path)]
    assert capfd.readouterr().err == 'before\nafter\n'


def test_a_forked_process_listens_by_itself(tmp_path, photo, capfd):
    path = tmp_path / 'a.jpg'
    photo.save(path)
    assert jpeg_complaint(path) == ''
    damage(path, 'zeroed middle')
    context = multiprocessing.get_context('fork')
    heard = context.Queue()
    with naming_jpeg_damage(lambda: 'here'):
        os.write(2, b'of the parent\n')
        child = context.Process(target=lambda: heard.put(jpeg_complaint(path)))
        child.start()
        assert heard.get(timeout=60).startswith('Corrupt JPEG data')
        child.join()
    assert capfd.readouterr().err == 'of the parent\n'


def test_the_error_stream_survives_readers_in_threads(capfd):
    first_reads, second_reads, first_ends = (threading.Event() for _ in range(3))

    def first():
        with naming_jpeg_damage(lambda: 'an image'):
            first_reads.set()
            second_reads.wait(10)
        first_ends.set()

    def second():
        first_reads.wait(10)
        with naming_jpeg_damage(lambda: 'an image'):
            second_reads.set()
            first_ends.wait(10)

    threads = [threading.Thread(target=reader) for reader in (first, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    os.write(2, b'still here\n')
    assert capfd.readouterr().err == 'still here\n'

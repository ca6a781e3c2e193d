# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import hashlib
import pickle
import runpy
from pathlib import Path

import cv2
import numpy as np
import pytest

from mmdiffrep.datasets.preparation import cifar10
from mmdiffrep.datasets.preparation.cifar10 import CLASSES, prepare_cifar10

TOOL = Path(__file__).parents[3] / 'tools' / 'prepare_data' / 'cifar10.py'


@pytest.fixture
def download(tmp_path, monkeypatch):
    """Files of the published form with two images of each class."""
    root = tmp_path / 'cifar-10-batches-py'
    root.mkdir()
    rng = np.random.default_rng(0)
    files = {}
    for split, names in cifar10.FILES.items():
        files[split] = {}
        for name in names:
            labels = list(range(10)) * 2
            data = rng.integers(0, 256, (20, 3072), dtype=np.uint8)
            (root / name).write_bytes(pickle.dumps(dict(data=data, labels=labels)))
            files[split][name] = hashlib.md5((root / name).read_bytes()).hexdigest()
    monkeypatch.setattr(cifar10, 'FILES', files)
    return root


def test_images_are_those_of_the_batches(download, tmp_path):
    report = prepare_cifar10(download, tmp_path / 'out', train=3, test=1)
    assert report == ({'train': 30, 'test': 10}, 40)
    # The third cat is the first one of the second batch.
    batch = pickle.loads((download / 'data_batch_2').read_bytes())
    rgb = cv2.imread(str(tmp_path / 'out' / 'train' / 'cat' / '0002.png'))[..., ::-1]
    assert np.array_equal(rgb, batch['data'][3].reshape(3, 32, 32).transpose(1, 2, 0))
    for split in ('train', 'test'):
        names = {path.name for path in (tmp_path / 'out' / split).iterdir()}
        assert names == set(CLASSES)
    assert prepare_cifar10(download, tmp_path / 'out', train=3, test=1).written == 0


def test_another_size_does_not_mix_with_the_first(download, tmp_path):
    prepare_cifar10(download, tmp_path / 'out', train=3, test=1)
    with pytest.raises(ValueError, match='with 30 images and not 40'):
        prepare_cifar10(download, tmp_path / 'out', train=4, test=1)


def test_only_the_published_files_are_unpickled(download, tmp_path):
    (download / 'test_batch').write_bytes(pickle.dumps(dict(data=[], labels=[])))
    with pytest.raises(ValueError, match=r'test_batch is damaged, or not the published file'):
        prepare_cifar10(download, tmp_path / 'out', train=1, test=1)


def test_tool_names_bad_input(download, tmp_path, capsys):
    main = runpy.run_path(str(TOOL))['main']
    out = ['--out', str(tmp_path / 'out')]
    assert main([str(download), *out, '--train', '6000']) == 1
    assert 'train images per class must be in [1, 5000], got 6000' in capsys.readouterr().err
    (download / 'data_batch_3').unlink()
    assert main([str(download), *out]) == 1
    message = capsys.readouterr().err
    assert 'data_batch_3' in message and 'https://www.cs.toronto.edu/~kriz/cifar.html' in message

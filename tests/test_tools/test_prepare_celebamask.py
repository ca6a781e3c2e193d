# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import os
import runpy
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mmdiffrep.datasets.preparation.celebamask import prepare_celebamask
from mmdiffrep.datasets.preparation.celebamask_source import CelebAMaskSource

REPOSITORY = Path(__file__).parents[2]
TOOL = REPOSITORY / 'tools' / 'prepare_data' / 'celebamask.py'
NUM_IMAGES = 400


@pytest.fixture(scope='module')
def download(tmp_path_factory):
    """A small download: enough faces that a preparation can be stopped in the middle."""
    root = tmp_path_factory.mktemp('download')
    (root / 'CelebA-HQ-img').mkdir()
    (root / 'CelebAMask-HQ-mask-anno' / '0').mkdir(parents=True)
    rng = np.random.default_rng(0)
    for image_id in range(NUM_IMAGES):
        image = rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)
        Image.fromarray(image).save(root / 'CelebA-HQ-img' / f'{image_id}.jpg')
        mask = np.zeros((32, 32), np.uint8)
        mask[: 1 + image_id % 32] = 255
        Image.fromarray(mask).save(
            root / 'CelebAMask-HQ-mask-anno' / '0' / f'{image_id:05d}_skin.png'
        )
    rows = [f'{i} {i} {i + 1:06d}.jpg' for i in range(NUM_IMAGES)]
    (root / 'CelebA-HQ-to-CelebA-mapping.txt').write_text(
        'idx orig_idx orig_file\n' + '\n'.join(rows)
    )
    (root / 'list_eval_partition.txt').write_text(
        '\n'.join(f'{i + 1:06d}.jpg {i % 3}' for i in range(NUM_IMAGES))
    )
    return root


def start(source, out):
    options = ['--out', str(out), '--size', '32', '--workers', '1']
    process = subprocess.Popen(
        [sys.executable, str(TOOL), str(source), *options],
        start_new_session=True,
        # A background job starts with SIGINT ignored, and its children would ignore it as well.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        env={**os.environ, 'PYTHONPATH': str(REPOSITORY)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not list(out.glob('masks/*.png')):
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.002)
    return process


def stop_in_the_middle(source, tmp_path, signal_number):
    """Stops a preparation; on a busy machine it may be over before the signal: then once more."""
    for attempt in range(5):
        out = tmp_path / f'attempt{attempt}'
        process = start(source, out)
        os.killpg(process.pid, signal_number)
        _, stderr = process.communicate()
        if not list(out.glob('*.txt')):
            return out, process.returncode, stderr
    raise AssertionError('five runs were over before they could be stopped')


def contents(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob('*')
        if path.is_file()
    }


def test_killed_in_the_middle_it_goes_on(download, tmp_path):
    out, _, _ = stop_in_the_middle(download, tmp_path, signal.SIGKILL)
    written = len(list(out.glob('masks/[0-9]*.png')))

    stdout, stderr = start(download, out).communicate()
    counts = f'{NUM_IMAGES - written} faces written, {written} were complete already'
    assert counts in stdout, stderr
    assert 'train 134, val 133, test 133' in stdout
    prepare_celebamask(CelebAMaskSource(download), tmp_path / 'at_once', size=32, workers=1)
    assert contents(out) == contents(tmp_path / 'at_once')


def test_interrupted_it_stops_soon_and_says_how_to_go_on(download, tmp_path):
    _, returncode, stderr = stop_in_the_middle(download, tmp_path, signal.SIGINT)
    assert returncode == 130
    assert stderr == 'Interrupted; the same command goes on from here.\n'


def test_missing_download_is_one_clear_message(tmp_path, capsys):
    tool = runpy.run_path(str(TOOL))
    assert tool['main']([str(tmp_path / 'nowhere'), '--out', str(tmp_path / 'out')]) == 1
    message = capsys.readouterr().err
    assert message.startswith('error: CelebAMask-HQ: not found:')
    assert str(tmp_path / 'nowhere' / 'CelebA-HQ-img') in message
    assert 'https://github.com/switchablenorms/CelebAMask-HQ' in message

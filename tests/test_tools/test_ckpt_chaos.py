# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""A fault injector that knows nothing of us: ``pip install ckpt-chaos``, then ``-m slow``."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = """
import sys
from mmdiffrep.testing.compare_runs import digest_of_end
from mmdiffrep.testing.tiny_run import run
from mmdiffrep.utils.find_checkpoints import find_resume_checkpoint

task, work_dir = sys.argv[1:]
if task == 'digest':
    print(digest_of_end(work_dir))
else:
    found = find_resume_checkpoint(work_dir)
    step = found.rpartition('_')[2].removesuffix('.pth') if found else 0
    print('resumed from step', step)
    run(work_dir, length=6, val_interval=2, checkpoint=dict(interval=2, max_keep_ckpts=-1))
"""


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_every_fault_of_a_save_ends_like_an_undisturbed_run(tmp_path):
    pytest.importorskip('ckpt_chaos')
    script = tmp_path / 'train.py'
    script.write_text(SCRIPT)
    command = [sys.executable, str(script)]
    result = subprocess.run(
        [
            *(sys.executable, '-m', 'ckpt_chaos', 'run', '--modes', 'before,torn,term'),
            *('--max-points', os.environ.get('CHAOS_POINTS', '60'), '--work', str(tmp_path)),
            *('--step-regex', r'resumed from step (\d+)'),
            *('--result-cmd', ' '.join([*command, 'digest', '{out}'])),
            *('--', *command, 'train', '{out}'),
        ],
        env={
            **os.environ,
            'PYTHONPATH': os.pathsep.join([str(ROOT), os.environ.get('PYTHONPATH', '')]),
            'CUDA_VISIBLE_DEVICES': '-1',
        },
        capture_output=True,
        text=True,
    )
    print(result.stdout)
    assert result.returncode == 0, result.stdout + result.stderr

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

TOOLS = Path(__file__).resolve().parents[2] / 'tools' / 'setup'
NAME = 'mmcv-2.1.0-cp311-cp311-linux_x86_64.whl'


@pytest.fixture
def mmcv_wheel(import_tool):
    return import_tool('mmcv_wheel')


def write_wheel(folder, content='mmcv/_ext.so'):
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(folder / NAME, 'w') as archive:
        archive.writestr(content, 'x' * 1000)
    return folder / NAME


@pytest.fixture
def builds(mmcv_wheel, monkeypatch, tmp_path):
    """Pretends to download and compile; records the commands and their environments."""
    commands = []

    def pretend(command, log, show, env=None, keep_open=()):
        commands.append((command, env or {}))
        if 'download' in command:
            folder = Path(command[command.index('-d') + 1])
            (folder / 'mmcv-2.1.0').mkdir()
            archive = folder / 'mmcv-2.1.0.tar.gz'
            subprocess.run(['tar', '-czf', archive, '-C', folder, 'mmcv-2.1.0'], check=True)
            (folder / 'mmcv-2.1.0').rmdir()
        elif command[0] == 'tar':
            subprocess.run(command, check=True)
        else:
            write_wheel(Path(command[command.index('-w') + 1]))

    monkeypatch.setattr(mmcv_wheel, 'run_step', pretend)
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    monkeypatch.delenv('FORCE_CUDA', raising=False)
    return commands


def test_builds_once_per_machine(mmcv_wheel, builds, tmp_path):
    wheel = mmcv_wheel.provide_wheel(Path(sys.executable), Path('constraints.txt'))
    assert wheel.name == NAME and wheel.is_file() and tmp_path in wheel.parents
    assert sorted(path.name for path in wheel.parent.iterdir()) == ['.lock', NAME]
    assert list((tmp_path / 'mmdiffrep' / 'build').iterdir()) == []
    env = builds[-1][1]
    (download,) = (command for command, _ in builds if 'download' in command)
    required = Path(download[download.index('-r') + 1]).read_text().splitlines()[-1]
    assert required.startswith(f'mmcv=={mmcv_wheel.MMCV_VERSION} --hash=sha256:')
    assert (env['MMCV_WITH_OPS'], env['FORCE_CUDA'], env['CUDA_VISIBLE_DEVICES']) == ('1', '0', '')
    builds.clear()
    assert mmcv_wheel.provide_wheel(Path(sys.executable), Path('constraints.txt')) == wheel
    assert builds == []


def test_folder_names_torch_python_and_platform(mmcv_wheel, builds):
    import torch

    wheel = mmcv_wheel.provide_wheel(Path(sys.executable), Path('constraints.txt'))
    parts = wheel.parent.name.split('-')
    assert parts[0] == 'torch' + torch.__version__.replace('+', '_')
    assert parts[1] == 'cp{}{}'.format(*sys.version_info[:2]) and parts[2] == sys.platform


def test_cuda_ops_are_kept_apart(mmcv_wheel, builds, monkeypatch):
    cpu = mmcv_wheel.provide_wheel(Path(sys.executable), Path('constraints.txt'))
    monkeypatch.setenv('FORCE_CUDA', '1')
    cuda = mmcv_wheel.provide_wheel(Path(sys.executable), Path('constraints.txt'))
    assert cuda.parent != cpu.parent and 'CUDA_VISIBLE_DEVICES' not in builds[-1][1]


def test_an_interrupted_build_goes_on_in_the_same_source_tree(mmcv_wheel, builds, tmp_path):
    whole = mmcv_wheel.run_step

    def killed(command, *rest):
        if 'wheel' in command:
            raise KeyboardInterrupt
        whole(command, *rest)

    mmcv_wheel.run_step = killed
    with pytest.raises(KeyboardInterrupt):
        mmcv_wheel.provide_wheel(Path(sys.executable), Path('constraints.txt'))
    mmcv_wheel.run_step = whole
    (source,) = (tmp_path / 'mmdiffrep' / 'build').glob('*/mmcv-2.1.0')
    builds.clear()
    mmcv_wheel.provide_wheel(Path(sys.executable), Path('constraints.txt'))
    assert [command[-1] for command, _ in builds] == [str(source)]


@pytest.mark.parametrize('damage', ['cut', 'without ops', 'changed'])
def test_a_damaged_wheel_is_not_used(mmcv_wheel, tmp_path, damage):
    wheel = write_wheel(tmp_path, 'mmcv/ops.py' if damage == 'without ops' else 'mmcv/_ext.so')
    content = wheel.read_bytes()
    if damage == 'cut':
        wheel.write_bytes(content[:-30])
    elif damage == 'changed':
        wheel.write_bytes(content.replace(b'xxx', b'xyx', 1))
    assert mmcv_wheel.complete_wheel(tmp_path) is None and not wheel.exists()


def test_a_second_process_waits_and_finds_the_wheel(mmcv_wheel, builds, tmp_path):
    """The lock outlives the process that took it for as long as its compiler runs."""
    first = mmcv_wheel.provide_wheel(Path(sys.executable), Path('constraints.txt'))
    with open(first.parent / '.lock', 'w') as lock:
        import fcntl

        fcntl.flock(lock, fcntl.LOCK_EX)
        compiler = subprocess.Popen(['sleep', '2'], pass_fds=[lock.fileno()])
    code = (
        'from pathlib import Path; import sys; from mmcv_wheel import provide_wheel; '
        "print(provide_wheel(Path(sys.executable), Path('c')))"
    )
    env = {**os.environ, 'PYTHONPATH': str(TOOLS)}
    command = [sys.executable, '-W', 'ignore', '-c', code]
    output = subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout
    assert compiler.poll() is not None, 'it did not wait for the compiler'
    assert output.splitlines()[-1] == str(first)

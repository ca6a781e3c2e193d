# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import subprocess
import sys
from pathlib import Path

import pytest

TOOL = Path(__file__).resolve().parents[2] / 'tools' / 'setup' / 'setup_env.py'


@pytest.fixture
def setup_env(import_tool):
    return import_tool('setup_env')


@pytest.fixture
def environment(setup_env, monkeypatch, tmp_path):
    """An environment's folder, with each step recorded instead of run."""
    commands = []

    def record(command, *rest):
        commands.append(command)
        if command[1:3] == ['-m', 'venv']:
            (tmp_path / 'env' / 'bin').mkdir(parents=True)
            (tmp_path / 'env' / 'bin' / 'python').symlink_to(sys.executable)

    monkeypatch.setattr(setup_env, 'run_step', record)
    monkeypatch.setattr(setup_env, 'provide_wheel', lambda python, constraints: 'mmcv.whl')
    monkeypatch.setattr(setup_env, 'DISK_GB', 0)
    return tmp_path / 'env', commands


def packages(commands):
    return ' '.join(word for command in commands for word in command[6:])


def test_builds_once_then_recognizes_what_it_built(setup_env, environment, capsys):
    venv, commands = environment
    setup_env.build(venv)
    assert (venv / setup_env.MARKER).exists()
    for package in (
        'build.txt',
        'torchvision',
        'hosts.txt',
        'optional.txt',
        'timm.txt',
        'mmcv.whl',
        '-e',
    ):
        assert package in packages(commands)
    commands.clear()
    setup_env.build(venv)
    assert commands == [] and 'is ready' in capsys.readouterr().out


def test_changed_requirements_install_again(setup_env, environment, monkeypatch):
    venv, commands = environment
    setup_env.build(venv)
    commands.clear()
    monkeypatch.setattr(setup_env, 'fingerprint', lambda: 'another')
    setup_env.build(venv)
    assert 'torchvision' in packages(commands)


def test_a_failed_step_leaves_it_unfinished(setup_env, environment, monkeypatch):
    venv, _ = environment

    def fail(python, constraints):
        raise setup_env.StepFailed('no compiler')

    working = setup_env.provide_wheel
    monkeypatch.setattr(setup_env, 'provide_wheel', fail)
    with pytest.raises(setup_env.StepFailed):
        setup_env.build(venv)
    assert not (venv / setup_env.STAMP).exists()
    monkeypatch.setattr(setup_env, 'provide_wheel', working)
    setup_env.build(venv)
    assert (venv / setup_env.STAMP).exists()


def test_begins_anew_when_interrupted_before_pip_worked(setup_env, environment, monkeypatch):
    venv, commands = environment
    venv.mkdir()
    (venv / setup_env.MARKER).touch()
    (venv / 'lib').mkdir()
    (venv / 'lib64').symlink_to('lib')
    setup_env.build(venv)
    assert commands[0][1:3] == ['-m', 'venv'] and not (venv / 'lib').exists()


def test_half_installed_packages_are_removed(setup_env, tmp_path):
    site = tmp_path / 'lib' / 'python3.11' / 'site-packages'
    for name, record in (('whole', 'whole.py,,\n'), ('cut', None), ('empty', '')):
        folder = site / f'{name}-1.0.dist-info'
        folder.mkdir(parents=True)
        if record is not None:
            (folder / 'RECORD').write_text(record)
    (site / '~orch').mkdir()
    (site / 'whole').mkdir()
    setup_env.remove_half_installed(tmp_path)
    assert sorted(path.name for path in site.iterdir()) == ['whole', 'whole-1.0.dist-info']


def test_every_requirement_has_a_tested_version(setup_env):
    assert set(setup_env.needed_distributions()) <= set(setup_env.tested_versions())


def test_a_foreign_environment_is_checked_and_left_alone(tmp_path):
    subprocess.run([sys.executable, '-m', 'venv', '--without-pip', tmp_path / 'env'], check=True)
    before = sorted(tmp_path.rglob('*'))
    command = [sys.executable, TOOL, '--venv', tmp_path / 'env']
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 1
    assert 'lacks: ' in result.stderr and 'torchvision' in result.stderr and 'mmcv' in result.stderr
    assert sorted(tmp_path.rglob('*')) == before


def test_this_environment_passes_as_a_foreign_one(setup_env, capsys):
    setup_env.check_foreign(Path(sys.prefix))
    assert 'as it is' in capsys.readouterr().out


def test_a_folder_that_is_no_environment_is_refused(setup_env, tmp_path):
    (tmp_path / 'thesis.tex').touch()
    with pytest.raises(setup_env.StepFailed, match='is not a Python environment'):
        setup_env.check_foreign(tmp_path)


def test_a_python_that_is_too_old_is_named(setup_env, monkeypatch, tmp_path):
    monkeypatch.setattr(setup_env, 'MIN_PYTHON', (3, 99))
    monkeypatch.setattr(setup_env, 'END_PYTHON', (4, 0))
    with pytest.raises(setup_env.StepFailed, match='PYTHON='):
        setup_env.check_machine(tmp_path)


def test_missing_compiler_is_named(setup_env, monkeypatch, tmp_path):
    monkeypatch.setenv('CXX', 'no-such-compiler')
    with pytest.raises(setup_env.StepFailed, match='build-essential'):
        setup_env.check_machine(tmp_path)


def test_another_python_than_the_environments_is_refused(setup_env, tmp_path):
    (tmp_path / 'pyvenv.cfg').write_text('version = 3.7.1\n')
    with pytest.raises(setup_env.StepFailed, match='another Python'):
        setup_env.check_machine(tmp_path)

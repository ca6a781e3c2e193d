# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Three lines from a folder of images to a student."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import Config
from PIL import Image

from mmdiffrep.apis import pretrain
from mmdiffrep.apis.pretraining import Pretrained
from mmdiffrep.diffusion.taps import TapError
from mmdiffrep.testing import tiny_teacher

STUDENT = dict(type='mmseg.ResNet', depth=18, base_channels=4, stem_channels=4)
TEACHER = tiny_teacher(num_timesteps=100)


@pytest.fixture(scope='module')
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp('photos')
    for index in range(8):
        pixels = np.random.default_rng(index).integers(0, 256, (40, 48, 3)).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f'{index}.jpg')
    return folder


def run(photos, out, **options):
    options = dict(data=photos, student=STUDENT, teacher=TEACHER, epochs=3, num_workers=0) | options
    return pretrain(out=out, **options)


def weights(out):
    return torch.load(out / 'student.pth', weights_only=True)


def differences(first, second):
    a, b = weights(first), weights(second)
    assert a.keys() == b.keys()
    return max(float((a[name].double() - b[name].double()).abs().max()) for name in a)


@pytest.fixture(scope='module')
def finished(photos, tmp_path_factory):
    out = tmp_path_factory.mktemp('runs') / 'a'
    return run(photos, out), out


def test_it_leaves_weights_and_the_config_that_made_them(finished, photos):
    result, out = finished
    assert result.weights == out / 'student.pth' and result.config == out / 'config.py'
    cfg = Config.fromfile(result.config)
    assert cfg.train_cfg.max_iters == 12 and cfg.train_dataloader.batch_size == 2
    assert (out / 'images.txt').read_text().split() == [f'{i}.jpg' for i in range(8)]
    lines = '\n'.join(result.lines())
    assert "backbone=dict(type='mmseg.ResNet', " in lines and str(result.weights) in lines


def test_the_student_loads_with_no_missing_key(finished):
    from mmengine.registry import MODELS

    result, out = finished
    backbone = MODELS.build(result.backbone)
    backbone.init_weights()
    assert all(torch.equal(v, weights(out)[k]) for k, v in backbone.state_dict().items())


def test_seeds(finished, photos, tmp_path):
    _, out = finished
    run(photos, tmp_path / 'b')
    assert differences(out, tmp_path / 'b') == 0.0
    run(photos, tmp_path / 'c', seed=1)
    assert differences(out, tmp_path / 'c') > 0


def test_a_used_folder_is_refused(finished, photos):
    _, out = finished
    with pytest.raises(FileExistsError, match='--resume'):
        run(photos, out)


def test_a_folder_of_a_run_that_never_saved_is_named(photos, tmp_path):
    with pytest.raises(TapError):
        run(photos, tmp_path / 'a', tap='dec.33')
    with pytest.raises(FileExistsError, match='before its first checkpoint: delete the folder'):
        run(photos, tmp_path / 'a')


@pytest.mark.parametrize(
    ('changed', 'name'),
    [
        (dict(student='torchvision:resnet18'), 'student'),
        (dict(teacher='mmdiffrep://toyfaces_ddpm_64'), 'teacher'),
    ],
)
def test_another_student_or_teacher_on_resume_is_refused(finished, photos, changed, name):
    _, out = finished
    with pytest.raises(ValueError, match=f'was started with {name}='):
        run(photos, out, resume=True, **changed)


@pytest.mark.parametrize(
    'changed',
    [dict(epochs=5), dict(size=32), dict(batch_size=4), dict(lr=0.1), dict(tap='mid'),
     dict(seed=1), dict(num_workers=1), dict(probe='photos'), dict(drop=0.5)],
)  # fmt: skip
def test_another_option_on_resume_is_refused(finished, photos, changed):
    _, out = finished
    with pytest.raises(ValueError, match=f'{next(iter(changed))}=.*would have no effect'):
        run(photos, out, resume=True, **changed)


def test_options_that_are_left_out_on_resume_are_those_of_the_run(finished, photos):
    _, out = finished
    pretrain(photos, STUDENT, TEACHER, out, num_workers=0, resume=True)


def test_a_torchvision_student_says_how_it_is_loaded_and_fed():
    lines = Pretrained(
        Path('a.pth'),
        Path('config.py'),
        dict(name='torchvision:resnet18'),
        [1.0, 2.0, 3.0],
        [4.0] * 3,
    ).lines()
    assert '    model = torchvision.models.resnet18()' in lines
    assert "    model.load_state_dict(torch.load('a.pth'), strict=False)" in lines
    assert any('minus [1.0, 2.0, 3.0], divided by [4.0, 4.0, 4.0]' in line for line in lines)


def test_other_images_on_resume_are_refused(finished, photos, tmp_path):
    _, out = finished
    other = tmp_path / 'photos'
    other.mkdir()
    with pytest.raises(FileNotFoundError):
        run(photos, tmp_path / 'nothing', resume=True)
    for path in list(photos.iterdir())[:4]:
        (other / path.name).write_bytes(path.read_bytes())
    with pytest.raises(ValueError, match='was started with data='):
        run(other, out, resume=True)


def test_an_added_image_on_resume_is_told(photos, tmp_path):
    copy = tmp_path / 'photos'
    copy.mkdir()
    for path in photos.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    run(copy, tmp_path / 'a', epochs=1)
    Image.new('RGB', (50, 50)).save(copy / 'new.png')
    with pytest.raises(ValueError, match='1 new, 0 gone'):
        run(copy, tmp_path / 'a', epochs=1, resume=True)


def test_bad_files_end_the_run_before_it_begins_or_are_skipped(photos, tmp_path):
    copy = tmp_path / 'photos'
    copy.mkdir()
    for path in photos.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    (copy / 'bad.png').write_bytes(b'nothing')
    with pytest.raises(ValueError, match='bad.png'):
        run(copy, tmp_path / 'a')
    assert not (tmp_path / 'a').exists()
    run(copy, tmp_path / 'a', epochs=1, skip_bad=True)
    assert 'bad.png' in (tmp_path / 'a' / 'bad_files.txt').read_text()
    assert 'bad.png' not in (tmp_path / 'a' / 'images.txt').read_text()


class Death(BaseException):
    """What ends a run between two steps."""


def test_a_run_that_died_resumes_to_the_same_bits(photos, tmp_path, monkeypatch):
    from mmdiffrep.engine.hooks import LearningWatchHook

    run(photos, tmp_path / 'whole', epochs=8, num_workers=1)

    def die(hook, runner, *args, **kwargs):
        if runner.iter == 23:
            raise Death

    with monkeypatch.context() as patch:
        patch.setattr(LearningWatchHook, 'after_train_iter', die)
        with pytest.raises(Death):
            run(photos, tmp_path / 'died', epochs=8, num_workers=1)
    early = weights(tmp_path / 'died')  # the student of the last save is there
    run(photos, tmp_path / 'died', epochs=8, num_workers=1, resume=True)
    assert differences(tmp_path / 'whole', tmp_path / 'died') == 0.0
    late = weights(tmp_path / 'died')
    assert any(not torch.equal(early[name], late[name]) for name in early)


def test_several_teachers(photos, tmp_path):
    teachers = [TEACHER, 'random:torchvision:resnet18']
    result = run(photos, tmp_path / 'a', teacher=teachers, drop=0.3, size=32)
    hook = Config.fromfile(result.config).default_hooks.repfusion
    assert list(hook.teacher.teachers) == ['UNet2DDenoiser', 'resnet18']
    assert [pair.teacher for pair in hook.pairs] == ['UNet2DDenoiser/dec.3', 'resnet18/layer4']
    assert hook.teacher.drop == 0.3 and all(pair.balance for pair in hook.pairs)
    with pytest.raises(ValueError, match='one for each of teachers'):
        run(photos, tmp_path / 'b', teacher=teachers, tap=['mid'])


def test_another_library_as_the_teacher(photos, tmp_path):
    result = run(photos, tmp_path / 'a', teacher='random:torchvision:resnet18', size=32, epochs=1)
    hook = Config.fromfile(result.config).default_hooks.repfusion
    assert hook.teacher == 'random:torchvision:resnet18' and hook.pairs[0].teacher == 'layer4'
    assert 'noise' not in hook


def test_it_needs_neither_mmcv_nor_a_host(photos, tmp_path):
    code = (
        'import sys\n'
        "for name in ('mmcv', 'mmseg', 'mmpose', 'mmpretrain', 'mmdet', 'scipy', 'transformers'):\n"
        '    sys.modules[name] = None\n'
        'from mmdiffrep.apis import pretrain\n'
        f'pretrain({str(photos)!r}, "torchvision:shufflenet_v2_x0_5",\n'
        f'         "random:torchvision:shufflenet_v2_x0_5", {str(tmp_path / "a")!r},\n'
        '         epochs=1, num_workers=0, size=32)\n'
    )
    root = Path(__file__).resolve().parents[2]
    env = {**os.environ, 'PYTHONPATH': str(root), 'CUDA_VISIBLE_DEVICES': '-1'}
    done = subprocess.run(
        [sys.executable, '-c', code], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert 'conv1.0.weight' in weights(tmp_path / 'a')

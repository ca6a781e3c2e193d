# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The comparison of students: what is trained, in which order, with which options, and the table.

The trainings are real, from the shipped configs, but of two steps and in this process.
"""

import csv
import shutil
import subprocess
from contextlib import redirect_stdout
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from mmengine.config import Config

from mmdiffrep.cli import train
from mmdiffrep.datasets import FashionMNISTDataset

TOOLS = Path(__file__).parents[2] / 'tools'
CONFIGS = TOOLS.parent / 'configs' / 'repfusion' / 'experiments'
SCRATCH = 'repfusion/experiments/fashionmnist_r18_scratch.py'
DISTILLED = f'{CONFIGS}/distill_fashionmnist_r18_cnn.py+{CONFIGS}/fashionmnist_r18_finetune.py'
SHORT = (
    'train_cfg.max_iters=2',
    'default_hooks.checkpoint.interval=2',
    'train_dataloader.batch_size=4',
    'train_dataloader.num_workers=0',
    'train_dataloader.persistent_workers=False',
)


@pytest.fixture
def tool(import_tool, monkeypatch):
    monkeypatch.syspath_prepend(str(TOOLS / 'benchmarks'))
    return import_tool('compare_students')


@pytest.fixture
def took(tool, import_tool):
    """Trainings that took some minutes."""
    return partial(import_tool('student_results').Trained, Path('run'), 'run/iter_1.pth')


@pytest.fixture
def few_images(monkeypatch):
    """Fashion-MNIST of four images a class."""
    images = np.random.default_rng(0).integers(0, 256, (40, 28, 28), dtype=np.uint8)
    items = [dict(img=image, gt_label=index % 10) for index, image in enumerate(images)]
    monkeypatch.setattr(FashionMNISTDataset, 'load_data_list', lambda _: [*map(dict, items)])


@pytest.fixture
def trained(monkeypatch):
    """Trains in this process, and lists the configs."""
    names, run_process = [], subprocess.run

    def run(command, **options):
        if command[1:4] != ['-m', 'mmdiffrep', 'train']:
            return run_process(command, **options)
        names.append(Path(command[4]).stem)
        with redirect_stdout(options['stdout']):
            train.main(command[4:])
        return SimpleNamespace(returncode=0)

    monkeypatch.setattr(subprocess, 'run', run)
    return names


def rows_of(folder):
    with open(folder / 'results.csv', newline='') as file:
        return list(csv.DictReader(file))


def test_trains_what_is_needed_once_and_writes_the_table(
    tool, few_images, trained, tmp_path, monkeypatch
):
    monkeypatch.setattr(tool.Trainer, 'test', lambda *_: {'accuracy/top1': 60.0, 'other': 1.0})
    options = ['--seeds', '0', '--work-dir', str(tmp_path), '--cfg-options', *SHORT]
    tool.main([SCRATCH, DISTILLED, '--fractions', '0.5', *options])
    chain = [
        'fashionmnist_r18_cnn_teacher',
        'distill_fashionmnist_r18_cnn',
        'fashionmnist_r18_finetune',
    ]
    assert trained == ['fashionmnist_r18_scratch', *chain]

    # The folder of a run names what it came from: the CNN of half the labels teaches on all images.
    runs = {
        name: (path, Config.fromfile(path / f'{name}.py'))
        for name in chain
        for path in (tmp_path / 'runs').glob(f'{name}-*labels_0.5/seed0')
    }
    for path, cfg in runs.values():
        assert cfg.randomness.seed == 0 and cfg.train_cfg.max_iters == 2
        assert (path / 'iter_2.pth').is_file() and (path / 'minutes.txt').is_file()
    teacher, distilled, finetuned = (runs[name] for name in chain)
    assert teacher[1].train_dataloader.dataset.fraction == 0.5
    assert finetuned[1].train_dataloader.dataset.fraction == 0.5
    hook = distilled[1].default_hooks.repfusion
    assert hook.teacher.checkpoint == str(teacher[0] / 'iter_2.pth') and hook.seed == 0
    assert finetuned[1].model.backbone.init_cfg.checkpoint == str(distilled[0] / 'iter_2.pth')

    table = (tmp_path / 'table.md').read_text().splitlines()
    assert table[0] == '| accuracy/top1 | 0.5 of the labels |'
    assert table[3] == '| distill_fashionmnist_r18_cnn+fashionmnist_r18_finetune | 60.00 (n = 1) |'

    # Started again: nothing is trained twice.
    trained.clear()
    tool.main([SCRATCH, DISTILLED, '--fractions', '0.5', *options])
    (tmp_path / 'results.csv').unlink()
    tool.main([SCRATCH, '--fractions', '0.5', '--metric', 'other', *options])
    assert not trained
    assert (tmp_path / 'table.md').read_text().startswith('| other |')


def test_tests_the_last_checkpoint(tool, few_images, trained, tmp_path, monkeypatch):
    start = 'val_dataloader.num_workers=0 val_dataloader.persistent_workers=False'
    loaders = [*start.split(), *start.replace('val_', 'test_').split()]
    common = ['--work-dir', str(tmp_path), '--cfg-options', *SHORT, *loaders]
    tool.main([SCRATCH, '--seeds', '3', *common])
    (folder,) = (tmp_path / 'runs').glob('*/seed3')
    cfg = Config.fromfile(folder / 'fashionmnist_r18_scratch.py')
    assert cfg.randomness.seed == 3 and cfg.train_dataloader.dataset.fraction == 1
    rows = {row['metric']: row for row in rows_of(tmp_path)}
    assert rows.keys() == {'accuracy/top1', 'accuracy/top5'}
    assert 0 <= float(rows['accuracy/top1']['value']) <= 100
    assert rows['accuracy/top1']['seed'] == '3'


def test_a_label_curve_shares_the_distillation(tool, trained, tmp_path, monkeypatch):
    monkeypatch.setattr(tool.Trainer, 'test', lambda *_: {'mIoU': 40.0})
    slim = f'{CONFIGS}/toyfaces_r18_slim_scratch.py'
    student = f'{CONFIGS}/distill_toyfaces_r18_slim.py+{CONFIGS}/toyfaces_r18_slim_finetune.py'
    options = ['--seeds', '0', '--work-dir', str(tmp_path), '--cfg-options', *SHORT]
    tool.main([slim, student, '--num-labeled', '4', '8', *options])
    assert sorted(trained) == sorted(
        ['toyfaces_r18_slim_scratch', 'toyfaces_r18_slim_finetune'] * 2
        + ['distill_toyfaces_r18_slim']
    )
    folder = tmp_path / 'runs' / 'toyfaces_r18_slim_scratch-labels_8_images' / 'seed0'
    cfg = Config.fromfile(folder / 'toyfaces_r18_slim_scratch.py')
    assert cfg.train_dataloader.dataset.indices == 8
    table = (tmp_path / 'table.md').read_text().splitlines()
    assert table[0] == '| mIoU | 8 labeled images | 4 labeled images |'


def test_a_validation_set_of_its_own_is_measured_too(tool, trained, tmp_path):
    loaders = [f'{name}_dataloader' for name in ('val', 'test')]
    few = [f'{loader}.num_workers=0' for loader in loaders]
    few += [f'{loader}.persistent_workers=False' for loader in loaders]
    few += ['val_dataloader.dataset.num_images=4', 'test_dataloader.dataset.num_images=8']
    options = ['--work-dir', str(tmp_path), '--cfg-options', *SHORT, *few]
    tool.main([f'{CONFIGS}/toyfaces_r18_slim_scratch.py', '--seeds', '0', *options])
    found = {row['metric']: float(row['value']) for row in rows_of(tmp_path)}
    assert list(found) == ['aAcc', 'mIoU', 'mAcc', 'val/aAcc', 'val/mIoU', 'val/mAcc']
    assert found['aAcc'] != found['val/aAcc']


def test_a_distillation_that_is_named_twice_counts_once(tool, tmp_path):
    trainer = tool.Trainer(tmp_path, [], None)
    config = CONFIGS / 'toyfaces_r18_slim_finetune_soft.py'
    keys = ['model.backbone.init_cfg.checkpoint', 'model.decode_head.init_cfg.checkpoint']
    for start in (None, CONFIGS / 'distill_toyfaces_r18_slim.py'):
        found = trainer._needs(Config.fromfile(config), config, start)
        assert found == {start or CONFIGS / 'distill_toyfaces_r18_slim_soft.py': keys}


def test_ledgers(tool, took, tmp_path):
    """Plain, plain for twice as long, and distilled for a minute from a CNN of half a minute."""
    results = tool.Results(tmp_path / 'results.csv')
    results.add(tool.Row('a', tool.Labels(1.0), 0), {'top1': 70.0}, took(1.0))
    results.add(tool.Row('long', tool.Labels(1.0), 0), {'top1': 73.0}, took(2.0))
    assert results.ledgers() == ''
    results.add(tool.Row('d+a', tool.Labels(1.0), 0), {'top1': 71.0}, took(2.5, 1.0, 0.5))
    found = tool.Results(tmp_path / 'results.csv').ledgers()
    assert 'top1, 1 of the labels' in found
    line = found.splitlines()[-1]
    assert line.startswith('| d+a | 71.00 (n = 1) | +1.00 (one seed) | 120 |')
    assert line.count('-2.00 (one seed) (long, 120 s)') == 1 and 'not compared' in line


def test_a_diffusion_teacher_is_counted_by_what_was_said(tool, took, tmp_path):
    results = tool.Results(tmp_path / 'results.csv')
    results.add(tool.Row('a', tool.Labels(1.0), 0), {'top1': 70.0}, took(1.0))
    results.add(tool.Row('d+a', tool.Labels(1.0), 0), {'top1': 71.0}, took(1.05, 0.05))
    assert results.ledgers().splitlines()[-1].endswith('| unknown |')
    line = results.ledgers(teacher_minutes=5.0, students=100).splitlines()[-1]
    assert line.count('+1.00 (one seed) (a, 60 s)') == 2


def test_students_without_the_metric_are_named(tool, took, tmp_path):
    results = tool.Results(tmp_path / 'results.csv')
    results.add(tool.Row('a', tool.Labels(), 0), {'mIoU': 70.0}, took(1.0))
    results.add(tool.Row('b', tool.Labels(), 0), {'mIoU': 71.0, 'val/mIoU': 72.0}, took(1.0))
    assert 'but without' not in results.table('mIoU')
    assert results.table('val/mIoU').endswith('Tested, but without val/mIoU: a\n')


def test_mean_and_spread(tool, took, tmp_path):
    results = tool.Results(tmp_path / 'results.csv')
    for seed, value in enumerate((80.0, 82.0, 81.0)):
        results.add(
            tool.Row('a', tool.Labels(0.1), seed), {'top1': value, 'NME': value / 1000}, took(1.25)
        )
    results.add(tool.Row('b', tool.Labels(1.0), 0), {'top1': 90.0}, took(1))
    again = tool.Results(tmp_path / 'results.csv')
    assert again.has(tool.Row('a', tool.Labels(0.1), 2)) and not again.has(
        tool.Row('a', tool.Labels(1.0), 2)
    )
    lines = again.table().splitlines()
    assert lines[0] == '| top1 | 1 of the labels | 0.1 of the labels |'
    assert lines[2] == '| a |  | 81.00 ± 1.00 (n = 3) |'
    assert lines[3] == '| b | 90.00 (n = 1) |  |'
    assert again.table('NME').splitlines()[2] == '| a | 0.0810 ± 0.0010 (n = 3) |'
    with pytest.raises(ValueError, match=r"no metric 'mIoU' .* \['top1', 'NME'\]"):
        again.table('mIoU')


def test_a_failure_stops_and_names_its_log(tool, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(subprocess, 'run', lambda *_, **__: SimpleNamespace(returncode=3))
    with pytest.raises(subprocess.CalledProcessError, match='exit status 3'):
        tool.main([SCRATCH, '--work-dir', str(tmp_path)])
    assert 'output.txt' in capsys.readouterr().out.replace('\n', '')
    assert not (tmp_path / 'results.csv').exists() and not [*tmp_path.rglob('minutes.txt')]


def test_bad_input_is_named_before_anything_is_trained(tool, trained, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    finetune = f'{CONFIGS}/fashionmnist_r18_finetune.py'
    uniform = f'{CONFIGS}/distill_fashionmnist_r18_uniform.py'
    random = f'{CONFIGS}/distill_celebamask_64_r18_random.py'
    faces = f'{CONFIGS.parent}/celebamask_64_r18.py'
    cases = (
        ([f'{uniform}+{finetune}'], FileNotFoundError, r'needs work_dirs/ddpm_fash.*train that'),
        (
            [f'{random}+{faces}'],
            FileNotFoundError,
            r'needs random:work_dirs/ddpm_celeb.*train that',
        ),
        ([f'{uniform}+{CONFIGS}/fashionmnist_r18_scratch.py'], ValueError, 'from random weights'),
        ([f'{uniform}+{uniform}+{finetune}'], ValueError, r'at most one \+'),
        (
            [f'{CONFIGS}/face68_r18_scratch_long.py', '--fractions', '0.1'],
            ValueError,
            'all of its data set',
        ),
        (
            [f'{CONFIGS}/fashionmnist_r18_scratch.py', '--num-labeled', '20'],
            ValueError,
            'has no num_labeled that sets',
        ),
        (
            [f'{CONFIGS}/face68_r18_scratch_long.py', '--num-labeled', '0'],
            ValueError,
            'be at least 1',
        ),
        (
            [f'{CONFIGS}/toyfaces_r18_slim_scratch.py', '--num-labeled', '5000'],
            ValueError,
            'has 4000 training images',
        ),
        (
            ['repfusion/experiments/fashionmnist_r18_scrach.py'],
            FileNotFoundError,
            'fashionmnist_r18_scratch',
        ),
    )
    for arguments, error, message in cases:
        with pytest.raises(error, match=message):
            tool.main([*arguments, '--work-dir', 'out'])
    assert trained == []


def test_results_of_other_options_are_not_mixed(tool, tmp_path):
    tool.keep_options(tmp_path, ['a=1'])
    tool.keep_options(tmp_path, ['a=1'])
    with pytest.raises(ValueError, match=r"\['a=1'\], not \['a=2'\]: give another --work-dir"):
        tool.keep_options(tmp_path, ['a=2'])


def test_results_of_a_changed_config_are_not_mixed(tool, tmp_path):
    config = tmp_path / 'student.py'
    config.write_text('depth = 18')
    tool.keep_config(tmp_path / 'results', config)
    tool.keep_config(tmp_path / 'results', config)
    config.write_text('depth = 34')
    with pytest.raises(ValueError, match=r'student\.py or what it inherits has changed'):
        tool.keep_config(tmp_path / 'results', config)


def test_results_of_a_config_that_was_not_kept_are_not_mixed(tool, few_images, trained, tmp_path):
    arguments = [SCRATCH, '--work-dir', str(tmp_path), '--cfg-options', *SHORT, '--seeds']
    tool.main([*arguments, '0'])
    kept = tmp_path / 'configs' / f'{Path(SCRATCH).stem}.txt'
    kept.unlink()
    with pytest.raises(
        ValueError, match='has results of fashionmnist_r18_scratch, but .* is missing'
    ):
        tool.main([*arguments, '1'])
    shutil.rmtree(tmp_path / 'runs')
    with pytest.raises(
        ValueError, match='has results of fashionmnist_r18_scratch, but .* is missing'
    ):
        tool.main([*arguments, '1'])
    assert len(trained) == 1

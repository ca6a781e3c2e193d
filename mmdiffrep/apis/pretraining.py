# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Train a backbone on a folder of images without labels: it learns the features of a teacher."""

import inspect
import os
from argparse import Namespace
from collections.abc import Mapping, Sequence
from itertools import repeat
from pathlib import Path
from typing import Any, NamedTuple

from mmengine.config import Config
from rich.console import Console
from rich.table import Table

from mmdiffrep.apis.pretrain_config import STUDENT_FILE, Plan, Setting, plan_run
from mmdiffrep.apis.pretrain_student import find_student
from mmdiffrep.apis.pretrain_teacher import plan_teacher
from mmdiffrep.cli.run_config import build_runner, load_config
from mmdiffrep.datasets.preparation.image_folder import FolderReport, look_through
from mmdiffrep.utils.atomic_file import write_atomically
from mmdiffrep.utils.checks import as_many, integer, positive
from mmdiffrep.utils.dist import close_dist
from mmdiffrep.utils.find_checkpoints import find_resume_checkpoint

CONFIG_FILE = 'config.py'
IMAGE_LIST = 'images.txt'
BAD_LIST = 'bad_files.txt'
_SIZES = (32, 224)  # px; least, and greatest by default


class Pretrained(NamedTuple):
    """What a run left.

    Attributes:
        weights: The student's weights, a plain state dict.
        config: The config that made them, which ``mmdiffrep train`` runs as well.
        backbone: Config of a backbone with these weights, for mmseg, mmpose, mmpretrain and mmdet.
        mean: Subtracted from the student's images, RGB on the 0..255 scale.
        std: Divides them.
    """

    weights: Path
    config: Path
    backbone: dict[str, Any]
    mean: list[float]
    std: list[float]

    def lines(self) -> list[str]:
        """Return how the weights are loaded, as text."""
        library, _, name = str(self.backbone.get('name', '')).partition(':')
        lines = [f'Student: {self.weights}']
        lines.append(f'It takes RGB images (0..255) minus {self.mean}, divided by {self.std}.')
        lines.append('In mmseg, mmpose, mmpretrain and mmdet:')
        lines.append(f'    backbone={_as_call(self.backbone)}')
        built = dict(
            torchvision=f'torchvision.models.{name}()',
            timm=f'timm.create_model({name!r}, num_classes=0)',
        )
        if library in built:
            lines.append(f'In {library} (strict=False: without a classifier):')
            lines.append(f'    model = {built[library]}')
            lines.append(
                f'    model.load_state_dict(torch.load({str(self.weights)!r}), strict=False)'
            )
        return lines


def pretrain(
    data: str | Path,
    student: str | Mapping[str, Any],
    teacher: str | Mapping[str, Any] | Sequence[str | Mapping[str, Any]],
    out: str | Path,
    tap: str | Sequence[str] | None = None,
    drop: float = 0.0,
    probe: str | Path | None = None,
    size: int | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    lr: float | None = None,
    num_workers: int = 2,
    seed: int = 0,
    skip_bad: bool = False,
    resume: bool = False,
) -> Pretrained:
    """Train a backbone to predict a teacher's features of unlabeled images.

    The folder ``out`` then holds ``student.pth`` (the backbone alone, rewritten at every save),
    ``config.py`` (all settings; edit it and run it by ``python -m mmdiffrep train``), the list of
    the images, the newest checkpoint and the log.

    Args:
        data: Folder of images; all below it are read.
        student: ``'timm:NAME'``, ``'torchvision:NAME'``, a config with a ``model.backbone``, the
            name of one of mmpretrain's, or the config of a backbone.
        teacher: A diffusion model (``'mmdiffrep://toyfaces_ddpm_64'``, a folder, a hub id), or
            another teacher, see :class:`~mmdiffrep.engine.hooks.RepFusionHook`; or a list of
            them, of which the student learns all.
        out: Folder of the run; refused if it is used, unless ``resume``.
        tap: What is read of the teacher, or of each. Defaults to None: by a rule that the table
            shows.
        drop: Probability with which each of several teachers is left out of a step. Defaults to 0.
        probe: Folder with one folder of labeled images per class, which are classified by their
            nearest neighbors 20 times in the run; nothing is learned from them. Defaults to None.
        size: Side of the student's images in pixels. Defaults to None: the teacher's.
        epochs: Passes over the images. Defaults to None: by their number.
        batch_size: Images in a step. Defaults to None: by their number and the device.
        lr: Learning rate. Defaults to None: by the batch size.
        num_workers: Processes that read images. Defaults to 2.
        seed: Of weights, order, views and noise. Defaults to 0.
        skip_bad: Go on without files that cannot be read; they are listed in ``bad_files.txt``.
            Defaults to False: they end the run before it begins.
        resume: Go on with the run in ``out``, with the config there. Defaults to False.

    Returns:
        What it left.

    Raises:
        FileExistsError: ``out`` is used.
        FileNotFoundError: No such folder, student or teacher; nothing to resume.
        ValueError: Files that cannot be read, too few images, or another student, teacher, data or
            option than those of the run that is resumed.
    """
    folder = Path(out).expanduser().absolute()
    asked = dict(
        data=str(Path(data).expanduser().absolute()),
        student=_plain(student),
        teacher=[_plain(entry) for entry in _listed(teacher)],
    )
    options = dict(
        tap=_listed(tap),
        size=size,
        epochs=epochs,
        batch_size=batch_size,
        lr=lr,
        drop=drop,
        num_workers=num_workers,
        seed=seed,
        probe=None if probe is None else os.path.abspath(probe),
    )
    report = _look_through(data, skip_bad)
    if resume:
        _check_same(folder, asked, options, report)
    else:
        _refuse_used(folder)
        plan = _plan(report, asked, folder, **options)
        run = dict(asked, options=options, images=report.digest)
        folder.mkdir(parents=True, exist_ok=True)
        write_atomically(''.join(f'{n}\n' for n in report.images).encode(), folder / IMAGE_LIST)
        text = Config(dict(pretrain=run, **plan.config)).pretty_text
        write_atomically(text.encode(), folder / CONFIG_FILE)
        print_table(plan.settings)
    if report.bad:
        listed = ''.join(f'{line}\n' for line in report.bad_lines())
        write_atomically(listed.encode(), folder / BAD_LIST)
    return _train(folder, resume)


def print_table(settings: Sequence[Setting]) -> None:
    """Print settings with their reasons."""
    table = Table('setting', 'value', 'why', title='Settings (config.py has all of them)')
    for setting in settings:
        table.add_row(*setting)
    Console().print(table)


def _look_through(data: str | Path, skip_bad: bool) -> FolderReport:
    report = look_through(data)
    print('\n'.join(report.lines()), flush=True)
    if report.bad:
        listed = '\n  '.join(report.bad_lines())
        found = f'{len(report.bad)} files cannot be read:\n  {listed}'
        if not skip_bad:
            raise ValueError(f'{found}\nRepair or remove them, or leave them out with --skip-bad.')
        print(f'{found}\nThey are left out and listed in {BAD_LIST}.', flush=True)
    integer(f'The number of readable images in {report.folder}', len(report.images), 2)
    return report


def _plan(
    report: FolderReport,
    asked: dict[str, Any],
    folder: Path,
    tap: Sequence[str],
    size: int | None,
    **options: Any,
) -> Plan:
    for name in ('epochs', 'batch_size'):
        if options[name] is not None:
            integer(name, options[name], 1)
    if options['lr'] is not None:
        positive('lr', options['lr'])
    if size is not None:
        integer('size', size, 1)
    integer('num_workers', options['num_workers'], 0)
    integer('seed', options['seed'], 0)
    if tap:
        as_many('taps', tap, 'teachers', asked['teacher'])
    teachers = [plan_teacher(*each) for each in zip(asked['teacher'], tap or repeat(None))]
    side = size or max(_SIZES[0], min(_SIZES[1], teachers[0].size))
    reason = 'as asked' if size else f"the teacher's {teachers[0].size} px, at most {_SIZES[1]}"
    return plan_run(
        data=asked['data'],
        image_list=str(folder / IMAGE_LIST),
        count=len(report.images),
        student=find_student(asked['student'], side),
        teachers=teachers,
        out=str(folder),
        size=side,
        size_reason=reason,
        **options,
    )


def _train(folder: Path, resume: bool) -> Pretrained:
    cfg = load_config(
        Namespace(
            config=str(folder / CONFIG_FILE),
            cfg_options=None,
            work_dir=str(folder),
            launcher='none',
            local_rank=None,
            trust_checkpoint=False,
        )
    )
    found = find_resume_checkpoint(folder) if resume else None
    cfg.resume, cfg.load_from = found is not None, found
    build_runner(cfg).train()
    close_dist()
    weights = folder / STUDENT_FILE
    init = dict(type='Pretrained', checkpoint=str(weights))
    backbone = dict(cfg.model.backbone.to_dict(), init_cfg=init)
    pixels = cfg.model.data_preprocessor
    return Pretrained(weights, folder / CONFIG_FILE, backbone, list(pixels.mean), list(pixels.std))


def _refuse_used(folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        if (folder / CONFIG_FILE).is_file() and not find_resume_checkpoint(folder):
            raise FileExistsError(
                f'{folder} holds a run that ended before its first checkpoint: delete the folder, '
                'or give another --out. (--resume starts it again with the same settings.)'
            )
        raise FileExistsError(
            f'{folder} is not an empty folder: go on with the run in it by --resume, or give '
            'another --out.'
        )


def _check_same(
    folder: Path, asked: dict[str, Any], options: dict[str, Any], report: FolderReport
) -> None:
    path = folder / CONFIG_FILE
    if not path.is_file():
        raise FileNotFoundError(f'There is no run to resume in {folder}: {path} does not exist.')
    run = Config.fromfile(path).get('pretrain', {})
    for name, value in asked.items():
        if run.get(name) != value:
            raise ValueError(
                f'The run in {folder} was started with {name}={run.get(name)!r}, now it is '
                f'{value!r}: resume it with the same, or start another one in a new folder.'
            )
    before = run.get('options', options)  # runs of an older version did not record them
    for name, value in options.items():
        if not _is_default(name, value) and value != before.get(name):
            raise ValueError(
                f'The run in {folder} was started with {name}={before.get(name)!r}, now it is '
                f'{value!r}, which would have no effect: --resume goes on with the settings of '
                f'{path.name}. Leave {name} out, or start another run in a new folder.'
            )
    if run.get('images') != report.digest:
        listed = (folder / IMAGE_LIST).read_text().splitlines()
        new, gone = set(report.images) - set(listed), set(listed) - set(report.images)
        raise ValueError(
            f'The images in {report.folder} are not those that the run in {folder} was started '
            f'with: {len(new)} new, {len(gone)} gone, or of another size. Bring them back, or '
            'start another run in a new folder.'
        )


def _is_default(name: str, value: Any) -> bool:
    default = inspect.signature(pretrain).parameters[name].default
    return value == (_listed(default) if name == 'tap' else default)


def _as_call(value: Any) -> str:
    """Write a config as in a config file, with the type first."""
    if not isinstance(value, Mapping):
        return repr(value)
    keys = sorted(value, key=lambda key: key != 'type')
    return f'dict({", ".join(f"{key}={_as_call(value[key])}" for key in keys)})'


def _listed(value: Any) -> list[Any]:
    """Return one value, several or none as a list."""
    if value is None:
        return []
    return [value] if isinstance(value, (str, Mapping)) else list(value)


def _plain(value: str | Mapping[str, Any]) -> Any:
    """Return a config as plain values, and a local path as an absolute one."""
    if isinstance(value, Mapping):
        return Config(dict(value)).to_dict()
    return os.path.abspath(value) if os.path.exists(value) else value

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""DatasetDDPM: images sampled from a diffusion model, labeled by an ensemble, the sure ones kept.

Every file is written whole or not at all, and is a function of its number; so a call that was
interrupted goes on, several processes share the work, and more images can be asked for later.
"""

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import torch
from mmengine.dist import get_rank, get_world_size
from rich.progress import Progress

from mmdiffrep.apis.segmentation_inferencer import SegmentationInferencer
from mmdiffrep.datasets.dataset_ddpm import DESCRIPTION, TRAIN_LIST
from mmdiffrep.diffusion.denoisers import Denoiser
from mmdiffrep.diffusion.sampling import check_sampler, image_seeds, sample_images
from mmdiffrep.utils.atomic_file import remove_incomplete, write_atomically
from mmdiffrep.utils.checks import integer, within
from mmdiffrep.utils.fail_together import fail_together
from mmdiffrep.utils.folder_lock import locked_folder
from mmdiffrep.utils.image_files import opened_as
from mmdiffrep.visualization import image_png, mask_png

DROP_SHARE = 0.1  # official
DROP_MOST_CERTAIN = 30  # official
RECIPE = 'recipe.json'
_SCORE = 'uncertainty'  # the text entry of a mask's PNG


class MadeDataset(NamedTuple):
    """Result of :func:`make_dataset_ddpm`.

    Attributes:
        folder: For ``mmdiffrep.DatasetDDPM``.
        num_images: Images sampled and labeled.
        num_kept: Images in ``train.txt``.
    """

    folder: Path
    num_images: int
    num_kept: int


def make_dataset_ddpm(
    folder: str | Path,
    num_images: int,
    denoiser: Denoiser,
    inferencer: SegmentationInferencer,
    labeller: str,
    sampler: str = 'ddim',
    num_steps: int = 50,
    seed: int = 0,
    batch_size: int = 8,
    drop_share: float = DROP_SHARE,
    drop_most_certain: int = DROP_MOST_CERTAIN,
) -> MadeDataset:
    """Return samples, labels and selects; what is there already is not made again.

    Args:
        folder: Where; see :class:`~mmdiffrep.datasets.dataset_ddpm.DatasetDDPM` for the layout.
        num_images: Images to sample. Official: 10,000 to 50,000.
        denoiser: The diffusion model, whole.
        inferencer: The trained ensemble.
        labeller: What identifies the ensemble, such as a hash of its checkpoint: labels of two of
            them are not mixed.
        sampler: See :func:`~mmdiffrep.diffusion.sampling.sample_images`. Official: ``'ddpm'``.
        num_steps: Network evaluations of each image. Official: 1000.
        seed: Of the images; image i is a function of (seed, i).
        batch_size: Images sampled at once.
        drop_share: See :func:`select_certain`.
        drop_most_certain: See :func:`select_certain`.

    Raises:
        ValueError: A number out of range, a model without uncertainty, too few images to drop
            some, or a folder that was made from another recipe.
        OSError: The disk is full; what is written stays.
        RuntimeError: Another process of the run failed; says which and why.
    """
    integer('num_images', num_images, 1)
    integer('batch_size', batch_size, 1)
    integer('seed', seed, 0)
    check_sampler(sampler)
    num_dropped(num_images, drop_share, drop_most_certain)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    recipe = dict(
        denoiser=denoiser.weights_hash,
        sampler=sampler,
        num_steps=num_steps,
        seed=seed,
        labeller=labeller,
    )
    names = [f'{index:06d}' for index in range(num_images)]
    with locked_folder(folder):
        with fail_together():
            if get_rank() == 0:
                _check_recipe(folder, recipe)
                for kind in ('images', 'masks'):
                    remove_incomplete(folder / kind)
        mine = names[get_rank() :: get_world_size()]
        with fail_together():
            _sample_missing(folder / 'images', mine, denoiser, recipe, batch_size)
        with fail_together():
            _label_missing(folder, mine, inferencer)
        with fail_together():
            if get_rank() == 0:
                scores = {name: read_score(folder / 'masks' / f'{name}.png') for name in names}
                kept = select_certain(scores, drop_share, drop_most_certain)
                _write_lists(folder, scores, kept, inferencer, denoiser.source)
    num_kept = num_images - num_dropped(num_images, drop_share, drop_most_certain)
    return MadeDataset(folder, num_images, num_kept)


def num_dropped(num_images: int, drop_share: float, drop_most_certain: int) -> int:
    """Return the number of images that :func:`select_certain` drops.

    Raises:
        ValueError: A share out of [0, 1), or fewer images to drop than the most certain ones.
    """
    dropped = int(num_images * within('drop_share', drop_share, 0, 1, open_high=True))
    share = f'drop_most_certain (of the {dropped} that drop_share={drop_share} drops)'
    within(share, drop_most_certain, 0, dropped)
    return dropped


def select_certain(
    scores: Mapping[str, float],
    drop_share: float = DROP_SHARE,
    drop_most_certain: int = DROP_MOST_CERTAIN,
) -> list[str]:
    """Return the images to train on, the most certain first.

    A share of all images is dropped: a few of the most certain, which are often empty, and for the
    rest the most uncertain.

    Args:
        scores: Uncertainty of each image.
        drop_share: Share of the images to drop. Defaults to 0.1 (official: 0.1).
        drop_most_certain: Number of the most certain images among them. Defaults to 30
            (official: 30).
    """
    dropped = num_dropped(len(scores), drop_share, drop_most_certain)
    ordered = sorted(scores, key=lambda name: (scores[name], name))
    return ordered[drop_most_certain : len(ordered) - (dropped - drop_most_certain)]


def read_score(mask: Path) -> float:
    """Return the uncertainty that is stored in the file of a mask.

    Raises:
        OSError: The file is damaged or of another tool; the message names it.
    """
    with opened_as(str(mask), 'a labeled mask') as picture:
        picture.load()
        if _SCORE not in picture.info:
            raise OSError(
                f'it holds no {_SCORE}; remove it, and the same command labels its image again'
            )
        return float(picture.info[_SCORE])


def _check_recipe(folder: Path, recipe: dict[str, Any]) -> None:
    path = folder / RECIPE
    found = json.loads(path.read_text()) if path.is_file() else recipe
    changed = {
        key: (found.get(key), recipe[key]) for key in recipe if found.get(key) != recipe[key]
    }
    if changed:
        raise ValueError(
            f'{folder} holds images of another recipe; it has and now gets: {changed}. Give '
            'another folder, or the same options'
        )
    write_atomically(json.dumps(recipe, indent=1).encode(), path)


def _sample_missing(
    folder: Path, names: list[str], denoiser: Denoiser, recipe: Mapping[str, Any], batch_size: int
) -> None:
    missing = [name for name in names if not (folder / f'{name}.png').is_file()]
    with _progress('sampling', len(names), len(missing)) as advance:
        for start in range(0, len(missing), batch_size):
            batch = missing[start : start + batch_size]
            seeds = image_seeds(recipe['seed'], map(int, batch))
            images = sample_images(denoiser, seeds, recipe['sampler'], recipe['num_steps'])
            pixels = ((images + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1)
            for name, one in zip(batch, pixels.cpu().numpy()):
                write_atomically(image_png(one), folder / f'{name}.png')
            advance(len(batch))


def _label_missing(folder: Path, names: list[str], inferencer: SegmentationInferencer) -> None:
    missing = [name for name in names if not (folder / 'masks' / f'{name}.png').is_file()]
    files = [folder / 'images' / f'{name}.png' for name in missing]
    with _progress('labeling', len(names), len(missing)) as advance:
        for name, result in zip(missing, inferencer.stream(files)):
            if result.score is None:
                raise ValueError(
                    f'{type(inferencer.model).__name__} gives no uncertainty to select images by: '
                    'label with a mmdiffrep.PixelEnsembleSegmentor'
                )
            png = mask_png(result.labels, inferencer.palette, {_SCORE: repr(result.score)})
            write_atomically(png, folder / 'masks' / f'{name}.png')
            advance(1)


@contextmanager
def _progress(title: str, total: int, missing: int) -> Iterator[Callable[[int], None]]:
    """Return a bar on rank 0 that begins at what is there already."""
    with Progress(disable=get_rank() != 0 or not missing) as progress:
        task = progress.add_task(title, total=total, completed=total - missing)
        yield lambda number: progress.advance(task, number)


def _write_lists(
    folder: Path,
    scores: Mapping[str, float],
    kept: list[str],
    inferencer: SegmentationInferencer,
    source: str,
) -> None:
    table = io.StringIO()
    csv.writer(table).writerows([('image', 'uncertainty'), *scores.items()])
    description = dict(
        classes=inferencer.classes,
        palette=inferencer.palette,
        sampled_from=source,
        num_sampled=len(scores),
        num_kept=len(kept),
    )
    write_atomically(table.getvalue().encode(), folder / 'scores.csv')
    write_atomically(('\n'.join(kept) + '\n').encode(), folder / TRAIN_LIST)
    write_atomically(json.dumps(description, indent=1).encode(), folder / DESCRIPTION)

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Whether two runs ended alike, bit for bit."""

from pathlib import Path
from typing import Any

import torch

from mmdiffrep.utils.checkpoint_io import find_resume_checkpoint, load_checkpoint_file

_WITH_TIMES = {'meta', 'message_hub'}  # of a checkpoint


def differing_entries(work_dir: str, reference_dir: str) -> list[str]:
    """Names of what is not equal bit for bit at the end of two runs.

    Compares the final checkpoints' weights, averaged weights, optimizer, schedulers and all that
    hooks stored, the best scores, and the best checkpoints. The message hub's log and the meta
    information hold times and are left out.
    """
    final, expected = (
        load_checkpoint_file(find_resume_checkpoint(folder)) for folder in (work_dir, reference_dir)
    )
    if final['meta']['iter'] != expected['meta']['iter']:
        return ['iter']
    final, expected = _comparable(final), _comparable(expected)
    names = set(final) | set(expected)
    differing = sorted(name for name in names if not _equal(final.get(name), expected.get(name)))
    best, expected_best = _best_files(work_dir), _best_files(reference_dir)
    return differing + ([] if _equal(best, expected_best) else ['best checkpoints'])


def _comparable(checkpoint: dict[str, Any]) -> dict[str, Any]:
    """Return a checkpoint without what holds times, but with its best scores."""
    entries = {key: checkpoint[key] for key in checkpoint.keys() - _WITH_TIMES}
    info = checkpoint['message_hub']['runtime_info']
    return {**entries, **{key: info[key] for key in info if key.startswith('best_score')}}


def _best_files(work_dir: str) -> dict[str, Any]:
    """Return the contents of a run's best checkpoints by name."""
    contents = {}
    for path in Path(work_dir).glob('best_*.pth'):
        checkpoint = load_checkpoint_file(path)
        contents[path.name] = {key: checkpoint[key] for key in checkpoint.keys() - _WITH_TIMES}
    return contents


def _equal(first: Any, second: Any) -> bool:
    if isinstance(first, torch.Tensor) and isinstance(second, torch.Tensor):
        return first.dtype == second.dtype and torch.equal(first, second)
    if isinstance(first, dict) and isinstance(second, dict):
        return first.keys() == second.keys() and all(_equal(first[k], second[k]) for k in first)
    if isinstance(first, (list, tuple)) and isinstance(second, (list, tuple)):
        return len(first) == len(second) and all(map(_equal, first, second))
    return bool(first == second)

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Compare two runs bit for bit."""

import hashlib
import io
from pathlib import Path
from typing import Any

import torch

from mmdiffrep.utils.checkpoint_io import load_checkpoint_file
from mmdiffrep.utils.find_checkpoints import find_resume_checkpoint

_WITH_TIMES = {'meta', 'message_hub'}  # of a checkpoint


def end_of_run(work_dir: str) -> dict[str, Any]:
    """Return what a run leaves that must not depend on interruptions.

    That is the final checkpoint's iteration, weights, averaged weights, optimizer, schedulers and
    all that hooks stored, the best scores, and the best checkpoints. The message hub's log and the
    meta information hold times and are left out.
    """
    final = load_checkpoint_file(find_resume_checkpoint(work_dir))
    info = final['message_hub']['runtime_info']
    return {
        'iter': final['meta']['iter'],
        **{key: final[key] for key in sorted(final.keys() - _WITH_TIMES)},
        **{key: info[key] for key in sorted(info) if key.startswith('best_score')},
        'best checkpoints': _best_files(work_dir),
    }


def differing_entries(work_dir: str, reference_dir: str) -> list[str]:
    """Names of the entries of :func:`end_of_run` that are not equal bit for bit."""
    end, expected = end_of_run(work_dir), end_of_run(reference_dir)
    names = set(end) | set(expected)
    return sorted(name for name in names if not _equal(end.get(name), expected.get(name)))


def digest_of_end(work_dir: str) -> str:
    """Return a digest of :func:`end_of_run`."""
    with io.BytesIO() as buffer:
        torch.save(end_of_run(work_dir), buffer)
        return hashlib.sha256(buffer.getvalue()).hexdigest()


def _best_files(work_dir: str) -> dict[str, Any]:
    """Return the contents of a run's best checkpoints by name."""
    contents = {}
    for path in sorted(Path(work_dir).glob('best_*.pth')):
        checkpoint = load_checkpoint_file(path)
        contents[path.name] = {
            key: checkpoint[key] for key in sorted(checkpoint.keys() - _WITH_TIMES)
        }
    return contents


def _equal(first: Any, second: Any) -> bool:
    if isinstance(first, torch.Tensor) and isinstance(second, torch.Tensor):
        return first.dtype == second.dtype and torch.equal(first, second)
    if isinstance(first, dict) and isinstance(second, dict):
        return first.keys() == second.keys() and all(_equal(first[k], second[k]) for k in first)
    if isinstance(first, (list, tuple)) and isinstance(second, (list, tuple)):
        return len(first) == len(second) and all(map(_equal, first, second))
    return bool(first == second)

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Time and memory of a few calls, for the benchmarks."""

import re
import time
from collections.abc import Callable
from pathlib import Path

import torch


def time_in_turns(
    calls: dict[str, Callable[[], None]], iters: int, device: str
) -> dict[str, list[float]]:
    """Time several calls in turns, in seconds, after one warm-up round."""
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(iters + 1):
        for name, call in calls.items():
            start = _now(device)
            call()
            seconds[name].append(_now(device) - start)
    return {name: times[1:] for name, times in seconds.items()}


def peak_bytes(call: Callable[[], None], device: str) -> int:
    """Return the bytes that a call takes at its peak, above what the process had before.

    A process keeps memory that it has freed: use a fresh one for each measurement.
    """
    cuda = device.startswith('cuda')
    if cuda:
        torch.cuda.reset_peak_memory_stats(device)
    else:
        Path('/proc/self/clear_refs').write_text('5')  # reset the peak
    before = torch.cuda.memory_allocated(device) if cuda else _peak_resident()
    call()
    after = torch.cuda.max_memory_allocated(device) if cuda else _peak_resident()
    return after - before


def _now(device: str) -> float:
    if device.startswith('cuda'):
        torch.cuda.synchronize(device)
    return time.perf_counter()


def _peak_resident() -> int:
    """Peak resident memory in bytes (Linux); unlike getrusage's, a child does not inherit it."""
    status = Path('/proc/self/status').read_text()
    kibibytes = re.search(r'VmHWM:\s+(\d+)', status)[1]
    return int(kibibytes) * 1024

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Timesteps that a policy drew over a run."""

from typing import Any

import torch
from mmengine.dist import all_reduce
from torch import Tensor

from mmdiffrep.models.timestep_policies.base import TimestepSample
from mmdiffrep.utils.checks import equal


class TimestepHistory:
    """Count draws by bucket of timesteps and add up entropies, one row per interval.

    The counts are summed over all ranks in every iteration, so that whichever rank writes a
    checkpoint knows the whole row.

    Args:
        num_timesteps (int): Timesteps that can be drawn.
        num_buckets (int): Buckets of neighboring timesteps; at most one per timestep is made.
    """

    def __init__(self, num_timesteps: int, num_buckets: int) -> None:
        self.num_timesteps = num_timesteps
        self.num_buckets = min(num_buckets, num_timesteps)
        self.iterations: list[int] = []
        # Columns: the buckets, then sum of t, number of draws, sum of entropies, number of those.
        self._rows = torch.zeros(0, self.num_buckets + 4, dtype=torch.float64)
        self._row: Tensor | None = None

    def __len__(self) -> int:
        return len(self.iterations)

    @torch.no_grad()
    def add(self, sample: TimestepSample) -> None:
        """Add the draws of one iteration."""
        t = sample.t
        row = torch.zeros(self.num_buckets + 4, dtype=torch.float64, device=t.device)
        # Whole numbers: their sum does not depend on the order.
        row.scatter_add_(
            0, t * self.num_buckets // self.num_timesteps, torch.ones_like(t, dtype=row.dtype)
        )
        row[-4] = t.sum()
        row[-3] = len(t)
        if sample.entropy is not None:
            row[-2] = sample.entropy.double().sum()
            row[-1] = len(sample.entropy)
        all_reduce(row)
        self._row = row if self._row is None else self._row.to(row) + row

    def close_row(self, iteration: int) -> None:
        """End a row at an iteration; do nothing if nothing was drawn."""
        if self._row is None:
            return
        self.iterations.append(iteration)
        self._rows = torch.cat([self._rows, self._row.cpu()[None]])
        self._row = None

    @property
    def lows(self) -> list[int]:
        """First timestep of every bucket."""
        # The bucket of t is t * buckets // timesteps, so it begins at the ceiling.
        buckets, steps = self.num_buckets, self.num_timesteps
        return [-(-index * steps // buckets) for index in range(buckets)]

    @property
    def counts(self) -> Tensor:
        """Draws by row and bucket, float64 ``(rows, buckets)``."""
        return self._rows[:, : self.num_buckets]

    @property
    def shares(self) -> Tensor:
        """The same as shares of their row."""
        return self.counts / self._rows[:, -3:-2]

    @property
    def mean_t(self) -> Tensor:
        """Mean timestep of every row."""
        return self._rows[:, -4] / self._rows[:, -3]

    @property
    def entropy(self) -> Tensor:
        """Mean entropy of the policy in nats, by row; NaN for one that is not learned."""
        return self._rows[:, -2] / self._rows[:, -1]

    def state_dict(self) -> dict[str, Any]:
        """Return the rows and the open one."""
        row = None if self._row is None else self._row.cpu()
        return dict(iterations=list(self.iterations), rows=self._rows, row=row)

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the rows.

        Raises:
            ValueError: They have another number of buckets.
        """
        buckets, advice = state['rows'].shape[1] - 4, 'Resume with the same num_buckets.'
        equal('num_buckets', self.num_buckets, buckets, advice)
        self.iterations = list(state['iterations'])
        self._rows = state['rows'].cpu()
        self._row = state['row']

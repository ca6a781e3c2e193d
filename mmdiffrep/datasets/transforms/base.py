# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""What a pipeline step is; mmcv's own base class would need mmcv to be installed."""

from abc import ABC, abstractmethod


class Transform(ABC):
    """A step of a pipeline: takes the dict of a sample, returns it changed."""

    def __call__(self, results: dict) -> dict:
        """Run the step."""
        return self.transform(results)

    @abstractmethod
    def transform(self, results: dict) -> dict:
        """Change a sample."""

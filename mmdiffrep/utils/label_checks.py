# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Check that labels are those of known classes."""

from torch import Tensor


def check_label_range(
    name: str, labels: Tensor, num_classes: int, ignore: int | None = None, advice: str = ''
) -> None:
    """Check that labels lie in 0 to ``num_classes - 1``.

    Args:
        name: What they belong to, for the error.
        labels: Integers of any shape.
        num_classes: Number of classes.
        ignore: Another label that is allowed.
        advice: What to do about others.

    Raises:
        ValueError: Some do not; the message lists them.
    """
    wrong = (labels < 0) | (labels >= num_classes)
    if ignore is not None:
        wrong &= labels != ignore
    if wrong.any():
        allowed = f'0 to {num_classes - 1}' + ('' if ignore is None else f' or {ignore} (ignored)')
        found = labels[wrong].unique().tolist()
        raise ValueError(
            f'{name}: labels {found} are out of range, expected {allowed}. {advice}'.rstrip()
        )

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Names that a mistyped one may have meant."""

import difflib
from collections.abc import Iterable


def near_names(name: object, known: Iterable[object], n: int = 3, cutoff: float = 0.6) -> list[str]:
    """List the names most like ``name``, best first."""
    return difflib.get_close_matches(str(name), [str(other) for other in known], n, cutoff)


def did_you_mean(name: object, known: Iterable[object]) -> str:
    """Return `` Did you mean a or b?``, or nothing if no known name is near."""
    near = near_names(name, known)
    return f' Did you mean {" or ".join(near)}?' if near else ''

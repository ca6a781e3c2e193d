# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Whether the weights of a file are those of a network, by name and shape."""

from collections.abc import Collection, Mapping

from torch import Tensor

Differences = Mapping[str, Collection[str]]


def differences(expected: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> Differences:
    """Compare the names and shapes of two state dicts.

    Args:
        expected: Of the network.
        found: Of the file.

    Returns:
        The names that are ``'missing'``, ``'unexpected'`` or ``'of another shape'``.
    """
    return {
        'missing': expected.keys() - found.keys(),
        'unexpected': found.keys() - expected.keys(),
        'of another shape': {
            name
            for name in expected.keys() & found.keys()
            if expected[name].shape != found[name].shape
        },
    }


def check_fit(source: str, network: str, problems: Differences, advice: str = '') -> None:
    """Check that there are no differences between a file's weights and a network's.

    Args:
        source: The file, for the error.
        network: The network, for the error.
        problems: See :func:`differences`.
        advice: What to do.

    Raises:
        ValueError: Some differ; the message counts them and has the first three of each kind.
    """
    found = [
        f'{len(names)} {problem} ({", ".join(sorted(names)[:3])}{", ..." * (len(names) > 3)})'
        for problem, names in problems.items()
        if names
    ]
    if found:
        raise ValueError(
            f'{source} does not fit {network}: weights {", ".join(found)}. {advice}'.rstrip()
        )

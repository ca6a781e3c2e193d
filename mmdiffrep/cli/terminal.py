# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Show the essential lines of a run's log in the terminal; the log file has all lines."""

import logging
import re
import warnings
from typing import Any

from mmengine.logging import MMLogger

# Environment, merged config, list of hooks and options per weight: hundreds of lines at the start.
_LONG = re.compile(
    r'\s*(-{20,}\s+System environment:|Config:\n|Hooks will be executed|paramwise_options -- )'
)
_DEPRECATED = re.compile(r'(will|would) be deprecated')
_HOSTS = r'(mmengine|mmcv|mmseg|mmpose|mmpretrain|mmdet)\b'


class BriefTerminal:
    """Mix-in for a runner that prints fewer lines than it logs.

    Left out are the environment, the merged config, the list of hooks, and what the hosts log about
    their own deprecated functions.
    """

    def build_logger(self, *args: Any, **kwargs: Any) -> MMLogger:
        """Build the run's logger, as mmengine does."""
        logger = super().build_logger(*args, **kwargs)
        for handler in logger.handlers:
            if not isinstance(handler, logging.FileHandler):
                handler.addFilter(_is_for_the_terminal)
        return logger


def ignore_host_deprecations() -> None:
    """Ignore warnings of the hosts about deprecated functions that they call themselves."""
    warnings.filterwarnings('ignore', message='.*be deprecated', module=_HOSTS)


def _is_for_the_terminal(record: logging.LogRecord) -> bool:
    message = record.getMessage()
    return not (_LONG.match(message) or _DEPRECATED.search(message))

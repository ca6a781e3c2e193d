# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The same as ``python -m mmdiffrep test``; see mmdiffrep/cli/test.py."""

from mmdiffrep.cli.command import run_command
from mmdiffrep.cli.test import main

if __name__ == '__main__':
    run_command(main)

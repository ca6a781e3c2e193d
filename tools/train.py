# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The same as ``python -m mmdiffrep train``; see mmdiffrep/cli/train.py."""

from mmdiffrep.cli.command import run_command
from mmdiffrep.cli.train import main

if __name__ == '__main__':
    run_command(main)

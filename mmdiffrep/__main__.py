# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""``python -m mmdiffrep COMMAND``: pretrain, compare-teachers, train, test, config or bank."""

import sys

from mmdiffrep.cli import bank, compare_teachers, config, pretrain, test, train
from mmdiffrep.cli.command import run_command

COMMANDS = {
    'pretrain': pretrain.main,
    'compare-teachers': compare_teachers.main,
    'train': train.main,
    'test': test.main,
    'config': config.main,
    'bank': bank.main,
}


def main() -> None:
    """Run the command named by the first argument."""
    if len(sys.argv) < 2 or sys.argv[1] not in COMMANDS:
        sys.exit(f'usage: python -m mmdiffrep {{{",".join(COMMANDS)}}} ...  (-h for help)')
    command = sys.argv.pop(1)
    sys.argv[0] = f'python -m mmdiffrep {command}'
    run_command(COMMANDS[command])


if __name__ == '__main__':
    main()

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Print a config with everything that it inherits, as one file that reads alone."""

import argparse
import os
from collections.abc import Sequence

from mmengine.config import Config, DictAction

from mmdiffrep.utils.config_path import get_config_path


def main(argv: Sequence[str] | None = None) -> None:
    """Print the merged config; the output is a config file itself.

    Args:
        argv: Command line without the program's name. Defaults to that of the process.

    Raises:
        FileNotFoundError: There is no such config.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='config file, or the name of one that comes with mmdiffrep')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        metavar='KEY=VALUE',
        help='override options of the config',
    )
    args = parser.parse_args(argv)
    path = args.config if os.path.isfile(args.config) else get_config_path(args.config)
    cfg = Config.fromfile(path)
    if args.cfg_options:
        cfg.merge_from_dict(args.cfg_options)
    print(cfg.pretty_text, end='')

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Print a config with everything that it inherits, as one self-contained file."""

from collections.abc import Sequence

from mmengine.config import Config

from mmdiffrep.cli.command import TRACEBACK_OPTION
from mmdiffrep.cli.run_config import config_parser
from mmdiffrep.utils.cfg_options import add_cfg_options
from mmdiffrep.utils.config_path import config_file


def main(argv: Sequence[str] | None = None) -> None:
    """Print the merged config, which is a config file itself.

    Args:
        argv: Command line without the program's name. Defaults to that of the process.

    Raises:
        FileNotFoundError: There is no such config.
    """
    parser = config_parser(__doc__)
    add_cfg_options(parser)
    parser.add_argument(
        TRACEBACK_OPTION, action='store_true', help='show the traceback of an error'
    )
    args = parser.parse_args(argv)
    cfg = Config.fromfile(config_file(args.config))
    cfg.merge_from_dict(args.cfg_options or {})
    print(cfg.pretty_text, end='')

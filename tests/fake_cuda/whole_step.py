# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""A training step of a shipped config, at its sizes, on the fake card; prints counts as JSON."""

import json
import sys

from config_step import ConfigStep, load_config
from watch import fake_card


def main(name: str, amp: str = '') -> None:
    """Run two steps; the second is counted."""
    cfg = load_config(name, amp and 'float16')
    with fake_card() as watch:
        step = ConfigStep(cfg, 'cuda')
        for _ in range(2):
            batch = step.batch()
            watch.reset()
            step(batch)
        print(json.dumps(watch.report()))


main(*sys.argv[1:])

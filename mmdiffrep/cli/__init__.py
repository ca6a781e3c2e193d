# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The commands: ``python -m mmdiffrep train|test``, which tools/train.py and tools/test.py call."""

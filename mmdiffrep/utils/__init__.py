# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Helpers around a run: versions, config paths, process groups, checkpoint files."""

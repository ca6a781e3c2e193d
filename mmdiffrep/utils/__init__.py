# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""What surrounds a run: versions, config paths, process groups, checkpoint files."""

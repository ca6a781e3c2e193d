# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Hooks, loops and strategies for mmengine's runners."""

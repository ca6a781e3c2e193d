# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Hooks and loops for mmengine's runner."""

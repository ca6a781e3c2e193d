# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The version of mmdiffrep, read by setup.py as well."""

__version__ = '0.2.0'

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Bring downloaded data sets into the layout that our data sets read."""

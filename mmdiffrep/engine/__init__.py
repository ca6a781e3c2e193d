# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""What joins our models to mmengine's runner."""

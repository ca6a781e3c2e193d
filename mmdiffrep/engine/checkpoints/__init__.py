# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""What the checkpoint hook is made of."""

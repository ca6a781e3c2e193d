# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The RepFusion step: read student and teacher, compare, update the distiller."""

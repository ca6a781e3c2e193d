# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Training loops that mmengine lacks."""

from mmdiffrep.engine.loops.pixel_train_loop import PixelTrainLoop

__all__ = ['PixelTrainLoop']

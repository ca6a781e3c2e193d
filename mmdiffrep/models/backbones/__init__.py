# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Diffusion models as backbones of OpenMMLab models."""

from .dpm_backbone import DPMBackbone

__all__ = ['DPMBackbone']

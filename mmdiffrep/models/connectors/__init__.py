# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""What stands between a feature and the loss that compares it."""

from .channel_standardizer import ChannelStandardizer
from .conv_connector import ConvConnector
from .hypercolumn_connector import HypercolumnConnector
from .mlp_connector import MLPConnector

__all__ = ['ChannelStandardizer', 'ConvConnector', 'HypercolumnConnector', 'MLPConnector']

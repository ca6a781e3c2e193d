# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Strategies for mmengine's flexible runner."""

from mmdiffrep.engine.strategies.fully_shard_strategy import FullyShardStrategy

__all__ = ['FullyShardStrategy']

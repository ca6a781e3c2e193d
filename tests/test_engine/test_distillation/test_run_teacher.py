# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""A resumed run has the teacher that it was started with."""

from unittest.mock import Mock

import pytest

from mmdiffrep.engine.distillation.run_teacher import check_record

NOW = dict(source='a', weights_hash='1f', precision='float32')


def test_the_same_teacher_passes_and_another_precision_is_told():
    logger = Mock()
    check_record(dict(NOW), NOW, logger)
    check_record(dict(source='moved', weights_hash='1f'), NOW, logger)  # before precisions
    assert not logger.warning.called
    check_record(dict(NOW, precision='bfloat16'), NOW, logger)
    assert "precision='bfloat16' in the hook keeps them" in logger.warning.call_args[0][0]


def test_another_teacher_is_refused():
    with pytest.raises(ValueError, match='resume with the same weights, or start anew'):
        check_record(dict(NOW, weights_hash='2e'), NOW, Mock())

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Stand-ins for a class label."""

import pytest
import torch
from torch import nn

from mmdiffrep.diffusion.denoisers.null_label import (
    NullableEmbedding,
    check_null_label,
    null_embedding,
)

WEIGHT = torch.tensor([[1.0, 2.0], [3.0, 6.0]])


def test_what_stands_in():
    assert null_embedding(WEIGHT, 'mean').tolist() == [2, 4]
    assert null_embedding(WEIGHT, 'zero').tolist() == [0, 0]
    assert null_embedding(WEIGHT, 1).tolist() == [3, 6]


def test_the_embedding_has_one_label_more():
    embedding = NullableEmbedding(nn.Embedding.from_pretrained(WEIGHT), 'mean')
    assert embedding(torch.tensor([0, 1, 2])).tolist() == [[1, 2], [3, 6], [2, 4]]
    assert set(embedding.state_dict()) == {'weight'}


@pytest.mark.parametrize(('null_label', 'num_classes'), [('median', 2), (2, 2), (0, None)])
def test_other_stand_ins_are_refused(null_label, num_classes):
    with pytest.raises(ValueError, match='null_label must be one of'):
        check_null_label(null_label, num_classes)

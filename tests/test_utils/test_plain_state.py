# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import enum
import io
from collections import OrderedDict, deque
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from mmengine.config import ConfigDict
from mmengine.logging import HistoryBuffer
from torch import nn

from mmdiffrep.utils.plain_state import from_plain, to_plain


def _saved_and_loaded(state):
    with io.BytesIO() as file:
        torch.save(state, file)
        file.seek(0)
        return torch.load(file, weights_only=True)


def _round_trip(state):
    return from_plain(_saved_and_loaded(to_plain(state)))


class _Color(enum.Enum):
    RED = 'red'


@pytest.mark.parametrize(
    ('state', 'plain'),
    [
        (np.float64(1.5), 1.5),
        (np.float32(0.5), 0.5),
        (np.int64(3), 3),
        (np.bool_(True), True),
        (np.str_('a'), 'a'),
        (torch.torch_version.TorchVersion('2.0'), '2.0'),
        (Path('a/b'), 'a/b'),
        (_Color.RED, 'red'),
        (deque([1, 2]), [1, 2]),
        (frozenset({1}), {1}),
        (ConfigDict(a=ConfigDict(b=(1, 2))), {'a': {'b': (1, 2)}}),
        ({np.int64(1): None}, {1: None}),
        (torch.Size([1, 2]), torch.Size([1, 2])),
    ],
)
def test_becomes_plain(state, plain):
    result = _round_trip(state)
    assert result == plain
    assert type(result) is type(plain)


@given(arrays(st.sampled_from(['f4', 'f8', 'i8', 'u1', '?']), array_shapes(max_dims=2, max_side=4)))
def test_arrays_come_back(array):
    result = _round_trip({'a': [array]})['a'][0]
    assert result.dtype == array.dtype
    np.testing.assert_array_equal(result, array)


def test_arrays_as_lists_for_meta_information():
    meta = dict(sigmas=np.array([0.25, 0.5], dtype='f4'), names=np.array(['a', 'b']))
    plain = _saved_and_loaded(to_plain(meta, arrays_as_lists=True))
    assert plain == dict(sigmas=[0.25, 0.5], names=['a', 'b'])


@given(st.lists(st.floats(allow_nan=False), max_size=5), st.integers(3, 10))
def test_history_buffer_comes_back(values, max_length):
    buffer = HistoryBuffer(max_length=max_length)
    for value in values:
        buffer.update(value, 2)
    result = _round_trip({'loss': buffer})['loss']
    assert isinstance(result, HistoryBuffer)
    assert result.max_length == max_length
    for column, expected in zip(result.data, buffer.data):
        assert column.dtype == expected.dtype
        np.testing.assert_array_equal(column, expected)
    result.update(1.0)


def test_state_dict_keeps_metadata_and_shares_tensors():
    module = nn.Sequential(nn.BatchNorm1d(2))
    state = module.state_dict()
    plain = to_plain(state)
    assert isinstance(plain, OrderedDict)
    assert plain._metadata == state._metadata
    assert plain['0.weight'].data_ptr() == module[0].weight.data_ptr()
    assert _saved_and_loaded(plain)._metadata == state._metadata


def test_code_is_refused_with_its_place():
    with pytest.raises(TypeError, match=r"checkpoint\['hooks'\]\[1\] is a builtins.function"):
        to_plain({'hooks': [1, lambda: 0]}, where='checkpoint')


@pytest.mark.parametrize('convert', [to_plain, from_plain])
@pytest.mark.parametrize('kind', [list, dict])
def test_what_contains_itself_is_an_error(convert, kind):
    state = kind()
    if kind is list:
        state.append(state)
    else:
        state['again'] = state
    with pytest.raises(ValueError, match='contains itself'):
        convert({'hook': state})

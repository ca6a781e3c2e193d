# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
import torch
from torch import nn

from mmdiffrep.models.distillers import Layer, LayerTaps, find_module


class Student(nn.Module):
    """A two-stage network whose backbone returns a tuple, as OpenMMLab's do."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.backbone = Backbone(inplace)

    def forward(self, x):
        return self.backbone(x)[-1].mean()


class Backbone(nn.Module):
    def __init__(self, inplace: bool) -> None:
        super().__init__()
        self.layer1 = nn.Conv2d(3, 4, 1)
        self.layer2 = nn.Conv2d(4, 6, 1)
        self.relu = nn.ReLU(inplace=inplace)

    def forward(self, x):
        first = self.layer1(x)
        return first, self.relu(self.layer2(first))


def test_names_are_parsed():
    assert Layer.parse('backbone') == ('backbone', 'out', -1)
    assert Layer.parse('a.b[2]') == ('a.b', 'out', 2)
    assert Layer.parse('a[-2]') == ('a', 'out', -2)
    assert Layer.parse('a.0@in') == ('a.0', 'in', 0)


@pytest.mark.parametrize(
    'name',
    ['a[one]', 'a[1', 'a[--1]', 'a[]', 'a@out', 'a@', '@in', '', 'a[0]@in', 'a@in[0]', '[0]'],
)
def test_other_names_are_refused(name):
    with pytest.raises(ValueError, match=r"not a layer: expected 'module.path', .*@in'"):
        Layer.parse(name)


def test_features_are_taken_once_and_in_order():
    student = Student()
    taps = LayerTaps(student, ['backbone', 'backbone.layer1', 'backbone[0]'])
    taps.attach()
    student(torch.randn(2, 3, 5, 5))
    last, layer1, first = taps.take(batch_size=2)
    assert last.shape == (2, 6, 5, 5) and layer1 is first
    with pytest.raises(RuntimeError, match='ran 0 times'):
        taps.take(batch_size=2)


def test_the_input_of_a_layer_is_what_the_one_before_it_returns():
    student = Student()
    taps = LayerTaps(student, ['backbone.relu@in', 'backbone.layer2', 'backbone@in'])
    images = torch.randn(2, 3, 5, 5)
    with taps.attached():
        student.backbone(images)
        given, returned, whole = taps.take(batch_size=2)
    assert given is returned and whole is images


def test_an_input_given_by_keyword_is_found():
    student = Student()
    taps = LayerTaps(student, ['backbone.layer1@in'])
    images = torch.randn(2, 3, 5, 5)
    with taps.attached():
        student.backbone.layer1(input=images)
        assert taps.take(batch_size=2) == (images,)


def test_layers_that_run_twice_are_refused_and_clear_forgets():
    student = Student()
    taps = LayerTaps(student, ['backbone'])
    taps.attach()
    student(torch.randn(2, 3, 5, 5))
    taps.clear()
    student(torch.randn(2, 3, 5, 5))
    student(torch.randn(2, 3, 5, 5))
    with pytest.raises(RuntimeError, match='ran 2 times'):
        taps.take(batch_size=2)


def test_in_place_change_after_the_tap_is_found():
    student = Student(inplace=True)
    taps = LayerTaps(student, ['backbone.layer2'])
    taps.attach()
    student(torch.randn(2, 3, 5, 5))
    with pytest.raises(RuntimeError, match='changed in place'):
        taps.take(batch_size=2)


def test_in_place_change_of_an_input_is_found():
    student = Student(inplace=True)
    taps = LayerTaps(student, ['backbone.relu@in'], role='teacher')
    with (
        taps.attached(),
        pytest.raises(RuntimeError, match="input of teacher layer 'backbone.relu@in'"),
    ):
        student(torch.randn(2, 3, 5, 5))
        taps.take(batch_size=2)


def test_detach_leaves_no_hook():
    student = Student()
    taps = LayerTaps(student, ['backbone', 'backbone.layer1', 'backbone.layer1@in'])
    with taps.attached():
        assert student.backbone.layer1._forward_pre_hooks
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in student.modules())


@pytest.mark.parametrize('inplace', [False, True])
def test_a_compiled_model_stays_one_graph(inplace):
    torch.compiler.reset()
    student = Student(inplace)
    taps = LayerTaps(student, ['backbone', 'backbone.layer1', 'backbone.relu'])
    compiled = torch.compile(student, backend='aot_eager', fullgraph=True)
    images = torch.randn(2, 3, 5, 5)
    with taps.attached():
        student(images)
        expected = taps.take(batch_size=2)
        compiled(images)
        torch.testing.assert_close(taps.take(batch_size=2), expected)
    torch.compiler.reset()


def test_features_read_in_inference_mode():
    student = Student()
    taps = LayerTaps(student, ['backbone'])
    with taps.attached(), torch.inference_mode():
        student(torch.randn(2, 3, 5, 5))
        assert taps.take(batch_size=2)[0].is_inference()


def test_name_without_an_index_in_its_brackets():
    with pytest.raises(ValueError, match=r"'backbone\[x\]' is not a layer"):
        LayerTaps(Student(), ['backbone[x]'])


def test_wrong_names_list_near_matches():
    with pytest.raises(ValueError, match=r"no layer 'backbone.layer3'.*backbone.layer"):
        find_module(Student(), 'backbone.layer3')


@pytest.mark.parametrize(
    ('name', 'batch_size', 'message'),
    [
        ('backbone[2]', 2, r'index must be in \[-2, 1\]'),
        ('backbone', 3, 'each of the images: 3, got 2'),
    ],
)
def test_wrong_index_and_batch(name, batch_size, message):
    student = Student()
    taps = LayerTaps(student, [name])
    taps.attach()
    student(torch.randn(2, 3, 5, 5))
    with pytest.raises(ValueError, match=message):
        taps.take(batch_size=batch_size)

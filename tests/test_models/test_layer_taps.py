# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
import torch
from torch import nn

from mmdiffrep.models.distillers import StudentTap, StudentTaps, find_module


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
    assert StudentTap.parse('backbone') == ('backbone', -1)
    assert StudentTap.parse('a.b[2]') == ('a.b', 2)
    assert StudentTap.parse('a[-2]') == ('a', -2)
    with pytest.raises(ValueError, match=r'module.path\[index\]'):
        StudentTap.parse('a[one]')


def test_features_are_taken_once_and_in_order():
    student = Student()
    taps = StudentTaps(student, ['backbone', 'backbone.layer1', 'backbone[0]'])
    taps.attach()
    student(torch.randn(2, 3, 5, 5))
    last, layer1, first = taps.take(batch_size=2)
    assert last.shape == (2, 6, 5, 5) and layer1 is first
    with pytest.raises(RuntimeError, match='ran 0 times'):
        taps.take(batch_size=2)


def test_layers_that_run_twice_are_refused_and_clear_forgets():
    student = Student()
    taps = StudentTaps(student, ['backbone'])
    taps.attach()
    student(torch.randn(2, 3, 5, 5))
    taps.clear()
    student(torch.randn(2, 3, 5, 5))
    student(torch.randn(2, 3, 5, 5))
    with pytest.raises(RuntimeError, match='ran 2 times'):
        taps.take(batch_size=2)


def test_in_place_change_after_the_tap_is_found():
    student = Student(inplace=True)
    taps = StudentTaps(student, ['backbone.layer2'])
    taps.attach()
    student(torch.randn(2, 3, 5, 5))
    with pytest.raises(RuntimeError, match='changed in place'):
        taps.take(batch_size=2)


def test_detach_leaves_no_hook():
    student = Student()
    taps = StudentTaps(student, ['backbone', 'backbone.layer1'])
    taps.attach()
    taps.detach()
    assert not any(module._forward_hooks for module in student.modules())


def test_name_without_an_index_in_its_brackets():
    with pytest.raises(ValueError, match=r"'backbone\[x\]' is no layer"):
        StudentTaps(Student(), ['backbone[x]'])


def test_wrong_names_list_near_matches():
    with pytest.raises(ValueError, match=r"no layer 'backbone.layer3'.*backbone.layer"):
        find_module(Student(), 'backbone.layer3')


@pytest.mark.parametrize(
    ('name', 'batch_size', 'message'),
    [('backbone[2]', 2, 'out of range'), ('backbone', 3, 'for 3 images')],
)
def test_wrong_index_and_batch(name, batch_size, message):
    student = Student()
    taps = StudentTaps(student, [name])
    taps.attach()
    student(torch.randn(2, 3, 5, 5))
    with pytest.raises(ValueError, match=message):
        taps.take(batch_size=batch_size)

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
from types import SimpleNamespace

import pytest
from mmpretrain.structures import DataSample

from mmdiffrep.engine.hooks import LabelRangeHook

RUNNER = SimpleNamespace(model=SimpleNamespace(head=SimpleNamespace(num_classes=3)))
SPLITS = ['train', 'val', 'test']


def batch(*labels):
    samples = [DataSample(metainfo=dict(img_path=f'{i}.png')) for i in range(len(labels))]
    return dict(data_samples=[sample.set_gt_label(label) for sample, label in zip(samples, labels)])


@pytest.mark.parametrize('split', SPLITS)
@pytest.mark.parametrize('label', [3, 12, -1])
def test_labels_beyond_the_classes_are_refused(split, label):
    hook = LabelRangeHook()
    hook.before_run(RUNNER)
    check = getattr(hook, f'before_{split}_iter')
    check(RUNNER, 0, batch(0, 2))
    check(RUNNER, 1, batch([0, 1], 2))  # several labels an image
    check(RUNNER, 2, dict(data_samples=[DataSample()]))  # none
    with pytest.raises(ValueError, match=rf'1\.png has gt_label {label}, .* 3 classes, 0 to 2'):
        check(RUNNER, 3, batch(0, label))


def test_number_of_classes_can_be_given():
    hook = LabelRangeHook(num_classes=13)
    hook.before_run(SimpleNamespace(model=object()))
    hook.before_train_iter(None, 0, batch(12))


def test_a_head_without_classes_is_refused():
    with pytest.raises(ValueError, match=r'object has no head\.num_classes'):
        LabelRangeHook().before_run(SimpleNamespace(model=object()))

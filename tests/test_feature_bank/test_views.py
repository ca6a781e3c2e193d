# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
import torch

from mmdiffrep.feature_bank import AugmentedView


class Pictures:
    def __len__(self):
        return 20

    def __getitem__(self, index):
        image = torch.arange(1, 3 * 16 * 16 + 1).reshape(3, 16, 16) + index
        return dict(inputs=image, data_samples=index)

    def get_data_info(self, index):
        return dict(img_path=f'{index}.png')


def images(view, *augmentations):
    return [AugmentedView(Pictures(), view, augmentations)[i]['inputs'] for i in range(20)]


def test_the_first_view_is_the_image():
    for index, image in enumerate(images(0, 'crop', 'flip')):
        assert torch.equal(image, Pictures()[index]['inputs'])


def test_views_are_fixed_and_differ():
    first, again, other = (images(view, 'crop', 'flip') for view in (1, 1, 2))
    assert all(map(torch.equal, first, again))
    assert sum(map(torch.equal, first, other)) < 5


def test_a_flip_is_of_about_half_of_the_images():
    flipped = [
        torch.equal(image, Pictures()[i]['inputs'].flip(2))
        for i, image in enumerate(images(1, 'flip'))
    ]
    plain = [
        torch.equal(image, Pictures()[i]['inputs']) for i, image in enumerate(images(1, 'flip'))
    ]
    assert 4 <= sum(flipped) <= 16 and sum(flipped) + sum(plain) == 20


def test_a_crop_moves_by_at_most_an_eighth():
    shifts = set()
    for index, image in enumerate(images(3, 'crop')):
        assert image.shape == (3, 16, 16)
        middle = image[0, 8, 8] - 1 - index
        shifts.add((int(middle) // 16 - 8, int(middle) % 16 - 8))
    assert len(shifts) > 5 and all(abs(step) <= 2 for shift in shifts for step in shift)


def test_other_augmentations_are_refused():
    with pytest.raises(ValueError, match="augmentations must be one of .*got 'mixup'"):
        AugmentedView(Pictures(), 1, ['mixup'])

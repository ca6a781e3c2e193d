# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Drawn faces with a class each, for what reads data sets."""

import pytest
from mmengine.config import Config


@pytest.fixture
def face_config():
    """A config of 12 training and 8 test faces of 32 px; options override the data sets'."""

    def build(**options):
        def loader(split, count, pipeline):
            dataset = dict(
                type='mmdiffrep.ToyFacesDataset',
                task='cls',
                attribute='mouth',
                image_size=32,
                split=split,
                num_images=count,
                pipeline=[dict(type='mmdiffrep.LoadToyFace'), *pipeline],
            )
            return dict(dataset={**dataset, **options})

        pack = dict(type='PackInputs')
        return Config(
            dict(
                default_scope='mmpretrain',
                data_preprocessor=dict(mean=[0] * 3, std=[255] * 3, to_rgb=True, num_classes=2),
                train_dataloader=loader(
                    'train', 12, [dict(type='RandomFlip', prob=1.0), dict(type='PackInputs')]
                ),
                test_dataloader=loader('test', 8, [pack]),
            )
        )

    return build

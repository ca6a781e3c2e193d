# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import copy

import pytest
import torch
import torch.nn.functional as F
from mmengine.model import BaseModule
from mmengine.optim import OptimWrapper
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

from mmdiffrep.models.necks import Hypercolumns
from mmdiffrep.models.segmentors import PixelEnsembleSegmentor
from mmdiffrep.registry import MODELS
from mmdiffrep.testing import tiny_teacher

PIXELS = dict(mean=[127.5] * 3, std=[127.5] * 3)


def config(**options):
    return {
        **dict(
            type='mmdiffrep.PixelEnsembleSegmentor',
            data_preprocessor=dict(type='mmseg.SegDataPreProcessor', bgr_to_rgb=True, **PIXELS),
            backbone=dict(
                type='mmdiffrep.DPMBackbone',
                denoiser=tiny_teacher(),
                taps=['mid', 'dec.1', 'dec.3'],
                timesteps=[1, 5],
                input=dict(PIXELS, channel_order='rgb'),
            ),
            decode_head=dict(type='mmdiffrep.PixelMLPEnsembleHead', num_classes=4, num_members=3),
        ),
        **options,
    }


def build(**options) -> PixelEnsembleSegmentor:
    return MODELS.build(config(**options)).eval()


def batch(shapes, original=None):
    """Images and data samples as a data loader gives them."""
    samples = [
        SegDataSample(
            gt_sem_seg=PixelData(data=torch.zeros(1, *(original or shape), dtype=torch.long)),
            metainfo=dict(img_shape=shape, ori_shape=original or shape, img_path=f'{index}.png'),
        )
        for index, shape in enumerate(shapes)
    ]
    images = [torch.randint(0, 256, (3, *shape), dtype=torch.uint8) for shape in shapes]
    return dict(inputs=images, data_samples=samples)


def test_dimension_is_inferred_and_strides_are_joined():
    model = build()
    assert model.decode_head.in_channels == model.neck.out_channels == 2 * (16 + 16 + 8)
    assert len(model.extract_feat(torch.zeros(1, 3, 16, 16)).maps) == 2


def test_predict_adds_labels_uncertainty_and_score():
    model = build()
    results = model.test_step(batch([(16, 16)] * 2))
    for result in results:
        assert result.pred_sem_seg.data.shape == (1, 16, 16)
        assert result.uncertainty.data.shape == (1, 16, 16)
        top = result.uncertainty.data.flatten().sort().values[-25:]
        assert result.uncertainty_score == pytest.approx(top.mean().item(), rel=1e-5)
    assert results[0].to_dict()['uncertainty_score'].ndim == 0


def test_prediction_equals_upsample_concatenate_and_vote():
    model = build()
    for parameter in model.decode_head.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    data = model.data_preprocessor(batch([(16, 16)]))
    columns = model.extract_feat(data['inputs'])
    maps = [F.interpolate(one, size=(16, 16), mode='bilinear') for one in columns.maps]
    pixels = torch.cat(maps, 1)[0].flatten(1).T
    logits = model.decode_head.mlp(pixels.expand(3, -1, -1))
    expected = torch.mode(logits.argmax(1), 0).values.view(16, 16)
    result = model.predict(**data)[0]
    assert (result.pred_sem_seg.data[0] != expected).float().mean() < 0.01  # rounding at ties


def test_an_image_alone_or_in_a_batch_is_the_same():
    model = build()
    data = batch([(16, 16)] * 3)
    together = model.test_step(copy.deepcopy(data))
    for index, result in enumerate(together):
        alone = model.test_step({key: value[index : index + 1] for key, value in data.items()})[0]
        assert (alone.pred_sem_seg.data == result.pred_sem_seg.data).float().mean() > 0.99
        assert torch.allclose(alone.uncertainty.data, result.uncertainty.data, atol=1e-5)


@pytest.mark.parametrize(
    ('shape', 'message'),
    [
        ((24, 16), r'Height and width of .*0\.png must be the same, got \[24, 16\]: crop it'),
        ((15, 15), r'The side of .*0\.png must be at least 16, got 15'),
    ],
)
def test_non_square_and_tiny_images_are_refused(shape, message):
    with pytest.raises(ValueError, match=message):
        build().test_step(batch([shape]))


@pytest.mark.parametrize('vote_size', ['image', 'original'])
def test_labels_have_the_size_of_the_original_image(vote_size):
    result = build(vote_size=vote_size).test_step(batch([(16, 16)], original=(32, 48)))[0]
    labels = result.pred_sem_seg.data
    assert labels.shape == result.uncertainty.data.shape == (1, 32, 48)
    assert labels.dtype == torch.long
    if vote_size == 'image':
        assert torch.equal(labels[:, ::2, ::3], labels[:, 1::2, 2::3]), 'nearest neighbors'


def test_an_image_without_a_data_sample():
    result = build()(torch.zeros(1, 3, 16, 16), mode='predict')[0]
    assert result.pred_sem_seg.data.shape == (1, 16, 16)


def test_features_of_a_bank_instead_of_images():
    live = build()
    data = batch([(16, 16)])
    stored = build(
        backbone=dict(type='mmdiffrep.StoredFeatures'),
        neck=dict(
            type='mmdiffrep.LazyHypercolumn',
            in_channels=live.backbone.out_channels,
            in_strides=live.backbone.out_strides,
        ),
        data_preprocessor=dict(type='BaseDataPreprocessor'),
    )
    stored.decode_head.load_state_dict(live.decode_head.state_dict())
    maps = live.backbone(live.data_preprocessor(copy.deepcopy(data))['inputs'])
    features = {(0, str(index)): [one[0]] for index, one in enumerate(maps)}
    result = stored.test_step(dict(inputs=features, data_samples=batch([(16, 16)])['data_samples']))
    expected = live.test_step(data)
    assert torch.equal(result[0].pred_sem_seg.data, expected[0].pred_sem_seg.data)
    with pytest.raises(ValueError, match='features have no image size'):
        stored(features, mode='predict')


def test_padded_images_are_refused():
    model = build()
    data = batch([(24, 24)])
    data['data_samples'][0].set_metainfo(dict(img_shape=(20, 20)))
    with pytest.raises(ValueError, match=r'must be \(20, 20\), got \(24, 24\)'):
        model.test_step(data)


def test_other_modes_and_options_are_refused():
    with pytest.raises(ValueError, match=r"got 'loss'.*PixelTrainLoop"):
        build()(torch.zeros(1, 3, 16, 16), mode='loss')
    with pytest.raises(ValueError, match="vote_size must be one of .* got 'input'"):
        build(vote_size='input')


class Silent(BaseModule):
    """A backbone that does not say its channels, with weights of its own and dropout."""

    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 5, 3, stride=2)
        self.dropout = torch.nn.Dropout(0.5)

    def forward(self, images):
        return (self.dropout(self.conv(images)),)


@pytest.fixture
def silent():
    MODELS.register_module(name='SilentForTests', module=Silent, force=True)
    return dict(type='mmdiffrep.SilentForTests')


def test_any_backbone_is_frozen(silent):
    model = build(backbone=silent, neck=dict(type='mmdiffrep.LazyHypercolumn', in_channels=[5]))
    model.train()
    assert model.decode_head.training and not model.backbone.dropout.training
    assert not any(parameter.requires_grad for parameter in model.backbone.parameters())
    columns = model(torch.randn(1, 3, 9, 9))
    assert isinstance(columns, Hypercolumns) and not columns.maps[0].requires_grad


def test_a_backbone_that_does_not_say_its_channels(silent):
    with pytest.raises(ValueError, match='Silent does not say its `out_channels`.*in_channels='):
        build(backbone=silent)


def test_train_step_changes_active_members_alone():
    model = build().train()
    head = model.decode_head
    wrapper = OptimWrapper(torch.optim.Adam(head.parameters(), lr=0.01))

    def step(epoch):
        data = dict(columns=torch.randn(3, 8, 80), labels=torch.randint(4, (3, 8)), epoch=epoch)
        return model.train_step(data, wrapper)

    assert step(0)['active_members'] == 3
    assert (head.stop_rule.waited == 0).all(), 'epochs before the fifth do not count'
    head.stop_rule.stopped[2] = True
    before = head.mlp.linears[0].weight.detach().clone()
    head.rest_stopped_members(wrapper.optimizer)
    log = step(4)
    assert log['active_members'] == 2 and log['loss'].isfinite()
    assert (head.stop_rule.lowest < float('inf')).tolist() == [True, True, False]
    changed = (head.mlp.linears[0].weight != before).flatten(1).any(1)
    assert changed.tolist() == [True, True, False]

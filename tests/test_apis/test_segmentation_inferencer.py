# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.dataset import Compose
from mmengine.registry import DefaultScope

from mmdiffrep.apis import SegmentationInferencer
from mmdiffrep.registry import MODELS
from mmdiffrep.testing import tiny_segmentor


def face(height=16, width=16, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.fixture
def segment(trained_ensemble):
    return SegmentationInferencer(*trained_ensemble, device='cpu')


def test_an_image_gets_labels_uncertainty_and_score(segment):
    result = segment(face())
    assert result.name == '' and np.array_equal(result.image, face())
    assert result.labels.shape == result.uncertainty.shape == (16, 16)
    assert set(np.unique(result.labels)) <= {0, 1, 2}
    top = np.sort(result.uncertainty.ravel())[-25:]
    assert result.score == pytest.approx(top.mean(), rel=1e-4)
    assert segment.classes == ('a', 'b', 'c') and segment.palette[1] == [255, 0, 0]


def test_a_file_is_read_as_rgb(segment, tmp_path):
    cv2.imwrite(str(tmp_path / 'face.png'), face()[..., ::-1])
    from_file, from_array = segment(tmp_path / 'face.png'), segment(face())
    assert from_file.name == str(tmp_path / 'face.png')
    assert np.array_equal(from_file.image, face())
    assert np.array_equal(from_file.labels, from_array.labels)


def test_as_the_model_itself(segment):
    pixels = torch.from_numpy(face().transpose(2, 0, 1).copy()).float()[None] / 127.5 - 1
    expected = segment.model.predict(pixels)[0]
    assert np.array_equal(segment(face()).labels, expected.pred_sem_seg.data[0].numpy())


def test_many_images_in_batches_of_one_size(trained_ensemble):
    images = [face(seed=0), face(seed=1), face(32, 32), face(seed=2), face(seed=3)]
    one_by_one = SegmentationInferencer(*trained_ensemble, device='cpu')
    together = SegmentationInferencer(*trained_ensemble, device='cpu', batch_size=4)
    results = list(together.stream(iter(images)))
    assert [result.labels.shape for result in results] == [image.shape[:2] for image in images]
    for result, image in zip(results, images):
        alone = one_by_one(image)
        assert (result.labels == alone.labels).mean() > 0.98
        assert result.score == pytest.approx(alone.score, abs=1e-3)


def test_images_that_are_not_square(trained_ensemble):
    wide = face(16, 24)
    with pytest.raises(ValueError, match=r"must be the same, got \[16, 24\].* fit='crop'"):
        SegmentationInferencer(*trained_ensemble, device='cpu')(wide)
    cropped = SegmentationInferencer(*trained_ensemble, device='cpu', fit='crop')(wide)
    assert np.array_equal(cropped.image, wide[:, 4:20]) and cropped.labels.shape == (16, 16)
    stretched = SegmentationInferencer(*trained_ensemble, device='cpu', fit='stretch')(wide)
    assert stretched.labels.shape == stretched.uncertainty.shape == (16, 24)


@pytest.mark.parametrize(
    ('image', 'message'),
    [
        (face(8, 8), 'must be at least 16, got 8'),
        (face().astype(np.float32), 'dtype of an RGB image must be'),
        (face()[..., 0], r'got shape \(16, 16\)'),
    ],
)
def test_images_that_are_refused(segment, image, message):
    with pytest.raises(ValueError, match=message):
        segment(image)


def test_files_that_are_no_images(segment, tmp_path):
    with pytest.raises(FileNotFoundError, match='nowhere.jpg does not exist'):
        segment(tmp_path / 'nowhere.jpg')
    (tmp_path / 'text.jpg').write_text('no image')
    with pytest.raises(ValueError, match='cannot be read as an image'):
        segment(tmp_path / 'text.jpg')


@pytest.mark.parametrize('suffix', ['jpg', 'png', 'bmp'])
@pytest.mark.parametrize('share', [0.0, 0.5, 0.97])
def test_files_that_are_cut_are_not_labeled(segment, tmp_path, suffix, share):
    path = tmp_path / f'cut.{suffix}'
    cv2.imwrite(str(path), face(64, 64))
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(ValueError, match=f'cut.{suffix} cannot be read as an image'):
        segment(path)


@pytest.mark.parametrize('batch_size', [1, 3])
def test_bad_files_are_skipped_and_listed(trained_ensemble, tmp_path, batch_size):
    for name, shape in (('a', (16, 16)), ('wide', (16, 24)), ('z', (16, 16))):
        cv2.imwrite(str(tmp_path / f'{name}.png'), face(*shape))
    (tmp_path / 'empty.jpg').touch()
    (tmp_path / 'text.jpg').write_text('no image')
    names = ['a.png', 'empty.jpg', 'wide.png', 'none.png', 'text.jpg', 'z.png']
    segment = SegmentationInferencer(*trained_ensemble, device='cpu', batch_size=batch_size)
    failures = []
    found = list(segment.stream([tmp_path / name for name in names], failures))
    assert [result.name for result in found] == [str(tmp_path / x) for x in ('a.png', 'z.png')]
    assert sorted(failure.name for failure in failures) == [
        str(tmp_path / x) for x in ('empty.jpg', 'none.png', 'text.jpg', 'wide.png')
    ]
    with pytest.raises(ValueError, match='wide.png must be the same, got'):
        segment(tmp_path / 'wide.png')


def test_weights_of_a_run_on_a_feature_bank(trained_ensemble, tmp_path, segment):
    config, checkpoint = trained_ensemble
    loaded = torch.load(checkpoint)
    del loaded['state_dict']['backbone._extra_state']
    torch.save(loaded, tmp_path / 'bank.pth')
    banked = SegmentationInferencer(config, tmp_path / 'bank.pth', device='cpu')
    assert np.array_equal(banked(face()).labels, segment(face()).labels)


def test_a_model_of_mmseg_has_no_uncertainty(tmp_path):
    model = tiny_segmentor(num_classes=2)
    pipeline = [dict(type='Resize', scale=(32, 32)), dict(type='PackSegInputs')]
    dataset = dict(type='BaseSegDataset', pipeline=pipeline)
    cfg = Config(dict(model=model, test_dataloader=dict(dataset=dataset), default_scope='mmseg'))
    built = MODELS.build(model)
    meta = dict(dataset_meta=dict(classes=['a', 'b']))
    torch.save(dict(state_dict=built.state_dict(), meta=meta), tmp_path / 'trained.pth')
    segment = SegmentationInferencer(cfg, tmp_path / 'trained.pth', device='cpu')
    result = segment(face(40, 24))
    assert result.labels.shape == (40, 24)
    assert result.uncertainty is None and result.score is None
    assert np.array(segment.palette).shape == (2, 3)


@pytest.mark.parametrize(
    'loading',
    [
        [dict(type='LoadImageFromFile'), dict(type='LoadAnnotations')],
        [dict(type='mmdiffrep.ReadRGB')],
        [dict(type='LoadImageFromFile', color_type='grayscale')],
    ],
)
def test_images_come_as_the_test_pipeline_loads_them(trained_ensemble, tmp_path, loading):
    config, checkpoint = trained_ensemble
    cfg = Config.fromfile(config)
    check = dict(type='mmdiffrep.CheckSegMap', num_classes=3)
    cfg.test_dataloader.dataset.dataset.pipeline = [*loading, check, dict(type='PackSegInputs')]
    segment = SegmentationInferencer(cfg, checkpoint, device='cpu')
    path = str(tmp_path / 'a.png')
    cv2.imwrite(path, face()[..., ::-1])
    with DefaultScope.overwrite_default_scope('mmseg'):
        loaded = Compose(loading[:1])(dict(img_path=path))['img']
    packed = segment.pipeline(dict(img=loaded, img_path=path, ori_shape=(16, 16)))['inputs']
    found = segment._prepared(path).packed['inputs']
    assert found.shape == packed.shape
    assert (found.int() - packed.int()).abs().max() <= 1  # of gray, by the rounding of libpng


def test_a_pipeline_that_loads_in_an_unknown_order_is_refused(trained_ensemble):
    cfg = Config.fromfile(trained_ensemble[0])
    cfg.test_dataloader.dataset.dataset.pipeline[0].color_type = 'unchanged'
    cfg.model.data_preprocessor.bgr_to_rgb = False
    with pytest.raises(ValueError, match="unknown: .*color_type='unchanged'.*LoadImageFromFile"):
        SegmentationInferencer(cfg, trained_ensemble[1])


def test_checkpoints_that_do_not_fit(trained_ensemble, tmp_path):
    config, checkpoint = trained_ensemble
    loaded = torch.load(checkpoint)
    torch.save(dict(state_dict=loaded['state_dict']), tmp_path / 'bare.pth')
    with pytest.raises(ValueError, match='does not say its classes'):
        SegmentationInferencer(config, tmp_path / 'bare.pth', device='cpu')
    del loaded['state_dict']['decode_head.mlp.norms.0.weight']
    torch.save(loaded, tmp_path / 'other.pth')
    with pytest.raises(ValueError, match=r'1 missing \(decode_head.mlp.norms\.0\.weight'):
        SegmentationInferencer(config, tmp_path / 'other.pth', device='cpu')
    with pytest.raises(FileNotFoundError, match='no checkpoint file'):
        SegmentationInferencer(config, tmp_path / 'nowhere.pth', device='cpu')


def test_config_without_a_pipeline(trained_ensemble):
    config, checkpoint = trained_ensemble
    cfg = Config.fromfile(config)
    cfg.pop('test_dataloader')
    with pytest.raises(ValueError, match=r'no test_dataloader\.dataset\.pipeline'):
        SegmentationInferencer(cfg, checkpoint)


@pytest.mark.parametrize('options', [dict(fit='squeeze'), dict(batch_size=0)])
def test_options(trained_ensemble, options):
    (name,) = options
    with pytest.raises(ValueError, match=f'{name} must be'):
        SegmentationInferencer(*trained_ensemble, **options)

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
import torch
from mmcv.transforms import BaseTransform
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope
from safetensors.torch import load_file

from mmdiffrep.apis.export_student import export_student, host_config
from mmdiffrep.models.teachers import HostTeacher
from mmdiffrep.registry import TRANSFORMS
from mmdiffrep.testing import tiny_segmentor


def _segmentation():
    model = tiny_segmentor()
    model['backbone']['init_cfg'] = dict(type='Pretrained', checkpoint='nowhere.pth')
    pipeline = [
        dict(type='mmdiffrep.LoadToyFace'),
        dict(type='LoadAnnotations'),
        dict(type='mmdiffrep.CheckSegMap'),
        dict(type='PackSegInputs'),
    ]
    dataset = dict(type='mmdiffrep.ToyFacesDataset', image_size=32, pipeline=pipeline)
    return dict(
        default_scope='mmseg',
        model=model,
        custom_hooks=[dict(type='mmdiffrep.RepFusionHook')],
        default_hooks=dict(checkpoint=dict(type='mmdiffrep.AtomicCheckpointHook')),
        test_dataloader=dict(batch_size=2, dataset=dataset),
        visualizer=dict(type='mmdiffrep.SomeVisualizer'),
    )


def _pose():
    codec = dict(type='MSRAHeatmap', input_size=(32, 32), heatmap_size=(8, 8), sigma=1)
    return dict(
        default_scope='mmpose',
        model=dict(
            type='TopdownPoseEstimator',
            data_preprocessor=dict(
                type='PoseDataPreprocessor', mean=[127.5] * 3, std=[127.5] * 3, bgr_to_rgb=True
            ),
            backbone=dict(type='ResNet', depth=18, base_channels=8, stem_channels=8),
            head=dict(
                type='HeatmapHead',
                in_channels=64,
                out_channels=3,
                deconv_out_channels=(8, 8),
                deconv_kernel_sizes=(4, 4),
                loss=dict(type='KeypointMSELoss', use_target_weight=True),
                decoder=codec,
            ),
            test_cfg=dict(flip_test=False),
        ),
        test_dataloader=dict(
            dataset=dict(
                type='mmdiffrep.ToyFacesDataset',
                pipeline=[
                    dict(type='mmdiffrep.LoadToyFace'),
                    dict(type='GetBBoxCenterScale'),
                    dict(type='TopdownAffine', input_size=codec['input_size']),
                    dict(type='PackPoseInputs'),
                ],
            )
        ),
    )


def _classification():
    return dict(
        default_scope='mmpretrain',
        data_preprocessor=dict(mean=[127.5] * 3, std=[127.5] * 3, to_rgb=True, num_classes=4),
        model=dict(
            type='ImageClassifier',
            backbone=dict(type='ResNet', depth=18, base_channels=8, stem_channels=8),
            neck=dict(type='GlobalAveragePooling'),
            head=dict(type='LinearClsHead', num_classes=4, in_channels=64),
        ),
        test_pipeline=[dict(type='mmdiffrep.LoadToyFace'), dict(type='PackInputs')],
        test_dataloader=dict(dataset=dict(type='mmdiffrep.ToyFacesDataset', image_size=32)),
    )


# Arrays as mmpose's data sets have them: they must work after becoming lists.
POSE_META = dict(
    dataset_name='three',
    num_keypoints=3,
    keypoint_colors=np.array([[255, 0, 0]] * 3, dtype=np.uint8),
    skeleton_links=[(0, 1)],
    skeleton_link_colors=np.array([[0, 255, 0]], dtype=np.uint8),
    sigmas=np.full(3, 0.1, dtype=np.float32),
    flip_indices=[0, 2, 1],
)
META = {
    'mmseg': dict(classes=('a', 'b', 'c', 'd'), palette=[[i, i, i] for i in range(4)]),
    'mmpose': POSE_META,
    'mmpretrain': dict(classes=('a', 'b', 'c', 'd')),
}


def _trained(config, folder):
    """Random weights, with the batch norms' statistics changed as training does."""
    cfg = Config(dict(config))
    model = cfg.model.to_dict()
    if 'data_preprocessor' in cfg:
        model['data_preprocessor'] = cfg.data_preprocessor.to_dict()
    model['backbone'].pop('init_cfg', None)
    init_default_scope(cfg.default_scope)
    state = MODELS.build(model).state_dict()
    state = {key: torch.rand_like(v) if v.is_floating_point() else v for key, v in state.items()}
    path = folder / 'iter_1.pth'
    meta = dict(dataset_meta=META[cfg.default_scope], cfg='runs mmdiffrep.RepFusionHook')
    torch.save(dict(state_dict=state, meta=meta, optimizer={}), path)
    return path


@pytest.mark.parametrize('make', [_segmentation, _pose, _classification])
def test_host_alone_gives_the_same_predictions(tmp_path, make):
    config = make()
    checkpoint = _trained(config, tmp_path)
    cfg = tmp_path / 'student_r18.py'
    Config(config).dump(cfg)
    # trust: the checkpoint holds arrays, as one of the host's own checkpoint hook does
    student = export_student(cfg, checkpoint, tmp_path / 'out', trust=True)
    assert student.greatest_difference == 0 and student.pixel_difference == 0
    assert [path.name for path in student[:3]] == [
        'student_r18.py',
        'student_r18.pth',
        'student_r18.safetensors',
    ]
    assert 'mmdiffrep' not in student.config.read_text()
    weights = torch.load(student.weights, weights_only=True)
    assert set(weights) == {'state_dict', 'meta'}
    assert set(weights['meta']) == {'dataset_meta'}
    torch.testing.assert_close(load_file(student.safetensors), dict(weights['state_dict']))


def _cifar(dataset='CIFAR10', **flags):
    config = _classification()
    config['data_preprocessor'] = dict(
        mean=[120.0, 110.0, 100.0], std=[60.0, 50.0, 40.0], num_classes=4, **flags
    )
    steps = [dict(type='PackInputs')]
    config['test_pipeline'] = steps
    config['test_dataloader'] = dict(dataset=dict(type=dataset, pipeline=steps))
    return config


def test_a_student_of_rgb_arrays_gets_rgb_from_files(tmp_path):
    config = _cifar(to_rgb=False)
    student = export_student(Config(config), _trained(config, tmp_path), tmp_path, trust=True)
    assert student.pixel_difference == 0
    assert Config.fromfile(student.config).model.data_preprocessor.to_rgb
    pair = dict(taps=['backbone', 'head.fc'], mean=[0.0] * 3, std=[1.0] * 3, channel_order='rgb')
    before, after = (
        HostTeacher(cfg, str(student.weights), **pair) for cfg in (config, str(student.config))
    )
    images = torch.randint(0, 256, (2, 3, 32, 32)).float()
    times = torch.zeros(2, dtype=torch.long)
    assert all(torch.equal(a, b) for a, b in zip(before(images, times), after(images, times)))


def test_a_student_of_padded_gray_images_gets_the_same_padding(tmp_path):
    config = _cifar('mmdiffrep.FashionMNISTDataset')
    student = export_student(Config(config), _trained(config, tmp_path), tmp_path, trust=True)
    assert student.pixel_difference == 0


def test_an_image_that_the_host_cannot_repeat_is_an_error(tmp_path):
    """A transform of ours between loading and packing is not in the exported pipeline."""
    config = _segmentation()
    dark = type('Darker', (BaseTransform,), dict(transform=_darker, channel_order='same'))
    TRANSFORMS.register_module(module=dark, force=True)
    steps = config['test_dataloader']['dataset']['pipeline']
    steps.insert(3, dict(type='mmdiffrep.Darker'))
    with pytest.raises(RuntimeError, match='given another image than in training'):
        export_student(Config(config), _trained(config, tmp_path), tmp_path, trust=True)


def _darker(self, results):
    return dict(results, img=results['img'] // 2)


def test_pose_meta_information_still_draws(tmp_path):
    from mmpose.apis import MMPoseInferencer

    config = _pose()
    checkpoint = _trained(config, tmp_path)
    student = export_student(Config(config), checkpoint, tmp_path, trust=True)
    inferencer = MMPoseInferencer(
        pose2d=str(student.config),
        pose2d_weights=str(student.weights),
        det_model='whole_image',
        device='cpu',
    )
    image = np.zeros((48, 40, 3), np.uint8)
    result = next(inferencer(image, return_vis=True, kpt_thr=0.0, radius=4))
    assert np.array(result['predictions'][0][0]['keypoints']).shape == (3, 2)
    assert (result['visualization'][0] != 0).any()


def test_visualizer_and_model_are_the_hosts_own():
    exported = host_config(Config(_segmentation()))
    assert exported.visualizer.type == 'SegLocalVisualizer'
    assert 'init_cfg' not in exported.model.backbone


def test_other_outputs_in_the_host_are_an_error(tmp_path, monkeypatch):
    config = _segmentation()
    path = _trained(config, tmp_path)
    weights = tmp_path / 'weights.pth'  # a bare state dict does as well
    torch.save(torch.load(path, weights_only=False)['state_dict'], weights)
    for difference in (0.1, float('nan')):
        monkeypatch.setattr(
            'mmdiffrep.apis.export_student._differences_in_host', lambda *_, d=difference: (d, 0.0)
        )
        with pytest.raises(RuntimeError, match=f'differ by up to {difference}'):
            export_student(Config(config), weights, tmp_path / 'out')


def test_weights_that_do_not_fit_are_an_error(tmp_path):
    config = _segmentation()
    torch.save({'state_dict': {'x': torch.ones(1)}}, tmp_path / 'a.pth')
    with pytest.raises(ValueError, match='does not fit .* missing'):
        export_student(Config(config), tmp_path / 'a.pth', tmp_path / 'out')


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (
            lambda config: config['model']['backbone'].update(type='mmdiffrep.DPMBackbone'),
            r"model\.backbone\.type='mmdiffrep\.DPMBackbone'",
        ),
        (
            lambda config: config.update(default_scope='mmengine'),
            "default_scope must be one of .* got 'mmengine'",
        ),
        (lambda config: config.pop('test_dataloader'), 'neither test_pipeline nor'),
    ],
)
def test_bad_input(change, message):
    config = _segmentation()
    change(config)
    with pytest.raises(ValueError, match=message):
        host_config(Config(config))

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import os

import numpy as np
import pytest
import torch
from mmengine.hooks import Hook
from mmengine.registry import DATASETS
from mmengine.structures import PixelData
from PIL import Image

from mmdiffrep.engine.loops import PixelTrainLoop
from mmdiffrep.testing import RandomSegmentation, run_in_two_processes, tiny_runner, tiny_teacher

PIXELS = dict(mean=[127.5] * 3, std=[127.5] * 3)
MODEL = dict(
    type='mmdiffrep.PixelEnsembleSegmentor',
    data_preprocessor=dict(type='mmseg.SegDataPreProcessor', bgr_to_rgb=True, **PIXELS),
    backbone=dict(
        type='mmdiffrep.DPMBackbone',
        denoiser=tiny_teacher(),
        taps=['dec.1', 'dec.3'],
        timesteps=[1],
        input=dict(PIXELS, channel_order='rgb'),
    ),
    decode_head=dict(
        type='mmdiffrep.PixelMLPEnsembleHead',
        num_classes=4,
        num_members=3,
        hidden_channels=(8,),
        begin_epoch=1,
        patience=4,
    ),
)
IMAGES = dict(type='mmdiffrep.RandomSegmentation', length=2)  # 2048 pixels
LOADER = dict(batch_size=1, num_workers=0, sampler=dict(type='DefaultSampler', shuffle=False))
EPOCH = 8  # iterations


class Unruly(RandomSegmentation):
    """Random images with something wrong."""

    def __init__(self, fault, length=2):
        super().__init__(length)
        self.fault = fault

    def __getitem__(self, index):
        item = super().__getitem__(index)
        labels = item['data_samples'].gt_sem_seg.data.clone()
        if self.fault == 'label':
            labels[0, 3, 3] = 7
        elif self.fault == 'mask size':
            labels = labels[:, :16]
        elif self.fault == 'image size' and index:
            item['inputs'], labels = item['inputs'][:, :24, :24], labels[:, :24, :24]
            item['data_samples'].set_metainfo(dict(img_shape=(24, 24)))
        elif self.fault == 'padding':
            item['data_samples'].set_metainfo(dict(img_shape=(24, 24)))
        elif self.fault == 'chance':
            labels = torch.randint_like(labels, 4)
        elif self.fault == 'few':
            labels[:, 4:] = 255
        item['data_samples'].gt_sem_seg = PixelData(data=labels)
        return item


@pytest.fixture(autouse=True)
def unruly():
    DATASETS.register_module(name='UnrulyForTests', module=Unruly, force=True)


def runner(folder, loop=None, images=None, **overrides):
    torch.manual_seed(0)  # the tiny denoiser has random weights
    return tiny_runner(
        folder,
        model=overrides.pop('model', MODEL),
        train_cfg={'type': 'mmdiffrep.PixelTrainLoop', 'batch_size': 256, **(loop or {})},
        train_dataloader=dict(dataset=images or IMAGES, **LOADER),
        optim_wrapper=overrides.pop(
            'optim_wrapper',
            dict(type='OptimWrapper', optimizer=dict(type='Adam', lr=0.05, fused=True)),
        ),
        default_hooks=dict(
            checkpoint=dict(
                type='mmdiffrep.AtomicCheckpointHook',
                by_epoch=False,
                interval=overrides.pop('save', 10**6),
            ),
            logger=dict(type='LoggerHook', interval=1),
        ),
        **overrides,
    )


def head_of(run):
    return run.model.decode_head.state_dict()


class CountHook(Hook):
    """Notes the batches."""

    def __init__(self):
        self.labels, self.last = [], []

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        self.labels.append(data_batch['labels'].clone())

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        self.last.append(self.is_last_train_iter(runner))


def test_trains_until_every_member_has_stopped(tmp_path):
    run = runner(tmp_path)
    hook = CountHook()
    run.register_hook(hook)
    run.train()
    loop, rule = run.train_loop, run.model.decode_head.stop_rule
    assert isinstance(loop, PixelTrainLoop) and loop.epoch_length == EPOCH
    assert rule.stopped.all() and EPOCH + 4 < loop.iter < 100 * EPOCH
    assert loop.max_iters == loop.iter
    assert hook.last == [False] * (loop.iter - 1) + [True]
    assert (tmp_path / f'iter_{loop.iter}.pth').is_file(), 'the end is saved'
    assert (tmp_path / 'last_checkpoint').is_file()


class WatchHook(Hook):
    """Checks after every batch that the members that had stopped before are unchanged."""

    before, seen = None, 0

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        head = runner.model.decode_head
        state = {key: value.clone() for key, value in head.mlp.state_dict().items()}
        stopped = head.stop_rule.stopped.tolist()
        for key, value in state.items() if self.before else ():
            for member, had_stopped in enumerate(self.before[1]):
                same = torch.equal(value[member], self.before[0][key][member])
                assert same == had_stopped, (key, member)
                self.seen += had_stopped
        self.before = state, stopped


def test_a_stopped_member_stays_while_others_train(tmp_path):
    run = runner(tmp_path)
    hook = WatchHook()
    run.register_hook(hook)
    run.train()
    assert hook.seen


def test_ends_after_max_epochs(tmp_path):
    run = runner(tmp_path, dict(max_epochs=1))
    hook = CountHook()
    run.register_hook(hook)
    run.train()
    assert run.iter == EPOCH and hook.last[-1]
    # an epoch gives each member every pixel once, in an order of its own
    truth = torch.cat([one.flatten() for one in RandomSegmentation(2).labels]).bincount()
    for member in range(3):
        seen = torch.cat([labels[member] for labels in hook.labels])
        assert torch.equal(seen.bincount(), truth)
    assert not torch.equal(hook.labels[0][0], hook.labels[0][1])


def test_a_resumed_run_equals_an_undisturbed_one(tmp_path):
    through = runner(tmp_path / 'through', save=5)
    through.train()
    end = through.iter
    # before the stopping phase, in it, and after the end
    for stop in (5, EPOCH + 7 - (EPOCH + 7) % 5, end):
        checkpoint = tmp_path / 'through' / f'iter_{stop}.pth'
        again = runner(tmp_path / f'from_{stop}', load_from=str(checkpoint), resume=True)
        again.train()
        assert again.iter == end
        for key, value in head_of(through).items():
            assert torch.equal(value, head_of(again)[key]), (stop, key)


def test_losses_are_logged_at_the_interval_and_at_the_end(tmp_path):
    run = runner(tmp_path, dict(max_epochs=1, report_interval=3))
    run.train()
    assert len(run.message_hub.log_scalars['train/loss'].data[0]) == 2
    run = runner(tmp_path / 'stops', dict(report_interval=10**6))
    run.train()
    assert run.message_hub.get_scalar('train/active_members').current() >= 1


def test_validates_at_the_end(tmp_path):
    run = runner(
        tmp_path,
        dict(max_epochs=1),
        val_dataloader=dict(dataset=dict(type='mmdiffrep.RandomSegmentation', length=3), **LOADER),
        val_evaluator=[dict(type='mmdiffrep.DDPMSegIoU'), dict(type='mmdiffrep.MeanUncertainty')],
        val_cfg=dict(type='ValLoop'),
    )
    run.train()
    for key in ('mIoU', 'mIoU_count_ignored', 'uncertainty'):
        assert np.isfinite(run.message_hub.get_scalar(f'val/{key}').current())


def test_half_precision_is_kept_natively_and_once(tmp_path):
    loop = runner(tmp_path).build_train_loop(dict(type='mmdiffrep.PixelTrainLoop'))
    maps = loop.pixels.columns.maps
    assert {one.dtype for one in maps} == {torch.float16}
    assert [tuple(one.shape) for one in maps] == [(2, 16, 8, 8), (2, 8, 16, 16)]


@pytest.mark.parametrize(
    ('fault', 'message'),
    [
        ('label', r'0\.png: labels \[7\] are out of range, expected 0 to 3'),
        ('mask size', r'0\.png: the shape of its mask must be \(32, 32\), got \(16, 32\)'),
        ('image size', r'must be the same, got \[\(32, 32\), \(24, 24\)\]: resize'),
        ('padding', r'0\.png as it arrives must be \(24, 24\), got \(32, 32\)'),
        ('few', r'labeled pixels \(batch_size\) must be at least 512, got 256'),
    ],
)
def test_images_and_masks_that_do_not_fit(tmp_path, fault, message):
    loop = dict(batch_size=512) if fault == 'few' else None
    run = runner(tmp_path, loop, dict(type='UnrulyForTests', fault=fault))
    with pytest.raises(ValueError, match=message):
        run.train()


def own_images(folder, mask_shape=(48, 64), orientation=6):
    """Write a photo of 64x48 stored pixels, its mask, and a config that squares both."""
    for kind in ('images', 'masks'):
        (folder / kind).mkdir(parents=True)
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.new('RGB', (64, 48), 'red').save(folder / 'images' / 'a.jpg', exif=exif)
    mask = np.arange(np.prod(mask_shape)).reshape(mask_shape) % 4
    Image.fromarray(mask.astype(np.uint8)).save(folder / 'masks' / 'a.png')
    return dict(
        type='mmseg.BaseSegDataset',
        data_root=str(folder),
        data_prefix=dict(img_path='images', seg_map_path='masks'),
        metainfo=dict(classes=('a', 'b', 'c', 'd')),
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='mmseg.LoadAnnotations'),
            dict(type='mmseg.Resize', scale=(32, 32)),
            dict(type='mmseg.PackSegInputs'),
        ],
    )


def test_a_mask_of_the_stored_pixels_of_a_turned_photo_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r'a\.png: .*\(48, 64\).*a\.jpg.*\(64, 48\).*EXIF'):
        runner(tmp_path, images=own_images(tmp_path / 'data')).train()


@pytest.mark.parametrize(('shape', 'orientation'), [((64, 48), 6), ((48, 64), 1), ((48, 64), 3)])
def test_masks_of_the_turned_photo_are_trained_on(tmp_path, shape, orientation):
    run = runner(tmp_path, dict(max_epochs=1), own_images(tmp_path / 'data', shape, orientation))
    run.train()
    assert run.iter > 0


def test_masks_of_the_validation_are_checked_too(tmp_path):
    run = runner(
        tmp_path,
        images=own_images(tmp_path / 'data', (64, 48)),
        val_dataloader=dict(dataset=own_images(tmp_path / 'other'), **LOADER),
        val_cfg=dict(),
        val_evaluator=dict(type='mmseg.IoUMetric'),
    )
    with pytest.raises(ValueError, match=r'other/masks/a\.png: .*EXIF'):
        run.train()


@pytest.mark.parametrize('content', [b'', 0.5])
def test_a_damaged_mask_is_named(tmp_path, content):
    images = own_images(tmp_path / 'data', (64, 48))
    mask = tmp_path / 'data' / 'masks' / 'a.png'
    whole = mask.read_bytes()
    mask.write_bytes(whole[: len(whole) // 2] if content else content)
    with pytest.raises(ValueError, match=r'masks/a\.png cannot be read'):
        runner(tmp_path, images=images).train()


def test_features_beyond_the_range_of_half_precision(tmp_path, monkeypatch):
    run = runner(tmp_path)
    backbone = run.model.backbone
    read = backbone.forward
    monkeypatch.setattr(backbone, 'forward', lambda images: tuple(1e6 * m for m in read(images)))
    with pytest.raises(ValueError, match=r"not finite as torch.float16.*dtype='bfloat16'"):
        run.train()


@pytest.mark.parametrize('change', ['other images', 'chance'])
def test_a_resume_with_other_pixels_is_refused(tmp_path, change):
    first = dict(type='UnrulyForTests', fault='chance' if change == 'chance' else None)
    second = first if change == 'chance' else dict(IMAGES, order=[1, 0])
    runner(tmp_path, dict(max_epochs=1), first).train()
    checkpoint = str(tmp_path / f'iter_{EPOCH}.pth')
    again = runner(tmp_path / 'again', None, second, load_from=checkpoint, resume=True)
    torch.manual_seed(7)
    with pytest.raises(ValueError, match='started with other labeled pixels'):
        again.train()


def test_weight_decay_is_refused(tmp_path):
    optimizer = dict(type='AdamW', lr=0.01, weight_decay=0.01)
    run = runner(tmp_path, optim_wrapper=dict(type='OptimWrapper', optimizer=optimizer))
    with pytest.raises(ValueError, match=r'weight_decay of the optimizer must be 0, got 0\.01'):
        run.train()


@pytest.mark.parametrize(
    'wrong', [dict(max_epochs=0), dict(batch_size=1), dict(report_interval=0), dict(dtype='half')]
)
def test_wrong_options(tmp_path, wrong):
    run = runner(tmp_path)
    with pytest.raises(ValueError, match=f'{next(iter(wrong))} must be'):
        run.build_train_loop({'type': 'mmdiffrep.PixelTrainLoop', **wrong})


def _train_in_process(rank, folder):
    _train_and_test(
        folder,
        f'rank{rank}',
        launcher='pytorch',
        model_wrapper_cfg=dict(type='MMDistributedDataParallel', device_ids=None),
    )


def _train_and_test(folder, name, **overrides):
    run = runner(
        folder,
        dict(max_epochs=3),
        test_dataloader=dict(dataset=dict(type='mmdiffrep.RandomSegmentation', length=5), **LOADER),
        test_evaluator=[dict(type='mmdiffrep.DDPMSegIoU'), dict(type='mmdiffrep.MeanUncertainty')],
        test_cfg=dict(type='TestLoop'),
        **overrides,
    )
    run.train()
    state = dict(head=run.train_loop.model.decode_head.state_dict(), metrics=run.test())
    torch.save(state, os.path.join(folder, f'{name}.pt'))


def test_two_processes_give_the_members_and_metrics_of_one(tmp_path):
    run_in_two_processes(_train_in_process, str(tmp_path))
    _train_and_test(str(tmp_path), 'alone')
    alone, *ranks = (
        torch.load(tmp_path / f'{name}.pt', weights_only=False)
        for name in ('alone', 'rank0', 'rank1')
    )
    for rank in ranks:
        for key, value in alone['head'].items():
            assert torch.allclose(value.float(), rank['head'][key].float(), atol=1e-6), key
    for key, value in alone['metrics'].items():
        assert ranks[0]['metrics'][key] == pytest.approx(value, abs=1e-2), key

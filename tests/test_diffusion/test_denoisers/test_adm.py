# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""The ADM family: block table, flags, checkpoints, classes, taps."""

import copy

import pytest
import torch

from mmdiffrep.diffusion.denoisers import load_denoiser
from mmdiffrep.diffusion.denoisers.adm import ADMDenoiser
from mmdiffrep.diffusion.denoisers.adm_presets import ADM_PRESETS
from mmdiffrep.diffusion.paper_taps import alias_to_canonical, canonical_to_alias
from mmdiffrep.diffusion.taps import TapError

TINY = dict(
    image_size=16,
    num_channels=32,
    num_res_blocks=1,
    channel_mult='1,2,2',
    attention_resolutions='8',
    num_head_channels=32,
    resblock_updown=True,
)
# Channels and stride of output blocks 0..17 of ADM-256 (guided-diffusion, 256 px, unconditional).
ADM_256_DECODER = (
    [(1024, 32)] * 2
    + [(1024, 16)] * 3
    + [(1024, 8)]
    + [(512, 8)] * 2
    + [(512, 4)] * 3
    + [(512, 2)]
    + [(256, 2)] * 2
    + [(256, 1)] * 4
)


def tiny(seed: int = 0, **flags) -> ADMDenoiser:
    """A denoiser none of whose parameters is zero, so that every block matters."""
    taps = flags.pop('taps', None)
    denoiser = ADMDenoiser.build(**{**TINY, **flags})
    generator = torch.Generator().manual_seed(seed)
    for parameter in denoiser.parameters():
        parameter.data.normal_(std=0.1, generator=generator)
    denoiser.freeze()
    return denoiser if taps is None else denoiser.truncate(taps)


def batch(size: int = 16):
    generator = torch.Generator().manual_seed(3)
    return torch.rand(2, 3, size, size, generator=generator) * 2 - 1, torch.tensor([7, 801])


@pytest.fixture(scope='module')
def adm_256():
    with torch.device('meta'):
        return ADMDenoiser.build(**ADM_PRESETS['adm-256-uncond'])


def test_block_table_of_adm_256(adm_256):
    table = adm_256.taps
    names = list(table)
    assert names == [
        *(f'enc.{i}' for i in range(18)),
        'mid',
        *(f'dec.{i}' for i in range(18)),
    ]
    assert table['mid'] == (1024, 32)
    assert [table[f'dec.{i}'] for i in range(18)] == ADM_256_DECODER
    assert table['enc.0'] == (256, 1)
    # An encoder block's map is what the mirrored decoder block gets beside its predecessor's.
    previous = ['mid', *(f'dec.{i}' for i in range(17))]
    for i in range(18):
        before, mirrored = table[previous[i]], table[f'enc.{17 - i}']
        assert table[f'dec.{i}@in'] == (before.channels + mirrored.channels, mirrored.stride)


def test_hypercolumn_of_ddpm_seg(adm_256):
    channels = [adm_256.taps[f'ddpm_seg:{n}'].channels for n in (5, 6, 7, 8, 12)]
    assert channels == [1024, 512, 512, 512, 256]
    assert 3 * sum(channels) == 8448


def test_aliases_both_ways(adm_256):
    for n in range(18):
        for system in ('ddpm_seg', 'dift'):
            assert adm_256.taps.site(f'{system}:{n}') == adm_256.taps.site(f'dec.{n}')
            assert canonical_to_alias(system, alias_to_canonical(system, n)) == n
    for b, name in enumerate(adm_256.taps, start=1):
        assert adm_256.taps.site(f'gdc:{b}') == adm_256.taps.site(name)
        assert canonical_to_alias('gdc', name) == b
    # DifFormer's favorite block is the one that DIFT reads from ADM.
    assert adm_256.taps.site('gdc:24') == adm_256.taps.site('dift:4')


@pytest.mark.parametrize(
    'flags',
    [
        dict(use_new_attention_order=True),
        dict(use_scale_shift_norm=False, resblock_updown=False),
    ],
)
def test_truncated_features_equal_hooked_ones(flags):
    x_t, t = batch()
    whole = tiny(**flags)
    names = [f'{name}@{side}' for name in whole.taps for side in ('in', 'out')]
    hooked = {}

    def keep(name):
        return lambda module, args, output: hooked.update(
            {f'{name}@in': args[0], f'{name}@out': output}
        )

    network = whole.network
    places = [(f'enc.{i}', block) for i, block in enumerate(network.input_blocks)]
    places += [('mid', network.middle_block)]
    places += [(f'dec.{i}', block) for i, block in enumerate(network.output_blocks)]
    handles = [block.register_forward_hook(keep(name)) for name, block in places]
    whole.predict(x_t, t)
    for handle in handles:
        handle.remove()
    assert sorted(hooked) == sorted(names)
    sizes = []
    for name in names:
        cut = copy.deepcopy(whole).truncate([name])
        assert torch.equal(cut(x_t, t)[name], hooked[name]), name
        tap, shape = cut.taps[name], hooked[name].shape
        assert (tap.channels, 16 // tap.stride) == (shape[1], shape[3])
        sizes.append(sum(parameter.numel() for parameter in cut.parameters()))
    assert sizes == sorted(sizes), 'the later the tap, the more is kept'
    assert sizes[-1] < sum(parameter.numel() for parameter in whole.parameters())


@pytest.mark.parametrize(
    'name',
    [
        'module:middle_block.2.out_layers.3',
        'module:input_blocks.3.0',
        'module:output_blocks.2.1@in',
    ],
)
def test_truncated_module_taps(name):
    x_t, t = batch()
    expected = tiny()(x_t, t, taps=[name])[name]
    assert torch.equal(tiny(taps=[name])(x_t, t)[name], expected)


def test_tap_behind_the_cut_is_an_error():
    denoiser = tiny(taps=['mid'])
    with pytest.raises(TapError, match='after the cut'):
        denoiser(*batch(), taps=['dec.0'])
    with pytest.raises(ValueError, match='truncated'):
        denoiser.predict(*batch())


def test_other_image_sizes_and_bad_ones():
    denoiser = tiny()
    assert denoiser(*batch(24), taps=['mid'])['mid'].shape == (2, 64, 6, 6)
    with pytest.raises(ValueError, match='multiples of 4'):
        denoiser(*batch(18), taps=['mid'])


def test_checkpoint_round_trip_keeps_output(tmp_path):
    trained = tiny(learn_sigma=True)
    path = tmp_path / 'model.pt'
    torch.save(trained.network.state_dict(), path)
    cfg = dict(type='mmdiffrep.ADMDenoiser', checkpoint=str(path), learn_sigma=True, **TINY)
    loaded = load_denoiser(cfg)
    output = loaded.predict(*batch())
    assert output.shape == (2, 6, 16, 16)
    assert torch.equal(output, trained.predict(*batch()))
    assert loaded.source == str(path)
    assert loaded.weights_hash == trained.weights_hash
    cut = load_denoiser(cfg, taps=['mid'])
    assert cut.weights_hash == loaded.weights_hash
    assert load_denoiser(dict(cfg, dtype='float16')).network.out[0].weight.dtype == torch.float16


@pytest.mark.parametrize(
    ('flags', 'hint'),
    [
        (dict(class_cond=True, num_classes=5), r'class_cond=False \(given: True\)'),
        (dict(learn_sigma=True), r'learn_sigma=False \(given: True\)'),
        (dict(resblock_updown=False), r'resblock_updown=True \(given: False\)'),
        (dict(use_scale_shift_norm=False), r'use_scale_shift_norm=True \(given: False\)'),
        (dict(num_channels=64), r'num_channels=32 \(given: 64\)'),
        (dict(num_res_blocks=2), 'Check num_res_blocks'),
        (dict(attention_resolutions='16'), 'Check num_res_blocks, channel_mult, attention'),
    ],
)
def test_wrong_flags_are_named(tmp_path, flags, hint):
    path = tmp_path / 'model.pt'
    torch.save(tiny().network.state_dict(), path)
    with pytest.raises(ValueError, match=hint):
        ADMDenoiser.build(checkpoint=str(path), **{**TINY, **flags})


def test_foreign_state_dict_and_file_names(tmp_path):
    path = tmp_path / 'resnet.pt'
    torch.save({'conv1.weight': torch.zeros(2)}, path)
    with pytest.raises(ValueError, match='does not look like'):
        ADMDenoiser.build(checkpoint=str(path), **TINY)
    with pytest.raises(ValueError, match='preset must be one of'):
        ADMDenoiser.from_pretrained(str(path), preset='adm-257')
    with pytest.raises(FileNotFoundError, match='lsun_cat'):
        ADMDenoiser.from_pretrained(str(tmp_path / 'lsun_cat.pt'))


def test_null_and_given_labels():
    x_t, t = batch()
    flags = dict(class_cond=True, num_classes=5)
    denoiser = tiny(**flags)
    table = denoiser.network.label_emb.weight
    given = denoiser.predict(x_t, t, cond=torch.tensor([0, 4]))
    assert not torch.equal(given, denoiser.predict(x_t, t, cond=torch.tensor([1, 4])))
    mean = denoiser.predict(x_t, t)
    zero = tiny(**flags, null_label='zero').predict(x_t, t)
    assert not torch.equal(mean, zero)
    # With one embedding for all classes, each label is the mean; without one, the zero label.
    table.data.copy_(table.mean(dim=0).expand_as(table))
    torch.testing.assert_close(denoiser.predict(x_t, t, cond=torch.tensor([2, 3])), mean)
    table.data.zero_()
    torch.testing.assert_close(denoiser.predict(x_t, t, cond=torch.tensor([2, 3])), zero)


def test_bad_labels():
    x_t, t = batch()
    denoiser = tiny(class_cond=True, num_classes=5)
    denoiser.require_images_only()  # it has a stand-in for the label
    with pytest.raises(ValueError, match=r'0 \.\. 4'):
        denoiser.predict(x_t, t, cond=torch.tensor([0, 5]))
    with pytest.raises(ValueError, match='integer labels'):
        denoiser.predict(x_t, t, cond=torch.tensor([0.0, 1.0]))
    with pytest.raises(ValueError, match='unconditional'):
        tiny().predict(x_t, t, cond=torch.tensor([0, 1]))
    with pytest.raises(ValueError, match='null_label'):
        ADMDenoiser.build(**TINY, null_label='none')


def test_rescaled_timesteps():
    x_t, t = torch.zeros(1, 3, 16, 16), torch.tensor([10])
    short = tiny(diffusion_steps=100, rescale_timesteps=True)
    assert torch.equal(short.predict(x_t, t), tiny().predict(x_t, t * 10))


def test_schedules():
    linear = ADMDenoiser.build(**TINY, diffusion_steps=500, rescale_timesteps=False).schedule
    assert linear.num_timesteps == 500
    torch.testing.assert_close(linear.betas[[0, -1]], torch.tensor([2e-4, 0.04]))
    cosine = ADMDenoiser.build(**TINY, noise_schedule='cosine', predict_xstart=True).schedule
    assert cosine.prediction_type == 'sample'
    # Improved DDPM, eq. 17: half of the variance is noise a little before the middle.
    assert 490 < cosine.nearest_timestep(0.5**0.5) < 500
    with pytest.raises(ValueError, match='noise_schedule'):
        ADMDenoiser.build(**TINY, noise_schedule='sqrt')


def test_unknown_image_size_needs_channel_mult():
    with pytest.raises(ValueError, match='channel_mult'):
        ADMDenoiser.build(image_size=96)

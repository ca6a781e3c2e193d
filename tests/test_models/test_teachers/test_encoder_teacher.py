# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Networks of other libraries as teachers: their maps are those of the library's own forward."""

import json

import pytest
import torch
from torch import nn

from mmdiffrep.models.teachers import EncoderTeacher

MEAN, STD = [120.0, 110.0, 100.0], [60.0, 55.0, 50.0]  # of the student, BGR
SMALL_VIT = dict(embed_dim=32, depth=3, num_heads=2)


def pixels(size=64, batch=2):
    return torch.randint(0, 256, (batch, 3, size, size)).float()


def as_student(rgb):
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (MEAN, STD))
    return (rgb.flip(1) - mean) / std


def build(network, taps, **kwargs):
    return EncoderTeacher(
        network, taps=taps, mean=MEAN, std=STD, channel_order='bgr', init='random', **kwargs
    )


def maps(teacher, rgb):
    """Return what the teacher gives, and the input that its network saw."""
    seen = []
    handle = teacher.model.register_forward_pre_hook(
        lambda module, args, kwargs: seen.append((*args, *kwargs.values())[0]), with_kwargs=True
    )
    features = teacher(teacher.to_input(as_student(rgb)), torch.zeros(len(rgb), dtype=torch.long))
    handle.remove()
    return features, seen[0]


def test_the_network_sees_its_own_normalization():
    teacher = build('torchvision:resnet18', ['layer1'])
    rgb = pixels()
    _, seen = maps(teacher, rgb)
    mean = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)
    std = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
    torch.testing.assert_close(seen, (rgb / 255 - mean) / std, atol=2e-5, rtol=0)


@torch.no_grad()
def test_torchvision_maps_are_its_own():
    teacher = build('torchvision:resnet18', ['layer1.0', 'layer3', 'layer4@in'])
    (first, third, fourth), x = maps(teacher, pixels())
    net = teacher.model
    x = net.maxpool(net.relu(net.bn1(net.conv1(x))))
    assert torch.equal(first, net.layer1[0](x))
    x = net.layer3(net.layer2(net.layer1(x)))
    assert torch.equal(third, x) and torch.equal(fourth, x)
    assert teacher.channels == (64, 256, 256)


@torch.no_grad()
def test_torchvision_channels_come_first():
    teacher = build('torchvision:swin_t', ['features.1'])
    (feature,), x = maps(teacher, pixels())
    net = teacher.model
    assert torch.equal(feature, net.features[1](net.features[0](x)).permute(0, 3, 1, 2))


@pytest.mark.parametrize(
    ('name', 'patch', 'options'),
    [
        ('vit_tiny_patch16_224', 16, SMALL_VIT),
        ('vit_small_patch14_reg4_dinov2', 14, SMALL_VIT),
        ('vit_base_patch16_clip_224', 16, SMALL_VIT),
        ('vit_small_patch16_dinov3', 16, SMALL_VIT),
    ],
)
@torch.no_grad()
def test_timm_maps_are_its_own(name, patch, options):
    pytest.importorskip('timm')
    teacher = build(f'timm:{name}', ['norm', 'blocks.1'], options=options)
    features, x = maps(teacher, pixels(60))
    assert x.shape[2] == -(-60 // patch) * patch  # rounded up to a multiple
    expected = [
        teacher.model.forward_intermediates(
            x, [index], norm=norm, output_fmt='NCHW', intermediates_only=True
        )[0]
        for index, norm in ((2, True), (1, False))
    ]
    assert all(torch.equal(a, b) for a, b in zip(features, expected))
    assert teacher.channels == (32, 32)


@torch.no_grad()
def test_timm_networks_that_are_no_transformers():
    pytest.importorskip('timm')
    teacher = build('timm:convnext_atto', ['stages.2'])
    (feature,), x = maps(teacher, pixels())
    expected = teacher.model.forward_intermediates(x, [2], intermediates_only=True)[0]
    assert torch.equal(feature, expected)


def folder_of(tmp_path, network, **settings):
    network.save_pretrained(tmp_path)
    processor = dict(
        image_processor_type='ViTImageProcessor', image_mean=[0.4, 0.5, 0.6], image_std=[0.2] * 3
    )
    (tmp_path / 'preprocessor_config.json').write_text(json.dumps({**processor, **settings}))
    return f'transformers:{tmp_path}'


def transformers_networks():
    import transformers as t

    size = dict(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=2, patch_size=8, image_size=32
    )
    clip = t.CLIPVisionConfig(intermediate_size=64, **size)
    return {
        'dinov2': (t.Dinov2Model(t.Dinov2Config(**size)), 'layernorm', 1),
        'registers': (
            t.Dinov2WithRegistersModel(t.Dinov2WithRegistersConfig(num_register_tokens=4, **size)),
            'layernorm',
            5,
        ),
        'vit': (t.ViTModel(t.ViTConfig(intermediate_size=64, **size)), 'layernorm', 1),
        'clip': (t.CLIPVisionModel(clip), 'vision_model.encoder.layers.1[0]', 1),
    }


@pytest.mark.parametrize('kind', ['dinov2', 'registers', 'vit', 'clip'])
@torch.no_grad()
def test_transformers_maps_are_its_own(tmp_path, kind):
    network, tap, prefix = transformers_networks()[kind]
    teacher = EncoderTeacher(
        folder_of(tmp_path, network), [tap], mean=MEAN, std=STD, channel_order='bgr'
    )
    rgb = pixels(40)
    (feature,), x = maps(teacher, rgb)
    own = torch.tensor([0.4, 0.5, 0.6]).view(3, 1, 1)
    torch.testing.assert_close(x, (rgb / 255 - own) / 0.2, atol=2e-5, rtol=0)
    options = (
        {} if 'dinov2' in type(network).__name__.lower() else {'interpolate_pos_encoding': True}
    )
    tokens = network.eval()(pixel_values=x, **options).last_hidden_state[:, prefix:]
    expected = tokens.transpose(1, 2).reshape(2, 32, 5, 5)
    assert torch.equal(feature, expected)
    record = teacher.record
    assert record['source'] == f'transformers:{tmp_path}' and record['precision'] == 'float32'


@pytest.mark.parametrize(
    ('processor', 'options'),
    [
        ('ViTImageProcessor', {}),
        ('ViTImageProcessor', dict(do_normalize=False)),
        ('ViTImageProcessor', dict(do_rescale=False, image_mean=[100.0] * 3, image_std=[50.0] * 3)),
        ('CLIPImageProcessor', dict(do_center_crop=False, rescale_factor=1 / 127.5)),
        ('MobileViTImageProcessor', dict(do_center_crop=False)),
    ],
)
def test_the_network_sees_what_its_processor_gives(tmp_path, processor, options):
    transformers = pytest.importorskip('transformers')
    network, tap, _ = transformers_networks()['vit']
    network.save_pretrained(tmp_path)
    own = getattr(transformers, processor)(do_resize=False, **options)
    own.save_pretrained(tmp_path)
    teacher = EncoderTeacher(
        f'transformers:{tmp_path}', [tap], mean=MEAN, std=STD, channel_order='bgr'
    )
    rgb = pixels(32)
    expected = own(list(rgb.byte()), return_tensors='pt')['pixel_values']
    torch.testing.assert_close(maps(teacher, rgb)[1], expected, atol=2e-5, rtol=1e-5)


def test_a_processor_that_does_more_is_unknown(tmp_path):
    transformers = pytest.importorskip('transformers')
    network, tap, _ = transformers_networks()['vit']
    network.save_pretrained(tmp_path)
    transformers.EfficientNetImageProcessor(rescale_offset=True).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match='normalization of .* is unknown'):
        EncoderTeacher(f'transformers:{tmp_path}', [tap])


def test_a_folder_with_code_of_its_own_is_refused_without_a_question(tmp_path):
    pytest.importorskip('transformers')
    code = {'AutoConfig': 'own.Config', 'AutoModel': 'own.Network'}
    (tmp_path / 'config.json').write_text(json.dumps(dict(model_type='own', auto_map=code)))
    ran = tmp_path / 'ran'
    (tmp_path / 'own.py').write_text(f'open({str(ran)!r}, "w")')
    with pytest.raises(ValueError, match='bring their own code are not loaded'):
        EncoderTeacher(f'transformers:{tmp_path}', ['layer'])
    assert not ran.exists()


class Tokens(nn.Module):
    """A network with ten tokens in front, as RADIO's, and input in [0, 1]."""

    def __init__(self, patch=8):
        super().__init__()
        self.embed = nn.Conv2d(3, 6, patch, patch)
        self.block = nn.Linear(6, 6)

    def forward(self, images):
        tokens = self.embed(images).flatten(2).transpose(1, 2)
        return self.block(torch.cat([tokens.new_zeros(len(tokens), 10, 6), tokens], 1)).mean(1)


UNIT = dict(mean=[0.0] * 3, std=[255.0] * 3, channel_order='rgb')


@torch.no_grad()
def test_a_module_of_ones_own():
    network = Tokens()
    teacher = EncoderTeacher(
        network, ['block', 'embed'], mean=MEAN, std=STD, channel_order='bgr',
        normalization=UNIT, patch=8,
    )  # fmt: skip
    (block, embed), x = maps(teacher, pixels(32))
    assert x.min() >= 0 and x.max() <= 1 + 1e-6
    assert torch.equal(embed, network.embed(x))
    rows = network.block(network.embed(x).flatten(2).transpose(1, 2))
    torch.testing.assert_close(block, rows.transpose(1, 2).reshape(2, 6, 4, 4), atol=1e-6, rtol=0)
    assert not any(p.requires_grad for p in network.parameters())


def test_what_a_module_needs():
    with pytest.raises(ValueError, match='give normalization='):
        EncoderTeacher(Tokens(), ['block'])
    with pytest.raises(ValueError, match='give `patch`'):
        EncoderTeacher(Tokens(), ['block'], normalization=UNIT)
    with pytest.raises(ValueError, match='has no layer'):
        EncoderTeacher(Tokens(), ['blocks'], normalization=UNIT, patch=8)
    with pytest.raises(ValueError, match='give a multiple of 8, such as 24'):
        EncoderTeacher(Tokens(), ['block'], normalization=UNIT, patch=8, size=20)


def test_random_weights_have_a_hash_of_their_own():
    torch.manual_seed(0)
    first = build('torchvision:resnet18', ['layer1'])
    torch.manual_seed(0)
    same = build('torchvision:resnet18', ['layer1'])
    other = build('torchvision:resnet18', ['layer1'])
    assert first.weights_hash == same.weights_hash != other.weights_hash
    assert first.source == 'torchvision:resnet18 (random weights)'


def test_a_checkpoint_is_loaded_key_by_key(tmp_path):
    import torchvision

    weights = torchvision.models.resnet18().state_dict()
    torch.save(weights, tmp_path / 'a.pth')
    teacher = EncoderTeacher('torchvision:resnet18', ['layer1'], checkpoint=str(tmp_path / 'a.pth'))
    assert torch.equal(teacher.model.conv1.weight, weights['conv1.weight'])
    del weights['conv1.weight']
    torch.save(weights, tmp_path / 'b.pth')
    with pytest.raises(ValueError, match='1 missing'):
        EncoderTeacher('torchvision:resnet18', ['layer1'], checkpoint=str(tmp_path / 'b.pth'))


def test_names_and_modules_are_teachers_of_the_hook(tmp_path):
    from mmdiffrep.engine.hooks import RepFusionHook
    from mmdiffrep.models.teachers import build_teacher
    from mmdiffrep.testing import tiny_runner

    assert build_teacher('random:torchvision:resnet18', ['layer1']).channels == (64,)
    pair = dict(student='backbone', loss=dict(type='mmdiffrep.DenseFeatureLoss', distance='l1'))
    module = dict(type='mmdiffrep.EncoderTeacher', network=Tokens(), normalization=UNIT, patch=8)
    for teacher, tap in ((module, 'block'), ('random:torchvision:resnet18', 'layer2')):
        runner = tiny_runner(str(tmp_path / tap), 2)
        hook = RepFusionHook(teacher=teacher, pairs=[dict(pair, teacher=tap)])
        runner.register_hook(hook)
        runner.train()
        checkpoint = dict(meta=dict(iter=2))
        hook.before_save_checkpoint(runner, checkpoint)
        assert checkpoint['distiller']['teacher'] == hook.teacher.record
        assert hook.teacher.num_timesteps is None


@pytest.mark.parametrize(
    ('network', 'options', 'message'),
    [
        (
            'torchvision:resnet18',
            dict(init='random', checkpoint='a.pth'),
            'does not read the check',
        ),
        (Tokens(), dict(checkpoint='a.pth'), 'keeps its weights: leave out checkpoint'),
        (Tokens(), dict(options=dict(depth=3)), 'keeps its weights: leave out'),
        (
            'torchvision:resnet18',
            dict(options=dict(abc=1), init='random'),
            'Check the options .*abc',
        ),
        ('resnet18', {}, "must begin with one of python:, timm:.* got 'resnet18'"),
    ],
)
def test_settings_without_an_effect_are_refused(network, options, message):
    with pytest.raises(ValueError, match=message):
        EncoderTeacher(network, ['layer1'], **options)

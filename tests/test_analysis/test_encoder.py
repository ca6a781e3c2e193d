# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import MODELS, init_default_scope

from mmdiffrep.analysis import (
    Encoder,
    ImageSource,
    StoredSplit,
    encoder_grid,
    parse_encoder,
    sweep,
)
from mmdiffrep.analysis.encoder import EncoderReader
from mmdiffrep.measures import ProbeTraining
from mmdiffrep.utils.host_models import find_config

RESNET = dict(type='ResNet_CIFAR', depth=18, base_channels=8, out_indices=(0, 3))


def config(backbone, **options):
    cfg = dict(
        default_scope='mmpretrain',
        model=dict(type='ImageClassifier', backbone=backbone),
        data_preprocessor=dict(mean=[100.0, 90, 80], std=[50.0, 40, 30], to_rgb=True),
    )
    return Config({**cfg, **options})


@pytest.fixture
def weights(tmp_path):
    init_default_scope('mmpretrain')
    torch.manual_seed(1)
    network = MODELS.build(dict(RESNET))
    network.eval()
    state = {f'backbone.{name}': value for name, value in network.state_dict().items()}
    torch.save(dict(state_dict={**state, 'head.fc.weight': torch.ones(1)}), tmp_path / 'net.pth')
    return network, tmp_path / 'net.pth'


def test_an_encoder_sees_what_its_host_would_give_it(weights):
    network, path = weights
    encoder = Encoder(config(RESNET), path, size=32)
    assert encoder.layers == ('out.0', 'out.1') and encoder.shapes['out.0'] == (8, 32, 32)
    image = torch.randint(0, 256, (2, 3, 32, 32)).byte()
    mean, std = (torch.tensor(x).view(3, 1, 1) for x in ([100.0, 90, 80], [50.0, 40, 30]))
    expected = network((image.flip(1).float() - mean) / std)
    for layer, maps in zip(encoder.layers, expected):
        torch.testing.assert_close(encoder(list(image))[layer], maps)
    rgb = Encoder(config(RESNET), path, size=32, channel_order='rgb')
    torch.testing.assert_close(rgb(list(image.flip(1)))['out.1'], expected[1])
    assert rgb.weights_hash == encoder.weights_hash


def test_a_changed_aspect_ratio_is_said_once(weights, caplog):
    encoder = Encoder(config(RESNET), weights[1], size=32)
    with caplog.at_level('WARNING', 'mmdiffrep'):
        encoder([torch.zeros(3, 64, 64)])
        assert not caplog.records
        encoder([torch.zeros(3, 16, 64)] * 2)
    assert len(caplog.records) == 1
    assert 'Images of 16 x 64 are resized to 32 x 32 for the encoder' in caplog.text


def test_a_vision_transformer_gives_maps_at_its_own_size():
    vit = dict(
        type='VisionTransformer',
        arch=dict(embed_dims=8, num_layers=1, num_heads=1, feedforward_channels=8),
        img_size=32,
        patch_size=8,
    )
    encoder = Encoder(config(vit))
    assert encoder.size == 32 and encoder.shapes == {'out.0': (8, 4, 4)}
    assert encoder.name.endswith('(random weights)')
    host = dict(type='mmdiffrep.HostBackbone', backbone=dict(vit, out_type='featmap'), size=64)
    assert Encoder(config(host)).shapes == {'out.0': (8, 8, 8)}


def test_bad_configs_and_weights(tmp_path, weights):
    with pytest.raises(ValueError, match=r'no model\.backbone'):
        Encoder(Config(dict(default_scope='mmpretrain', model=dict(type='X'))))
    torch.save(dict(state_dict={'backbone.conv1.weight': torch.ones(1)}), tmp_path / 'bad.pth')
    with pytest.raises(ValueError, match='does not fit .* missing'):
        Encoder(config(RESNET), tmp_path / 'bad.pth', size=32)
    torch.save(dict(state_dict={'backbone.x': torch.ones(1)}), tmp_path / 'other.pth')
    with pytest.raises(ValueError, match='does not fit .* missing'):
        Encoder(config(RESNET), tmp_path / 'other.pth', size=32)
    with pytest.raises(FileNotFoundError):
        Encoder(config(RESNET), tmp_path / 'nothing.pth', size=32)


def test_parse_encoder():
    assert parse_encoder('a.py') == dict(config='a.py', checkpoint=None)
    assert parse_encoder('mmpretrain::a.py=b.pth') == dict(
        config='mmpretrain::a.py', checkpoint='b.pth'
    )


def test_an_encoder_is_swept_like_a_diffusion_model(weights, face_config, tmp_path):
    sources = [ImageSource(face_config(), split) for split in ('train', 'test')]
    model = encoder_grid(Encoder(config(RESNET), weights[1], size=32), pools=(1, 2))
    train, test = (StoredSplit(source, [model], tmp_path) for source in sources)
    results = sweep([model], train, test, 2, ProbeTraining(epochs=1), 0.25)
    assert [(result.cell.tap, result.cell.pool, result.cell.width) for result in results] == [
        ('out.0', 1, 8),
        ('out.1', 1, 64),
        ('out.0', 2, 32),
        ('out.1', 2, 256),
    ]
    assert all(result.cell.timestep is None and result.alignment is None for result in results)


def test_an_encoder_of_cifar_sees_rgb_images_of_32_pixels():
    cfg = find_config('mmpretrain::resnet/resnet18_8xb16_cifar10.py')
    cfg.model.backbone.base_channels = 8
    torch.manual_seed(0)
    encoder = Encoder(cfg, channel_order='rgb')
    assert encoder.size == 32
    image = torch.randint(0, 256, (3, 32, 32)).byte()
    mean, std = (
        torch.tensor(cfg.data_preprocessor[name]).view(3, 1, 1) for name in ('mean', 'std')
    )
    (expected,) = encoder.host(((image - mean) / std)[None])
    torch.testing.assert_close(encoder([image])['out.0'], expected)
    bgr = Encoder(cfg, channel_order='bgr')
    bgr.host = encoder.host
    torch.testing.assert_close(bgr([image.flip(0)])['out.0'], expected)


def test_channel_order_and_size_are_not_guessed():
    unknown = config(RESNET, data_preprocessor=dict(mean=[1.0] * 3, to_rgb=False))
    with pytest.raises(ValueError, match='is unknown: .* give native_order='):
        Encoder(unknown)
    assert Encoder(unknown, native_order='rgb').settings['channel_order'] == 'rgb'
    with pytest.raises(ValueError, match='native_order must be'):
        Encoder(unknown, native_order='gbr')
    vit = dict(
        type='VisionTransformer',
        arch=dict(embed_dims=8, num_layers=1, num_heads=1, feedforward_channels=8),
        patch_size=8,
    )
    assert Encoder(config(dict(vit, img_size=(32, 32)))).size == 32
    with pytest.raises(ValueError, match=r'img_size=\[32, 16\], which is not a square'):
        Encoder(config(dict(vit, img_size=[32, 16])))


def stored_and_read(scale, dtype='float16'):
    cfg = Config(
        dict(
            default_scope='mmpretrain',
            model=dict(backbone=dict(type='ResNet_CIFAR', depth=18, base_channels=8)),
            data_preprocessor=dict(mean=[0.0] * 3, std=[1.0] * 3, to_rgb=True),
        )
    )
    torch.manual_seed(0)
    encoder = Encoder(cfg, size=32)
    maps = encoder(two_images())['out.0'] * scale
    encoder._maps = lambda images: [maps]
    return EncoderReader(encoder, 'bgr', 2, dtype, 4)(two_images())[0, 'out.0'], maps


def two_images():
    return list(torch.randint(0, 256, (2, 3, 32, 32), generator=torch.manual_seed(0)).byte())


def test_averages_are_stored_channels_last():
    stored, maps = stored_and_read(1.0, 'float32')
    assert stored.shape == (2, 2, 2, 64)
    expected = maps.unflatten(3, (2, -1)).unflatten(2, (2, -1)).mean((3, 5))
    torch.testing.assert_close(stored, expected.permute(0, 2, 3, 1))


def test_what_half_precision_cannot_hold_is_named():
    with pytest.raises(ValueError, match=r'Features of out\.0 .* do not fit float16'):
        stored_and_read(1e7)
    assert stored_and_read(1e7, 'bfloat16')[0].isfinite().all()


def test_networks_of_other_libraries_are_encoders():
    import torchvision

    encoder = Encoder('random:torchvision:resnet18', size=32, channel_order='bgr')
    assert encoder.name == 'random:torchvision:resnet18'
    assert encoder.shapes['out.3'] == (512, 1, 1)
    images = two_images()
    maps = encoder(images)['out.1']
    net = encoder.host.backbone.network
    mean = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1) * 255
    std = torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1) * 255
    x = torch.stack([encoder._resized(image[None].float())[0] for image in images])
    with torch.no_grad():
        x = (x.flip(1) - mean) / std
        expected = net.layer2(net.layer1(net.maxpool(net.relu(net.bn1(net.conv1(x))))))
    torch.testing.assert_close(maps, expected, atol=1e-5, rtol=1e-5)
    assert isinstance(net, torchvision.models.ResNet)


def test_weights_of_a_library_from_a_file(tmp_path):
    import torchvision

    weights = torchvision.models.resnet18().state_dict()
    torch.save(weights, tmp_path / 'a.pth')
    encoder = Encoder('torchvision:resnet18', tmp_path / 'a.pth', size=32)
    assert torch.equal(encoder.host.backbone.network.conv1.weight, weights['conv1.weight'])

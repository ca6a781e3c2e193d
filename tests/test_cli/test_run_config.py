# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest

from mmdiffrep.cli.run_config import add_run_arguments, build_runner, config_parser, load_config


@pytest.fixture
def load():
    def load_from(config, *options):
        parser = config_parser(None)
        add_run_arguments(parser)
        return load_config(parser.parse_args([str(config), *options]))

    return load_from


def test_missing_config_lists_near_names(load):
    with pytest.raises(FileNotFoundError, match='ddpm_toyfaces_64'):
        load('ddpm/ddpm_toyface_64.py')


def test_config_of_the_package_is_found_by_name(load):
    cfg = load('ddpm/ddpm_toyfaces_64.py')
    assert cfg.filename.endswith('configs/ddpm/ddpm_toyfaces_64.py')
    assert cfg.work_dir.endswith('ddpm_toyfaces_64')


def test_missing_host_is_named(load, tmp_path, monkeypatch):
    config = tmp_path / 'config.py'
    config.write_text("default_scope = 'mmseg'\n")
    monkeypatch.setattr('mmdiffrep.utils.versions.installed_version', lambda name: None)
    with pytest.raises(ImportError, match=r"-e '\.\[seg\]'"):
        load(config)


@pytest.mark.parametrize(('device', 'norm'), [('cpu', 'BN'), ('cuda', 'SyncBN')])
def test_sync_bn_becomes_bn_without_an_accelerator(load, monkeypatch, device, norm):
    monkeypatch.setattr('mmdiffrep.cli.run_config.get_device', lambda: device)
    cfg = load('repfusion/celebamask_r50.py')
    backbone = cfg.model.backbone
    norms = [
        backbone.norm_cfg,
        backbone.backbone_cfg.norm_cfg,
        cfg.model.decode_head.norm_cfg,
        cfg.model.auxiliary_head[1].norm_cfg,
    ]
    assert [cfg_.type for cfg_ in norms] == [norm] * 4


def test_a_part_of_a_config_is_named(load, tmp_path):
    config = tmp_path / 'part.py'
    config.write_text("optim_wrapper = dict(type='OptimWrapper')\n")
    with pytest.raises(ValueError, match=r'part\.py has no model'):
        build_runner(load(config))


@pytest.mark.parametrize(
    'option', ['persistent_workers=True', 'prefetch_factor=4', 'timeout=5', None]
)
@pytest.mark.parametrize('name', ['train_dataloader', 'val_dataloader'])
def test_options_of_workers_are_dropped_without_workers(load, tiny_config, capsys, name, option):
    given = [f'{name}.{option}'] if option else []
    cfg = load(tiny_config, '--cfg-options', *given, f'{name}.num_workers=0')
    log = ''.join(capsys.readouterr())
    if option:
        assert option.split('=')[0] not in cfg[name]
        assert f'{name} has num_workers=0: ignoring its {option.split("=")[0]}' in log
    else:
        assert 'ignoring' not in log


def test_options_of_workers_are_kept_with_workers(load, tiny_config):
    options = ('train_dataloader.num_workers=2', 'train_dataloader.persistent_workers=True')
    assert load(tiny_config, '--cfg-options', *options).train_dataloader.persistent_workers is True


@pytest.mark.parametrize(('device', 'pinned'), [('cpu', False), ('cuda', True)])
def test_memory_is_pinned_for_an_accelerator_alone(load, monkeypatch, device, pinned):
    """PyTorch warns in every epoch otherwise."""
    monkeypatch.setattr('mmdiffrep.cli.run_config.get_device', lambda: device)
    cfg = load('repfusion/cifar10_r18.py')
    assert bool(cfg.train_dataloader.get('pin_memory')) is pinned
    assert cfg.train_dataloader.collate_fn == dict(type='default_collate')


@pytest.mark.parametrize('option', ['train_dataloder.batch_size=1', 'modle.type=A', 'randomnes=1'])
def test_a_misspelt_option_is_refused(load, tiny_config, option):
    with pytest.raises(ValueError, match=r'--cfg-options .*: the config has no .* Did you mean'):
        load(tiny_config, '--cfg-options', option)


@pytest.mark.parametrize('option', ['custom_hooks=[]', 'env_cfg.cudnn_benchmark=True', 'own=1'])
def test_a_new_key_is_added(load, tiny_config, option):
    assert option.partition('=')[0].partition('.')[0] in load(tiny_config, '--cfg-options', option)

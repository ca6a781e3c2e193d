# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest

from mmdiffrep.datasets import DatasetDDPM


@pytest.fixture
def tool(import_tool):
    return import_tool('make_dataset_ddpm')


def test_a_data_set_of_the_ensembles_own_diffusion_model(tool, trained_ensemble, tmp_path, capsys):
    out = str(tmp_path / 'made')
    arguments = [*map(str, trained_ensemble), '--out', out, '--steps', '2', '--device', 'cpu']
    tool.main([*arguments, '--num-images', '5', '--drop-share', '0.2', '--drop-most-certain', '0'])
    assert '5 images sampled and labeled, 4 kept' in capsys.readouterr().out
    assert len(DatasetDDPM(out)) == 4


def test_what_is_wrong_is_said(tool, trained_ensemble, tmp_path, capsys):
    arguments = [*map(str, trained_ensemble), '--out', str(tmp_path / 'made'), '--device', 'cpu']
    with pytest.raises(SystemExit, match='2'):
        tool.main([*arguments, '--num-images', '100'])
    assert 'drop_most_certain' in capsys.readouterr().err


def test_a_backbone_without_a_diffusion_model(tool, tmp_path, capsys):
    with pytest.raises(SystemExit, match='2'):
        tool.main(['ddpm_seg/ffhq_34_swav.py', 'none.pth', '--out', str(tmp_path / 'made')])
    assert 'name one with --denoiser' in capsys.readouterr().err

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
import torch


@pytest.fixture
def main(import_tool):
    return import_tool('convert_checkpoint').main


def test_converts(main, tmp_path, capsys):
    torch.save({'a.weight': torch.ones(1), 'b.weight': torch.ones(1)}, tmp_path / 'in.pt')
    target = str(tmp_path / 'out.pth')
    main([str(tmp_path / 'in.pt'), target, '--prefix', 'a.', '--rename', 'w=v'])
    assert list(torch.load(target, weights_only=True)['state_dict']) == ['veight']
    assert f'{target}: 1 tensors' in capsys.readouterr().out


def test_renaming_needs_two_names(main, capsys):
    with pytest.raises(SystemExit):
        main(['in.pt', 'out.pth', '--rename', 'a'])
    assert "'a' is not of the form OLD=NEW" in capsys.readouterr().err

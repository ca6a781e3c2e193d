# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest

from mmdiffrep.utils import versions


@pytest.fixture
def installed(monkeypatch):
    """Pretends that exactly these distributions are installed."""

    def pretend(**found):
        monkeypatch.setattr(versions, 'installed_version', found.get)

    return pretend


def test_the_tested_set_passes():
    versions.check_versions()


@pytest.mark.parametrize('found', ['2.1.0', '2.1.9', None])
def test_versions_in_range_and_absent_libraries_pass(installed, found):
    installed(mmcv=found)
    versions.check_versions()


@pytest.mark.parametrize(
    ('distribution', 'found', 'remedy'),
    [
        ('mmcv', '2.2.0', 'MMCV_WITH_OPS=1'),
        ('mmcv', '2.0.1', 'make setup'),
        ('mmengine', '0.9.0', 'pip install "mmengine>=0.10.4,<0.11"'),
        ('mmsegmentation', '0.30.0', "-e '.[seg]'"),
        ('mmpose', '1.4.0', "-e '.[pose]'"),
        ('mmpretrain', '1.3.0rc1', "-e '.[cls]'"),
        ('mmdet', '3.2.0', "-e '.[det]'"),
    ],
)
def test_a_version_out_of_range_is_named_with_its_remedy(installed, distribution, found, remedy):
    installed(**{distribution: found})
    with pytest.raises(ImportError) as error:
        versions.check_versions()
    assert f'{distribution} {found}' in str(error.value) and remedy in str(error.value)


def test_require_host(installed):
    installed()
    with pytest.raises(ImportError, match=r"default_scope='mmpose'.*-e '\.\[pose\]'"):
        versions.require_host('mmpose')
    versions.require_host('mmengine_of_somebody_else')
    versions.require_host(None)


def test_installed_version_of_what_is_not_there():
    assert versions.installed_version('surely-not-installed') is None

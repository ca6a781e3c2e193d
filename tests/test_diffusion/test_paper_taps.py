# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmdiffrep.diffusion.paper_taps import alias_to_canonical, canonical_to_alias
from mmdiffrep.diffusion.taps import TapError, split_tap


@pytest.mark.parametrize(
    ('system', 'index', 'name'),
    [
        ('ddpm_seg', 0, 'dec.0'),
        ('ddpm_seg', 17, 'dec.17'),
        ('dift', 4, 'dec.4'),
        ('gdc', 1, 'enc.0'),
        ('gdc', 18, 'enc.17'),
        ('gdc', 19, 'mid'),
        ('gdc', 20, 'dec.0'),
        ('gdc', 24, 'dec.4'),  # GDC's favorite is DIFT's up_ft_index 4
        ('gdc', 37, 'dec.17'),
        ('ddae', 1, 'dec.0'),
        ('ddae', 6, 'dec.5'),  # DDAE's default of the DDPM, and the next one of the EDM
        ('ddae', 7, 'dec.6'),
        ('ddae', 40, 'dec.39'),
    ],
)
def test_aliases(system, index, name):
    assert alias_to_canonical(system, index) == name
    assert canonical_to_alias(system, name) == index
    assert split_tap(f'{system}:{index}') == (f'{system}:{index}', 'out')


@given(st.sampled_from(['ddpm_seg', 'dift', 'gdc', 'ddae']), st.integers(1, 17))
def test_aliases_round_trip(system, index):
    assert canonical_to_alias(system, alias_to_canonical(system, index)) == index


@pytest.mark.parametrize(
    ('system', 'index'),
    [('ddpm_seg', 18), ('dift', -1), ('gdc', 0), ('gdc', 38), ('ddae', 0), ('sd', 1)],
)
def test_aliases_out_of_range(system, index):
    with pytest.raises(TapError, match=r'counts|Unknown numbering'):
        alias_to_canonical(system, index)


def test_blocks_without_an_alias():
    with pytest.raises(TapError, match=r"no number for block 'mid'"):
        canonical_to_alias('dift', 'mid')
    with pytest.raises(TapError, match=r"no number for block 'dec\.18'"):
        canonical_to_alias('gdc', 'dec.18')
    with pytest.raises(TapError, match=r"no number for block 'enc\.0'"):
        canonical_to_alias('ddae', 'enc.0')

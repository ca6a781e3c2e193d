# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmdiffrep.diffusion.paper_taps import alias_to_canonical, canonical_to_alias
from mmdiffrep.diffusion.tap_table import TapTable
from mmdiffrep.diffusion.taps import BlockPaths, Tap, TapError, TapSite, split_tap
from mmdiffrep.diffusion.trace import Call

CALLS = {
    'stem': Call(0, 1, (1, 3, 32, 32), (1, 8, 32, 32), 1),
    'down': Call(2, 7, (1, 8, 32, 32), (1, 16, 16, 16), 1),
    'down.conv': Call(3, 4, (1, 8, 32, 32), (1, 16, 32, 32), 1),
    'down.act': Call(5, 6, (1, 16, 16, 16), (1, 16, 16, 16), 2),
    'middle': Call(8, 11, (1, 16, 16, 16), (1, 16, 16, 16), 1),
    'middle.query': Call(9, 10, (1, 256, 16), (1, 256, 16), 1),
    'up': Call(12, 13, (1, 32, 16, 16), (1, 8, 32, 32), 1),
}
BLOCKS = {
    'enc.0': BlockPaths('stem', 'stem'),
    'enc.1': BlockPaths('down.conv', 'down'),
    'mid': BlockPaths('middle', 'middle'),
    'dec.0': BlockPaths('up', 'up'),
}


@pytest.fixture
def table():
    return TapTable(CALLS, BLOCKS, image_size=32, aliases={'dift:0': 'dec.0'})


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


def test_sides():
    assert split_tap('dec.3') == split_tap('dec.3@out') == ('dec.3', 'out')
    assert split_tap('module:a.b.0@in') == ('module:a.b.0', 'in')
    assert split_tap('dift:2@in') == ('dift:2', 'in')


@pytest.mark.parametrize(
    'name', ['', 'dec', 'dec.x', 'mid.0', 'mid@on', 'mid@', 'up.3', 'module:', 'gdc:b', 'dec.1 ']
)
def test_bad_grammar(name):
    with pytest.raises(TapError, match=r'is not a tap name\. Expected enc\.<i>'):
        split_tap(name)


def test_table_is_a_mapping_of_canonical_names(table):
    assert dict(table) == {
        'enc.0': Tap(8, 1),
        'enc.1': Tap(16, 2),
        'mid': Tap(16, 2),
        'dec.0': Tap(8, 1),
    }
    assert len(table) == 4
    assert 'mid' in table
    assert 'dec.1' not in table
    assert table.get('dec.9') is None


def test_table_knows_sides_modules_and_aliases(table):
    assert table['enc.1@in'] == Tap(8, 1)
    assert table['dec.0@in'] == Tap(32, 2)
    assert table['dift:0'] == table['dec.0']
    assert table['module:down.conv'] == Tap(16, 1)
    assert table.site('enc.1@in') == TapSite('down.conv', 'in')
    assert table.site('enc.1') == TapSite('down', 'out')


def test_module_taps_are_maps_in_the_order_of_the_pass(table):
    names = [f'module:{path}@{side}' for path in CALLS for side in ('in', 'out')]
    assert table.module_taps() == [n for n in names if 'act' not in n and 'query' not in n]


@pytest.mark.parametrize(
    ('name', 'message'),
    [
        (
            'dec.1',
            r"no tap 'dec.1'. Did you mean .*dec.0.* Its blocks are enc.0 .. enc.1, mid, dec",
        ),
        ('module:down.cov', 'Did you mean down.conv'),
        ('module:down.act', 'called 2 times'),
        ('module:middle.query', r'not a feature map .* \(1, 256, 16\)'),
        ('gdc:20', 'ADM-256, .* has 2 encoder blocks'),
        ('ddae:1', "DDAE's U-Nets, .* Use its own names: .*; or dift:<n>"),
        ('dift:3', r"no tap 'dift:3': it has dift:<n> for dift:0 .. dift:0"),
    ],
)
def test_taps_that_cannot_be_read(table, name, message):
    with pytest.raises(TapError, match=message):
        table[name]


def test_error_is_readable_and_serves_as_key_and_value_error(table):
    with pytest.raises(TapError) as caught:
        table['dec.7']
    assert isinstance(caught.value, KeyError)
    assert isinstance(caught.value, ValueError)
    assert str(caught.value).startswith("The network has no tap 'dec.7'.")


def test_cut_table_lists_what_is_left(table):
    cut = table.cut(['enc.1', 'mid@in'])
    assert list(cut) == ['enc.0', 'enc.1']
    assert cut['mid@in'] == Tap(16, 2)
    for name in ('mid', 'dec.0', 'dec.0@in', 'module:up'):
        with pytest.raises(TapError, match=f"'{name}' lies behind the cut.*after 'mid@in'"):
            cut[name]
    with pytest.raises(TapError, match='has no tap'):
        cut['dec.5']

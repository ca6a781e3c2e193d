# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest

from mmdiffrep.diffusion.tap_table import TapTable
from mmdiffrep.diffusion.taps import BlockPaths, Tap, TapError, TapSite
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
        with pytest.raises(TapError, match=f"'{name}' lies after the cut.*after 'mid@in'"):
            cut[name]
    with pytest.raises(TapError, match='has no tap'):
        cut['dec.5']

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import pytest
from PIL import Image

from mmdiffrep.datasets import DAVIS


@pytest.fixture
def folder(tmp_path):
    (tmp_path / 'ImageSets' / '2017').mkdir(parents=True)
    (tmp_path / 'ImageSets' / '2017' / 'val.txt').write_text('\ufeffred car\n\nbus\n')
    for name in ('red car', 'bus'):
        for kind, suffix in (('JPEGImages', 'jpg'), ('Annotations', 'png')):
            place = tmp_path / kind / '480p' / name
            place.mkdir(parents=True)
            for number in range(3):
                Image.new('L', (8, 6)).save(place / f'{number:05d}.{suffix}')
    return tmp_path


def test_sequences_in_the_order_of_the_list(folder):
    videos = DAVIS(str(folder), max_frames=2)
    samples = [videos[i]['data_samples'] for i in range(len(videos))]
    assert [sample.sequence for sample in samples] == ['red car', 'bus']
    assert [len(sample.frames) for sample in samples] == [2, 2]
    assert samples[0].masks[1].endswith('Annotations/480p/red car/00001.png')


def test_what_is_missing_is_named(folder):
    (folder / 'Annotations' / '480p' / 'bus' / '00002.png').unlink()
    with pytest.raises(
        FileNotFoundError, match=r'1 files named by the sequence bus .*bus/00002\.png'
    ):
        DAVIS(str(folder))
    with pytest.raises(FileNotFoundError, match=r'2016/val\.txt does not exist'):
        DAVIS(str(folder), ann_file='ImageSets/2016/val.txt')
    (folder / 'ImageSets' / '2017' / 'val.txt').write_text('cow')
    with pytest.raises(FileNotFoundError, match='the sequence cow has 0 images'):
        DAVIS(str(folder))

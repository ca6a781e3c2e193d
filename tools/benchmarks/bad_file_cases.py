# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Bad images, masks, lists, landmarks and downloads, for bad_input.py."""

import functools
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from mmengine.registry import DefaultScope
from PIL import Image

from mmdiffrep.datasets import CelebAMaskHQDataset, FaceLandmarkCsvDataset, ImageListDataset
from mmdiffrep.datasets.preparation.celebamask import prepare_celebamask
from mmdiffrep.datasets.preparation.celebamask_source import CelebAMaskSource
from mmdiffrep.datasets.preparation.ddpm_seg import prepare_ddpm_seg
from mmdiffrep.datasets.preparation.wflw import WFLWSource, prepare_wflw
from mmdiffrep.testing.bad_input import Case
from mmdiffrep.testing.damaged_files import DAMAGES, damage

SIDE = 128  # large enough that most of a file is pixels, not the header
NOISE = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), np.uint8)
MASK = (np.arange(SIDE * SIDE).reshape(SIDE, SIDE) // 64 % 19).astype(np.uint8)
LOAD_IMAGE = dict(type='mmcv.LoadImageFromFile')
Change = Callable[[Path], None]


def _exif(orientation: int) -> Image.Exif:
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags


# Files of other forms, and whether an image of SIDE x SIDE pixels may have them.
FORMS: dict[str, tuple[Image.Image, dict, str]] = {
    'gray': (Image.fromarray(NOISE[..., 0]), {}, 'ok'),
    'cmyk': (Image.fromarray(NOISE).convert('CMYK'), dict(format='JPEG'), 'ok'),
    'palette': (Image.fromarray(NOISE).quantize(16), dict(format='PNG'), 'ok'),
    'alpha': (Image.fromarray(NOISE).convert('RGBA'), dict(format='PNG'), 'ok'),
    'gray with alpha': (Image.fromarray(NOISE).convert('LA'), dict(format='PNG'), 'ok'),
    '16 bits': (Image.fromarray(NOISE[..., 0].astype(np.uint16) * 257), dict(format='PNG'), 'ok'),
    'tiff': (Image.fromarray(NOISE), dict(format='TIFF'), 'ok'),
    'bmp': (Image.fromarray(NOISE), dict(format='BMP'), 'ok'),
    'webp': (Image.fromarray(NOISE), dict(format='WEBP'), 'ok'),
    'turned by 180 degrees': (Image.fromarray(NOISE), dict(exif=_exif(3)), 'ok'),
    'one pixel': (Image.new('RGB', (1, 1)), {}, 'any'),
    'wide': (Image.fromarray(NOISE[:16]), {}, 'any'),
}


def _image_changes(suffix: str) -> Iterator[tuple[str, Change, str]]:
    for kind in DAMAGES:
        yield kind, lambda path, kind=kind: damage(path, kind), 'error'
    for name, (picture, options, expect) in FORMS.items():
        options = {'format': 'JPEG' if suffix == 'jpg' else 'PNG', **options}
        yield name, functools.partial(picture.save, **options), expect


def _celebamask(root: Path) -> Path:
    for kind in ('images', 'masks'):
        (root / kind).mkdir(parents=True)
    for name in 'ab':
        Image.fromarray(NOISE).save(root / 'images' / f'{name}.jpg')
        Image.fromarray(MASK).save(root / 'masks' / f'{name}.png')
    (root / 'train.txt').write_text('a\nb\n')
    return root


def _read_celebamask(root: Path, **options: object) -> None:
    pipeline = [LOAD_IMAGE, dict(type='mmseg.LoadAnnotations'), dict(type='mmseg.PackSegInputs')]
    dataset = CelebAMaskHQDataset(str(root), pipeline=pipeline, **options)
    for index in range(len(dataset)):
        dataset[index]


def _on_celebamask(change: Callable[[Path], object]) -> Callable[[Path], None]:
    def run(folder: Path) -> None:
        root = _celebamask(folder / 'data')
        change(root)
        _read_celebamask(root)

    return run


def _on_image_list(change: Change) -> Callable[[Path], None]:
    def run(folder: Path) -> None:
        path = folder / 'a.jpg'
        Image.fromarray(NOISE).save(path)
        change(path)
        ImageListDataset(str(folder), pipeline=[LOAD_IMAGE, dict(type='mmdiffrep.PackImage')])[0]

    return run


def _image_cases() -> Iterator[Case]:
    for name, change, expect in _image_changes('jpg'):
        run = _on_celebamask(lambda root, change=change: change(root / 'images' / 'a.jpg'))
        wanted = 'error' if name in ('one pixel', 'wide') else expect
        yield Case('images, CelebAMask training', name, run, ('a.jpg',), wanted)
        names = ('a.jpg', 'no image')
        yield Case('images, ImageListDataset', name, _on_image_list(change), names, expect)


def _mask_cases() -> Iterator[Case]:
    def on_mask(change: Change) -> Callable[[Path], None]:
        return _on_celebamask(lambda root: change(root / 'masks' / 'a.png'))

    def labels(values: np.ndarray) -> Change:
        return lambda path: Image.fromarray(values).save(path)

    group = 'masks and lists'
    for kind in ('empty', 'cut half', 'zeroed middle', 'text', 'bomb', 'pipe', 'missing'):
        run = on_mask(lambda path, kind=kind: damage(path, kind))
        yield Case(group, f'mask {kind}', run, ('a.png',))
    wrong = {
        'label 19': np.full_like(MASK, 19),
        'color': NOISE,
        'half the size': MASK[::2, ::2],
        'turned': MASK[:, :16],
        '0 and 255': np.where(MASK > 3, 255, 0).astype(np.uint8),
        '16 bits': MASK.astype(np.uint16) * 257,
    }
    for name, values in wrong.items():
        expect = 'ok' if name == '0 and 255' else 'error'
        yield Case(group, f'mask {name}', on_mask(labels(values)), ('a.png',), expect)
    lists = {
        'blank lines': (b'a\n\n\nb\n\n', 'ok'),
        'byte order mark': ('a\nb'.encode('utf-8-sig'), 'ok'),
        'utf-16': ('a\nb'.encode('utf-16'), 'ok'),
        'carriage returns': (b'a\r\nb\r\n', 'ok'),
        'suffixes': (b'a.jpg\nb.jpg\n', 'error'),
        'other name': (b'a\nc\n', 'error'),
        'binary': (b'\x00\xff\xfe\x80', 'error'),
        'empty': (b'', 'error'),
    }
    for name, (content, expect) in lists.items():
        run = _on_celebamask(lambda root, text=content: (root / 'train.txt').write_bytes(text))
        yield Case(group, f'list {name}', run, ('train.txt',), expect)
    for kind in ('missing', 'folder'):
        run = _on_celebamask(lambda root, kind=kind: damage(root / 'train.txt', kind))
        yield Case(group, f'list {kind}', run, ('train.txt',))


def _landmark_cases() -> Iterator[Case]:
    header = ['file', *(f'{axis}{i}' for i in range(68) for axis in 'xy')]
    points = np.random.default_rng(0).uniform(5, 25, 136).round(2).astype(str).tolist()

    def run(folder: Path, rows: list[list[str]], encoding: str, end: str) -> None:
        (folder / 'images').mkdir()
        Image.fromarray(NOISE).save(folder / 'images' / 'a.png')
        text = end.join(','.join(row) for row in rows)
        (folder / 'train.csv').write_bytes(text.encode(encoding))
        with DefaultScope.overwrite_default_scope('mmpose'):
            pipeline = [dict(type='LoadImage'), dict(type='GetBBoxCenterScale')]
            FaceLandmarkCsvDataset('train.csv', data_root=str(folder), pipeline=pipeline)[0]

    def changed(*cells: str, at: int = 0) -> list[list[str]]:
        return [header, ['a.png', *points[:at], *cells, *points[at + len(cells) :]]]

    whole = [header, ['a.png', *points]]
    rows: dict[str, tuple[list[list[str]], str]] = {
        'blank point': (changed('', ''), 'ok'),
        'nan point': (changed('nan', 'NaN'), 'ok'),
        'half a point': (changed('', '4'), 'error'),
        'inf': (changed('inf'), 'error'),
        'text': (changed('x'), 'error'),
        'minus one': (changed('-1', '-1'), 'error'),
        'zero': (changed('0', '0', at=10), 'error'),
        'far outside': (changed('9999', at=3), 'error'),
        'far negative': (changed('-300', at=3), 'error'),
        'a little outside': (changed('-2', at=3), 'ok'),
        'relative': (changed(*['0.5', '0.25'] * 67, '0.1', '0.2'), 'error'),
        'all equal': (changed(*['7', '8'] * 68), 'error'),
        'all blank': (changed(*[''] * 136), 'error'),
        'a cell too few': ([header, ['a.png', *points[1:]]], 'error'),
        'a cell too many': ([header, ['a.png', '1', *points]], 'error'),
        'no header': ([['a.png', *points]], 'error'),
        'no rows': ([header], 'error'),
        'missing image': ([header, ['b.png', *points]], 'error'),
        '67 points': ([header[:-2], ['a.png', *points[:-2]]], 'error'),
    }
    for name, (content, expect) in rows.items():
        case = functools.partial(run, rows=content, encoding='utf-8', end='\n')
        yield Case('landmark csv', name, case, ('train.csv',), expect)
    for encoding in ('utf-8-sig', 'utf-16'):
        case = functools.partial(run, rows=[*whole, []], encoding=encoding, end='\r\n')
        yield Case('landmark csv', encoding, case, ('train.csv',), 'ok')


def _download_cases() -> Iterator[Case]:
    """Yield damaged downloads for the preparations of CelebAMask-HQ, DDPM-Seg and WFLW."""
    group = 'prepare_data'
    for kind in DAMAGES:
        targets = {
            'CelebAMask image': (_celebamask_source, 'CelebA-HQ-img/0.jpg'),
            'DDPM-Seg image': (_ddpm_seg_source, 'cat_15/real/train/a.png'),
            'DDPM-Seg mask': (_ddpm_seg_source, 'cat_15/real/train/a.npy'),
            'WFLW image': (_wflw_source, 'WFLW_images/a.jpg'),
        }
        for name, (build, path) in targets.items():
            if (kind, name) == ('missing', 'DDPM-Seg image'):
                continue  # a missing image is not part of the data set
            run = functools.partial(_damaged_download, build=build, path=path, kind=kind)
            # a .npy file has no checksum, and zeros are labels
            expect = 'any' if (kind, name) == ('zeroed middle', 'DDPM-Seg mask') else 'error'
            yield Case(group, f'{name} {kind}', run, (Path(path).stem,), expect)
    for high, expect in ((1, 'ok'), (100, 'ok'), (18, 'error')):
        run = functools.partial(_coded_part, high=high)
        yield Case(group, f'part mask coded 0..{high}', run, ('00000_skin.png',), expect)
    for value in ('nan', 'inf', '9999', 'x'):
        run = functools.partial(_wflw_cell, value=value)
        yield Case(group, f'WFLW point {value}', run, ('list_98pt',))
    for content in ('[]', '{}', '{', 'null'):
        run = functools.partial(_wflw_json, content=content)
        yield Case(group, f'WFLW json {content}', run, ('.json',), 'ok')


def _damaged_download(
    folder: Path, build: Callable[[Path], Callable[[], object]], path: str, kind: str
) -> None:
    prepare = build(folder)
    damage(folder / path, kind)
    prepare()


def _celebamask_source(root: Path) -> Callable[[], object]:
    for folder in ('CelebA-HQ-img', 'CelebAMask-HQ-mask-anno/0'):
        (root / folder).mkdir(parents=True)
    Image.fromarray(NOISE).save(root / 'CelebA-HQ-img' / '0.jpg')
    part = np.where(MASK > 5, 255, 0).astype(np.uint8)
    Image.fromarray(part).save(root / 'CelebAMask-HQ-mask-anno' / '0' / '00000_skin.png')
    (root / 'CelebA-HQ-to-CelebA-mapping.txt').write_text('idx orig_idx orig_file\n0 0 1.jpg\n')
    (root / 'list_eval_partition.txt').write_text('1.jpg 0\n')
    source = CelebAMaskSource(root)
    return lambda: prepare_celebamask(source, root / 'out', size=SIDE, workers=1)


def _coded_part(folder: Path, high: int) -> None:
    prepare = _celebamask_source(folder)
    values = np.where(MASK > 5, high, 0) if high != 18 else MASK
    path = folder / 'CelebAMask-HQ-mask-anno' / '0' / '00000_skin.png'
    Image.fromarray(values.astype(np.uint8)).save(path)
    prepare()
    written = np.asarray(Image.open(folder / 'out' / 'masks' / '00000.png'))
    if high != 18 and not np.array_equal(written, MASK > 5):
        raise RuntimeError('the part has vanished')


def _ddpm_seg_source(root: Path) -> Callable[[], object]:
    for split in ('train', 'test'):
        folder = root / 'cat_15' / 'real' / split
        folder.mkdir(parents=True)
        Image.fromarray(NOISE).save(folder / 'a.png')
        np.save(folder / 'a.npy', MASK % 15)
    return lambda: prepare_ddpm_seg(root, root / 'out', size=SIDE)


def _wflw_source(root: Path) -> Callable[[], object]:
    source = WFLWSource(root)
    source.images.mkdir(parents=True)
    Image.fromarray(NOISE).save(source.images / 'a.jpg')
    points = ' '.join(f'{value:.2f}' for value in np.random.default_rng(0).uniform(5, 25, 196))
    for split in ('train', 'test'):
        source.list_file(split).parent.mkdir(parents=True, exist_ok=True)
        source.list_file(split).write_text(f'{points} 4 4 26 26 0 0 0 0 0 0 a.jpg\n')
    return lambda: prepare_wflw(source)


def _wflw_cell(folder: Path, value: str) -> None:
    prepare = _wflw_source(folder)
    path = WFLWSource(folder).list_file('test')
    path.write_text(' '.join([value, *path.read_text().split(' ')[1:]]))
    prepare()


def _wflw_json(folder: Path, content: str) -> None:
    prepare = _wflw_source(folder)
    path = folder / 'annotations' / 'face_landmarks_wflw_test.json'
    path.parent.mkdir()
    path.write_text(content)
    prepare()


def file_cases() -> list[Case]:
    """Return all cases of this file."""
    return [*_image_cases(), *_mask_cases(), *_landmark_cases(), *_download_cases()]

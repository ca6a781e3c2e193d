# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
from functools import partial

import pytest
import torch

from mmdiffrep.analysis import (
    ImageSource,
    StoredSplit,
    TeacherReader,
    best_cell,
    collect_features,
    diffusion_grid,
    stored_split,
    sweep,
)
from mmdiffrep.diffusion.denoisers import load_denoiser
from mmdiffrep.feature_bank import build as bank_build
from mmdiffrep.measures import ProbeTraining, fit_grid_probe, hold_out
from mmdiffrep.testing import tiny_teacher

TAPS, TIMESTEPS = ['enc.0', 'mid'], [0, 15]
TRAINING = ProbeTraining(epochs=2, batch_size=4, min_steps=0, seeds=(0, 1))


@pytest.fixture(scope='module')
def denoiser():
    torch.manual_seed(0)
    return load_denoiser(tiny_teacher(num_timesteps=20))


@pytest.fixture
def sources(face_config):
    return [ImageSource(face_config(), split) for split in ('train', 'test')]


def run(denoiser, sources, root, views=1, group_bytes=2**30, **options):
    options = {'pools': (1, 2), 'dtype': 'float32', 'views': max(views, 2), **options}
    model = diffusion_grid(denoiser, TAPS, TIMESTEPS, **options)
    train = StoredSplit(sources[0], [model], root, range(views))
    test = StoredSplit(sources[1], [model], root, range(2))
    return sweep(
        [model], train, test, 2, TRAINING, 0.25, measure_alignment=True, group_bytes=group_bytes
    )


def same(first, second):
    return all(
        a.cell == b.cell
        and torch.equal(a.held_out, b.held_out)
        and torch.equal(a.test, b.test)
        and (a.alignment, a.uniformity) == (b.alignment, b.uniformity)
        for a, b in zip(first, second, strict=True)
    )


def test_a_cell_is_the_probe_of_its_own_features(denoiser, sources, tmp_path):
    results = run(denoiser, sources, tmp_path)
    assert len(results) == 8
    for pool in (1, 2):
        reader = TeacherReader(denoiser, TAPS, TIMESTEPS, ['per_image'], grid=pool)
        features, labels = collect_features(sources[0], [reader])
        tested, test_labels = collect_features(sources[1], [reader])
        held_out = hold_out(labels, 2, 0.25)
        for key in reader.keys:
            probe = fit_grid_probe([features[key][None, ~held_out]], labels[~held_out], 2, TRAINING)
            found = next(
                result
                for result in results
                if (result.cell.tap, result.cell.timestep, result.cell.pool)
                == (key.layer, key.timestep, pool)
            )
            assert found.cell.width == features[key].shape[1]
            expected = probe.accuracy([features[key][held_out]], labels[held_out])[0]
            torch.testing.assert_close(found.held_out, expected)
            expected = probe.accuracy([tested[key]], test_labels)[0]
            torch.testing.assert_close(found.test, expected)


def test_alignment_grows_with_the_noise(denoiser, sources, tmp_path):
    for result in run(denoiser, sources, tmp_path):
        assert 0 <= result.alignment <= 4 and -8 <= result.uniformity <= 0
    by_t = {t: [] for t in TIMESTEPS}
    for result in run(denoiser, sources, tmp_path):
        by_t[result.cell.timestep].append(result.alignment)
    assert sum(by_t[15]) > sum(by_t[0])


def test_small_groups_of_cells_change_nothing(denoiser, sources, tmp_path):
    assert same(run(denoiser, sources, tmp_path), run(denoiser, sources, tmp_path, group_bytes=1))


def test_an_interrupted_sweep_goes_on_with_the_same_result(
    denoiser, sources, tmp_path, monkeypatch
):
    monkeypatch.setattr(
        stored_split,
        'build_feature_bank',
        partial(stored_split.build_feature_bank, shard_images=3),
    )
    whole = run(denoiser, sources, tmp_path / 'whole', views=2)
    write, written = bank_build.write_shard, []

    def stop_at_the_third(*args):
        if len(written) == 2:
            raise KeyboardInterrupt
        written.append(write(*args))

    monkeypatch.setattr(bank_build, 'write_shard', stop_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        run(denoiser, sources, tmp_path / 'cut', views=2)
    kept = {path: path.stat().st_mtime_ns for path in written}
    monkeypatch.setattr(bank_build, 'write_shard', write)
    assert same(whole, run(denoiser, sources, tmp_path / 'cut', views=2))
    assert kept == {path: path.stat().st_mtime_ns for path in written}  # not computed again


def test_the_best_cell_is_chosen_by_the_held_out_images(denoiser, sources, tmp_path):
    results = run(denoiser, sources, tmp_path)
    best = best_cell(results)
    assert best.held_out.mean() == max(result.held_out.mean() for result in results)
    equal = [result._replace(held_out=torch.ones(2)) for result in results]
    assert best_cell(equal).cell.width == min(result.cell.width for result in results)
    with pytest.raises(ValueError, match='no results'):
        best_cell([])


def test_labels_beyond_the_classes_and_too_few_images(denoiser, sources, tmp_path):
    model = diffusion_grid(denoiser, ['mid'], [0])
    train, test = (StoredSplit(source, [model], tmp_path) for source in sources)
    with pytest.raises(ValueError, match=r'labels \[1\] are out of range, expected 0 to 0'):
        sweep([model], train, test, 1)
    with pytest.raises(ValueError, match='Class 2 has 0 of 12 images, too few for a held-out'):
        sweep([model], train, test, 3)

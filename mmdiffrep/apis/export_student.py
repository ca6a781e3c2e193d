# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Write a trained student as a config and weights that its host library runs alone."""

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from mmengine.config import Config
from safetensors.torch import load_file, save, save_file
from torch import nn

from mmdiffrep.apis import run_in_host
from mmdiffrep.apis.convert_checkpoint import write_weights
from mmdiffrep.apis.export_pixels import (
    LOADERS,
    adapt_channel_order,
    check_normalization_is_kept,
    host_pipeline,
    trained_pixels,
    write_sample_image,
)
from mmdiffrep.utils.atomic_file import write_atomically
from mmdiffrep.utils.checks import one_of
from mmdiffrep.utils.host_models import (
    build_host_model,
    find_config,
    load_host_weights,
    model_config,
)
from mmdiffrep.utils.versions import require_host

_OURS = 'mmdiffrep.'
# Losses of ours and those of the hosts that take the same arguments.
_HOST_LOSSES = {'mmdiffrep.WeightedCrossEntropyLoss': 'CrossEntropyLoss'}
_TOLERANCE = 1e-3  # of raw outputs; both processes compute the same in float32
# What draws the result in each host, and a data set class that exists only to hold the pipeline.
_VISUALIZERS = {
    'mmseg': 'SegLocalVisualizer',
    'mmpose': 'PoseLocalVisualizer',
    'mmpretrain': 'UniversalVisualizer',
}
_DATASETS = {
    'mmseg': 'BaseSegDataset',
    'mmpose': 'BaseCocoStyleDataset',
    'mmpretrain': 'CustomDataset',
}


class ExportedStudent(NamedTuple):
    """Files and checks of :func:`export_student`.

    Attributes:
        config: For the host's ``init_model`` or inferencer.
        weights: Likewise, ``.pth``.
        safetensors: The same weights.
        greatest_difference: Between the raw outputs here and in a process of the host alone.
        pixel_difference: Of an image file, between what the exported pipeline and what the training
            config make of it for the network; always 0.
    """

    config: Path
    weights: Path
    safetensors: Path
    greatest_difference: float
    pixel_difference: float


def export_student(
    config: str | Path | Config,
    checkpoint: str | Path,
    out_dir: str | Path,
    trust: bool = False,
) -> ExportedStudent:
    """Write a student's config and weights for mmseg, mmpose or mmpretrain without mmdiffrep.

    The config is for inference: model, test pipeline and scope. Transforms of mmdiffrep in the test
    pipeline are replaced by the host's. What the data set itself does to an image (size, padding,
    RGB instead of the BGR of files) goes into pipeline and data preprocessor.

    The student is then run in a process that cannot import mmdiffrep, and compared with the
    original: its raw outputs, and what an image file becomes before the network.

    Args:
        config: The training config, see :func:`~mmdiffrep.utils.host_models.find_config`.
        checkpoint: What it trained; averaged weights (EMA) are taken where the run kept them.
        out_dir: For ``<name of the config>.py``, ``.pth`` and ``.safetensors``.
        trust: Also load a checkpoint that runs code. Only if you trust its origin.

    Returns:
        The files and how close the outputs are.

    Raises:
        ValueError: The model itself has parts of mmdiffrep, the config names no host, its channel
            order is unknown, or the weights do not fit the model.
        RuntimeError: The host cannot run the student, gives other outputs, or gives the network
            another image.
    """
    cfg = find_config(config)
    exported = host_config(cfg)
    student = {'default_scope': exported.default_scope, 'model': _student_model(cfg)}
    model = build_host_model(Config(student)).eval()
    loaded = load_host_weights(model, checkpoint, trust=trust)

    name = Path(str(cfg.filename or 'student')).stem
    files = [Path(out_dir) / f'{name}{suffix}' for suffix in ('.py', '.pth', '.safetensors')]
    weights = {key: value.contiguous() for key, value in model.state_dict().items()}
    write_atomically(exported.pretty_text.encode(), files[0])
    write_weights(weights, loaded.get('meta', {}), files[1])
    write_atomically(save(weights), files[2])
    meta = dict(loaded.get('meta', {}).get('dataset_meta') or {})
    outputs, pixels = _differences_in_host(cfg, model, meta, exported, files)
    if not outputs <= _TOLERANCE:
        raise RuntimeError(
            f'The exported student {files[0]} gives other outputs in {exported.default_scope} '
            f'alone: they differ by up to {outputs:.3g}.'
        )
    if not pixels == 0:
        raise RuntimeError(
            f'The exported student {files[0]} is given another image than in training: of one '
            f'image file the pixels differ by up to {pixels:.3g} (inf: in size) after the data '
            'preprocessor. The test pipeline of the config has a transform that '
            f'{exported.default_scope} alone cannot repeat.'
        )
    return ExportedStudent(*files, outputs, pixels)


def host_config(cfg: Config) -> Config:
    """Return the part of a training config that the host needs for inference.

    Args:
        cfg: The training config.

    Returns:
        ``default_scope``, ``model``, ``test_pipeline``, ``test_dataloader``, ``visualizer``, and
        what else mmpose's inferencer reads.

    Raises:
        ValueError: See :func:`export_student`.
    """
    scope = cfg.get('default_scope')
    require_host(one_of('default_scope', scope, LOADERS))
    model = _student_model(cfg)
    ours = _our_types(model, 'model')
    if ours:
        raise ValueError(
            f'{scope} alone cannot build {", ".join(ours)}. Export a model that is all of {scope}: '
            'a student that was distilled, not a network with the teacher inside.'
        )
    pipeline = host_pipeline(cfg, scope)
    adapt_channel_order(model, cfg.get('test_dataloader', {}).get('dataset', {}), scope)
    exported = dict(
        default_scope=scope,
        model=model,
        test_pipeline=pipeline,
        test_dataloader=dict(
            batch_size=1,
            sampler=dict(type='DefaultSampler', shuffle=False),
            dataset=dict(type=_DATASETS[scope], pipeline=pipeline),
        ),
        visualizer=dict(
            type=_VISUALIZERS[scope], name='visualizer', vis_backends=[dict(type='LocalVisBackend')]
        ),
    )
    if scope == 'mmpose':
        # Read by its inferencer; its drawing by OpenCV fails with NumPy 2.4.
        exported.update(data_mode='topdown', dataset_type=_DATASETS[scope])
        exported['visualizer']['backend'] = 'matplotlib'
    exported = Config(exported)
    check_normalization_is_kept(cfg, exported)
    return exported


def _student_model(cfg: Config) -> dict[str, Any]:
    return _for_inference(model_config(cfg))


def _for_inference(part: Any) -> Any:
    """Return a part without the files of its first weights, its losses as the host has them.

    The exported weights replace the first ones. Inference computes no loss, but the host builds it.
    """
    if isinstance(part, dict):
        return {
            key: _HOST_LOSSES.get(value, value)
            if key == 'type' and isinstance(value, str)
            else _for_inference(value)
            for key, value in part.items()
            if key not in ('init_cfg', 'pretrained')
        }
    if isinstance(part, (list, tuple)):
        return type(part)(_for_inference(item) for item in part)
    return part


def _our_types(part: Any, where: str) -> list[str]:
    if isinstance(part, str):
        return [f'{where}={part!r}'] if part.startswith(_OURS) else []
    if isinstance(part, dict):
        children = part.items()
    elif isinstance(part, (list, tuple)):
        children = enumerate(part)
    else:
        return []
    return [name for key, value in children for name in _our_types(value, f'{where}.{key}')]


def _differences_in_host(
    cfg: Config, model: nn.Module, meta: dict[str, Any], exported: Config, files: Sequence[Path]
) -> tuple[float, float]:
    """Run the student in a process of the host alone; compare its outputs and its pixels."""
    height, width = _input_size(exported)
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(2, 3, height, width, generator=generator)
    with torch.no_grad():
        expected = run_in_host.tensors_in(model(inputs, None, mode='tensor'))
    with tempfile.TemporaryDirectory() as folder:
        save_file({'inputs': inputs}, f'{folder}/inputs')
        image = write_sample_image(cfg, _photo_size(exported), Path(folder) / 'image.png')
        paths = [*files[:2], f'{folder}/inputs', f'{folder}/outputs', f'{folder}/image.png']
        result = subprocess.run(
            [sys.executable, run_in_host.__file__, exported.default_scope, *map(str, paths)],
            capture_output=True,
            text=True,
        )
        if result.returncode != 0:
            raise RuntimeError(
                f'{exported.default_scope} cannot run the exported student {files[0]}:\n'
                + result.stderr[-2000:]
            )
        outputs = load_file(f'{folder}/outputs')
    pixels = trained_pixels(cfg, model, image, meta)
    found = outputs['pixels']
    seen = torch.inf if found.shape != pixels.shape else (found - pixels).abs().max().item()
    raw = max((outputs[str(i)] - tensor).abs().max().item() for i, tensor in enumerate(expected))
    return raw, seen


def _photo_size(exported: Config) -> tuple[int, int]:
    """Height and width of an image file: of another aspect, if the pipeline brings it to size."""
    height, width = _input_size(exported)
    names = [str(step['type']) for step in exported.test_pipeline]
    sized = any(word in name for name in names for word in ('Resize', 'Crop', 'Affine'))
    return (height * 5 // 4, width * 3 // 2) if sized else (height, width)


def _input_size(exported: Config) -> tuple[int, int]:
    """Height and width the student was made for; any would do for the comparison."""
    size = exported.model.get('data_preprocessor', {}).get('size')
    if size:
        return tuple(size)
    for step in exported.test_pipeline:
        size = step.get('input_size') or step.get('scale') or step.get('crop_size')
        if size:
            return (size, size) if isinstance(size, int) else (size[1], size[0])
    return 224, 224

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Run an exported student where mmdiffrep cannot be imported; a script for ``export_student``.

Usage: ``python run_in_host.py SCOPE CONFIG WEIGHTS INPUTS OUTPUTS IMAGE``. Reads ``inputs``
(B, 3, H, W) from a safetensors file and the host's own inference on the image file. Writes the raw
outputs of the first as ``0``, ``1``, ..., and as ``pixels`` what the network got of the second.
"""

import sys
from importlib import import_module
from typing import Any

import torch
from safetensors.torch import load_file, save_file


class _Blocker:
    """Makes every import of mmdiffrep fail, installed or not."""

    def find_spec(self, name: str, path: Any | None = None, target: Any | None = None) -> None:
        if name.split('.')[0] == 'mmdiffrep':
            raise ImportError(f'the exported student must not need {name}')


def tensors_in(output: Any) -> list[torch.Tensor]:
    """Return the tensors of nested tuples and lists, in order."""
    if isinstance(output, torch.Tensor):
        return [output]
    return [tensor for item in output for tensor in tensors_in(item)]


def main(argv: list[str]) -> None:
    """Load, run and write."""
    scope, config, weights, inputs, outputs, image = argv
    sys.meta_path.insert(0, _Blocker())
    apis = import_module(f'{scope}.apis')
    model = apis.init_model(config, weights, device='cpu').eval()
    with torch.no_grad():
        results = tensors_in(model(load_file(inputs)['inputs'], None, mode='tensor'))
    tensors = {str(i): tensor.contiguous() for i, tensor in enumerate(results)}
    handle = model.data_preprocessor.register_forward_hook(
        lambda module, args, batch: tensors.update(pixels=batch['inputs'].contiguous())
    )
    if scope == 'mmseg':
        apis.inference_model(model, image)
    elif scope == 'mmpose':
        apis.inference_topdown(model, image)
    else:
        apis.ImageClassificationInferencer(model)(image)
    handle.remove()
    save_file(tensors, outputs)
    if 'mmdiffrep' in sys.modules:
        raise ImportError('mmdiffrep was imported')


if __name__ == '__main__':
    main(sys.argv[1:])

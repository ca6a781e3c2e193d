# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import ast
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

DEMO = Path(__file__).resolve().parents[2] / 'demo'
NOTEBOOKS = sorted(DEMO.glob('*.ipynb'))


def run(path):
    """Run the cells of a notebook, and return its names and what each cell shows."""
    names, shown = {}, []
    for cell in json.loads(path.read_text())['cells']:
        if cell['cell_type'] != 'code':
            continue
        tree = ast.parse(''.join(cell['source']))
        last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, path.name, 'exec'), names)
        if last is not None:
            shown.append(eval(compile(ast.Expression(last.value), path.name, 'eval'), names))
    return names, shown


@pytest.mark.parametrize('path', NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_are_stored_without_outputs(path):
    cells = json.loads(path.read_text())['cells']
    assert all(not cell.get('outputs') and not cell.get('execution_count') for cell in cells)


def test_matching_runs_on_the_shipped_model():
    names, shown = run(DEMO / 'matching.ipynb')
    pictures = [value for value in shown if isinstance(value, Image.Image)]
    assert len(pictures) == 2 and all(np.array(picture).std() > 10 for picture in pictures)
    scores = names['scores']
    assert scores['upright']['diffusion'] > 1.5 * scores['upright']['RGB patch']
    assert scores['rotated']['diffusion'] > scores['rotated']['same position']

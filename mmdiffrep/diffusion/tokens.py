# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Tokens of the image as feature maps: (B, N, C) to (B, C, h, w), row by row.

Several tensors may enter or leave a module, some of the image and some of the prompt. Which is the
image's is decided once, from the shapes of a traced pass in which the prompt has another number of
tokens than any grid of the image has cells.
"""

from collections.abc import Sequence

from torch import Tensor

Shape = tuple[int, ...]


class ImageMember:
    """Picks the tensor of the image where a module is given or gives several tensors.

    It is the first one that is a map, or that has a token for each cell of the grid. Tokens of
    prompt and image in one tensor count as the image's: the prompt's come first (Flux).

    Args:
        cells: Height and width of the grid of a transformer's tokens; None for a U-Net, where the
            tokens of an attention are the cells of the map that it is given.
        sides: Height and width of the network's input.
        text: Number of the prompt's tokens, 0 without a prompt.
    """

    def __init__(
        self, cells: tuple[int, int] | None, sides: tuple[int, int], text: int = 0
    ) -> None:
        self.cells = cells
        self.sides = sides
        self.text = text
        self._given: dict[str, tuple[int, int]] = {}

    def __call__(self, path: str, side: str, shapes: Sequence[Shape]) -> tuple[int | None, Shape]:
        """Pick a tensor, see :data:`~mmdiffrep.diffusion.trace.PickMember`."""
        for member, shape in enumerate(shapes):
            as_map = self._as_map(path, shape)
            if as_map is not None:
                if side == 'in':
                    self._given[path] = as_map[2], as_map[3]
                return member, as_map
        return None, _not_a_map(next((shape for shape in shapes if shape), ()))

    def _as_map(self, path: str, shape: Shape) -> Shape | None:
        if len(shape) == 4:
            # a transformer's normalized queries are (B, heads, N, C)
            is_map = self.cells is None or shape[2:] in (self.cells, self.sides)
            return shape if is_map else None
        cells = self._around(path) if self.cells is None else self.cells
        if len(shape) != 3 or cells is None:
            return None
        batch, tokens, channels = shape
        count = cells[0] * cells[1]
        is_image = tokens in (count, count + self.text)
        return (batch, channels, *cells) if is_image else None

    def _around(self, path: str) -> tuple[int, int] | None:
        """Return the sides of the map that the nearest module around a path is given."""
        while path and path not in self._given:
            path = path.rpartition('.')[0]
        return self._given.get(path)


def _not_a_map(shape: Shape) -> Shape:
    """Count heads with the batch, so that four dimensions always mean a map."""
    return (shape[0] * shape[1], *shape[2:]) if len(shape) == 4 else shape


def as_map(values: Tensor, cells: tuple[int, int]) -> Tensor:
    """Lay the image's tokens out on their grid.

    Args:
        values: (B, C, h, w), which is returned, or (B, N, C) of which the last h * w tokens are the
            image's.
        cells: h and w.
    """
    if values.ndim == 4:
        return values
    return values[:, -cells[0] * cells[1] :].transpose(1, 2).unflatten(2, cells)

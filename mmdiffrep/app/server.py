# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""Serve the page to this machine alone."""

import base64
import io
import json
from collections.abc import Callable, Iterable
from importlib.resources import files
from typing import Any

import cv2
import numpy as np
from PIL import Image
from torch import Tensor
from werkzeug import Request, Response
from werkzeug.exceptions import HTTPException, NotFound
from werkzeug.serving import BaseWSGIServer, make_server

from mmdiffrep.app.session import JOINED, MAX_DRAWS, SIDES, PageSession, Reading
from mmdiffrep.app.strokes import Stroke
from mmdiffrep.utils.image_files import upright_rgb
from mmdiffrep.visualization import draw_overlay, draw_uncertainty, image_png, similarity_overlay

HOST = '127.0.0.1'
_MAX_BYTES = 32 * 2**20  # of a request
# background, and classes that one can paint
COLORS = ((90, 90, 90), (230, 60, 60), (60, 160, 230), (80, 200, 90))


class PageRequest(Request):
    """A request to this machine by its own name, so that no other site's page can make one."""

    trusted_hosts: Any = (HOST, 'localhost')
    max_content_length = _MAX_BYTES


class PageServer:
    """The page and what it asks for, as a WSGI application.

    Args:
        session: What answers.

    Example:
        >>> server = PageServer(session).bind(port=0)
        >>> print(f'http://{server.host}:{server.port}')
        >>> server.serve_forever()
    """

    def __init__(self, session: PageSession) -> None:
        self.session = session
        self.answers: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            'match': self._match,
            'colors': self._colors,
            'segment': self._segment,
        }

    def bind(self, port: int = 7860) -> BaseWSGIServer:
        """Listen on the loopback interface; port 0 takes a free one.

        Raises:
            OSError: The port is taken.
        """
        return make_server(HOST, port, self, threaded=True)

    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        """Answer a request."""
        request = PageRequest(environ)
        try:
            response = self._answer(request)
        except HTTPException as error:
            response = error.get_response(environ)
        except (ValueError, TypeError, KeyError) as error:
            response = _json(dict(error=str(error)), status=400)
        return response(environ, start_response)

    def _answer(self, request: PageRequest) -> Response:
        request.host  # noqa: B018, refuses a name that is not this machine's
        path = request.path.strip('/')
        if request.method == 'GET':
            if path == '':
                page = files('mmdiffrep.app').joinpath('page.html').read_text(encoding='utf-8')
                return Response(page, mimetype='text/html')
            if path == 'settings':
                return _json(self._settings())
            if path.removeprefix('image/') in SIDES:
                return Response(
                    image_png(self.session.images[path.removeprefix('image/')]),
                    mimetype='image/png',
                )
        elif request.method == 'POST':
            if path.removeprefix('image/') in SIDES:
                self.session.set_image(path.removeprefix('image/'), _read(request.get_data()))
                return _json(self._settings())
            if path in self.answers:
                return _json(self.answers[path](json.loads(request.get_data(as_text=True))))
        raise NotFound()

    def _settings(self) -> dict[str, Any]:
        session = self.session
        default = JOINED if JOINED in session.taps else session.taps[-1]
        return dict(
            taps=session.taps,
            tap=default,
            num_timesteps=session.num_timesteps,
            max_draws=MAX_DRAWS,
            model=session.denoiser.source,
            colors=COLORS,
        )

    def _match(self, asked: dict[str, Any]) -> dict[str, Any]:
        found, similarity, heat = self.session.match(asked['points'], _reading(asked))
        target = self.session.images['target']
        return dict(
            points=found.tolist(),
            similarity=similarity.tolist(),
            heat=_data_url(similarity_overlay(target, heat.cpu().numpy())),
        )

    def _colors(self, asked: dict[str, Any]) -> dict[str, Any]:
        return dict(pictures=[_data_url(p) for p in self.session.colors(_reading(asked))])

    def _segment(self, asked: dict[str, Any]) -> dict[str, Any]:
        strokes = [Stroke(item['label'], item['points']) for item in asked['strokes']]
        pictures, doubts, scores = [], [], []
        for side, found in zip(SIDES, self.session.segment(strokes, _reading(asked))):
            image = self.session.images[side]
            labels = _resized(found.labels.byte(), image)
            pictures.append(_data_url(draw_overlay(image, labels.astype(np.int64), COLORS)))
            doubts.append(_data_url(draw_uncertainty(_resized(found.uncertainty, image))))
            scores.append(float(found.score))
        return dict(pictures=pictures, doubts=doubts, scores=scores)


def _reading(asked: dict[str, Any]) -> Reading:
    return Reading(asked['tap'], asked['timestep'], asked['draws'])


def _resized(value: Tensor, image: np.ndarray) -> np.ndarray:
    size = image.shape[1], image.shape[0]
    return cv2.resize(value.cpu().numpy(), size, interpolation=cv2.INTER_NEAREST)


def _read(data: bytes) -> np.ndarray:
    try:
        with Image.open(io.BytesIO(data)) as file:
            return np.array(upright_rgb(file))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ValueError(f'This file is not an image: {error}') from error


def _data_url(image: np.ndarray) -> str:
    return f'data:image/png;base64,{base64.b64encode(image_png(image)).decode()}'


def _json(value: dict[str, Any], status: int = 200) -> Response:
    return Response(json.dumps(value), status, mimetype='application/json')

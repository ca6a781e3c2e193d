# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import base64
import io

import numpy as np
import pytest
from PIL import Image
from werkzeug.test import Client

from mmdiffrep.app import PageServer

READING = dict(tap='dec.1', timestep=3, draws=1)


@pytest.fixture
def client(session):
    return Client(PageServer(session))


def decoded(url):
    return np.array(Image.open(io.BytesIO(base64.b64decode(url.partition(',')[2]))))


def test_the_page_and_its_images(client, session):
    assert b'Click into the left picture' in client.get('/').data
    settings = client.get('/settings').json
    assert 'dec.1' in settings['taps'] and settings['num_timesteps'] == 20
    shown = np.array(Image.open(io.BytesIO(client.get('/image/target').data)))
    assert np.array_equal(shown, session.images['target'])
    assert client.get('/image/other').status_code == 404
    assert client.get('/match').status_code == 404


def test_answers(client):
    answer = client.post('/match', json=dict(points=[[3, 4]], **READING)).json
    assert len(answer['points']) == len(answer['similarity']) == 1
    assert decoded(answer['heat']).shape == (20, 20, 3)
    assert len(client.post('/colors', json=READING).json['pictures']) == 2
    strokes = [dict(label=0, points=[[1, 1]]), dict(label=1, points=[[20, 20]])]
    answer = client.post('/segment', json=dict(strokes=strokes, **READING)).json
    assert decoded(answer['pictures'][1]).shape == decoded(answer['doubts'][1]).shape == (20, 20, 3)
    assert len(answer['scores']) == 2


def test_an_uploaded_image_takes_the_place_of_the_old_one(client, session):
    stream = io.BytesIO()
    Image.fromarray(np.full((6, 8, 3), 200, np.uint8)).save(stream, 'PNG')
    assert client.post('/image/source', data=stream.getvalue()).status_code == 200
    assert session.images['source'].shape == (6, 8, 3)
    answer = client.post('/image/source', data=b'text')
    assert answer.status_code == 400 and 'not an image' in answer.json['error']


def test_an_uploaded_image_of_16_bits_keeps_its_levels(client, session):
    levels = np.array([[0, 256, 65535]], np.uint16)
    for pixels, status in ((levels, 200), (levels.astype(np.float32), 400)):
        stream = io.BytesIO()
        Image.fromarray(pixels).save(stream, 'TIFF')
        answer = client.post('/image/source', data=stream.getvalue())
        assert answer.status_code == status
    assert 'pixels of 32 bits' in answer.json['error']
    assert session.images['source'][0, :, 0].tolist() == [0, 1, 255]


@pytest.mark.parametrize(
    'body',
    ['{', '{}', '{"points": [[99, 1]], "tap": "dec.1", "timestep": 3, "draws": 1}'],
)
def test_bad_questions_are_answered_with_an_error(client, body):
    answer = client.post('/match', data=body)
    assert answer.status_code == 400 and answer.json['error']


def test_only_this_machine_is_served(session):
    server = PageServer(session).bind(port=0)
    assert server.host == '127.0.0.1' and server.port > 0
    server.server_close()
    assert Client(PageServer(session)).get('/', base_url='http://elsewhere.org').status_code == 400

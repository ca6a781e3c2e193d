# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
import importlib.util
import shutil
import threading
from pathlib import Path

import pytest

from mmdiffrep.app import PageServer

spec = importlib.util.spec_from_file_location('webdriver', Path(__file__).with_name('webdriver.py'))
webdriver = importlib.util.module_from_spec(spec)
spec.loader.exec_module(webdriver)

pytestmark = pytest.mark.skipif(
    not (shutil.which('chromedriver') and shutil.which('chromium')),
    reason='needs chromium and chromedriver',
)


@pytest.fixture
def browser(session, tmp_path):
    server = PageServer(session).bind(port=0)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    browser = webdriver.Browser(tmp_path / 'profile')
    try:
        browser.open(f'http://{server.host}:{server.port}')
        browser.wait('document.body.dataset.ready')
        yield browser
    finally:
        browser.close()
        server.shutdown()
        thread.join()
        server.server_close()


def test_click_match_colors_and_strokes(browser, capfd):
    browser.run('void($("tap").value = "dec.1")')
    browser.drag('#match-source', (0.3, 0.4))
    browser.wait('document.querySelectorAll("#lines line").length == 1')
    browser.drag('#match-source', (0.7, 0.6))
    browser.wait('document.querySelectorAll("#lines line").length == 2')
    assert browser.run('$("heat").naturalWidth') == 20
    assert 'similarity of the last match' in browser.run(webdriver.STATUS)
    x, y = browser.run('points[1]')
    assert abs(x - (0.7 * 32 - 0.5)) < 1 and abs(y - (0.6 * 24 - 0.5)) < 1

    heat = browser.run('$("heat").src')
    browser.run('void(($("timestep").value = 15), $("timestep").onchange())')
    browser.wait(f'$("heat").src.length && $("heat").src != {heat!r}')

    browser.drag('#tab-colors', (0.5, 0.5))
    browser.wait('$("color-1").naturalWidth > 0')

    browser.drag('#tab-segment', (0.5, 0.5))
    browser.drag('#paint', (0.1, 0.1), (0.2, 0.3))
    browser.drag('.classes button:nth-of-type(2)', (0.5, 0.5))
    browser.drag('#paint', (0.8, 0.7), (0.9, 0.9))
    assert browser.run('strokes.map(stroke => stroke.label)') == [0, 1]
    browser.drag('#segment', (0.5, 0.5))
    browser.wait('$("label-1").naturalWidth > 0 && $("doubt-1").naturalWidth > 0')
    assert 'uncertainty' in browser.run(webdriver.STATUS)
    assert browser.errors() == []
    assert 'Traceback' not in capfd.readouterr().err


def test_an_error_is_shown(browser):
    browser.drag('#tab-segment', (0.5, 0.5))
    browser.drag('#paint', (0.1, 0.1), (0.2, 0.3))
    browser.drag('#segment', (0.5, 0.5))
    browser.wait('$("status").className == "error"')
    assert 'two classes or more' in browser.run(webdriver.STATUS)

# Copyright (c) mmdiffrep contributors. SPDX-License-Identifier: Apache-2.0
"""A browser without a window, driven through ChromeDriver's HTTP interface."""

import base64
import json
import re
import subprocess
import time
import urllib.request

FLAGS = (
    '--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-sync '
    '--disable-component-update --disable-background-networking --window-size=1200,1000'
).split()
ELEMENT = 'element-6066-11e4-a52e-4f735466cecf'


class Browser:
    """Opens pages, clicks, and takes screenshots."""

    def __init__(self, profile):
        self.process = subprocess.Popen(
            ['chromedriver', '--port=0'],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        for line in self.process.stdout:
            if found := re.search(r'successfully on port (\d+)', line):
                break
        self.root = f'http://127.0.0.1:{found[1]}/session'
        options = dict(args=[*FLAGS, f'--user-data-dir={profile}'])
        asked = {'goog:chromeOptions': options, 'goog:loggingPrefs': dict(browser='ALL')}
        answer = self._ask('', capabilities=dict(alwaysMatch=asked))
        self.root += f'/{answer["sessionId"]}'

    def _ask(self, path, **body):
        request = urllib.request.Request(
            self.root + path, json.dumps(body).encode(), {'Content-Type': 'application/json'}
        )
        with urllib.request.urlopen(request, timeout=120) as response:
            return json.load(response)['value']

    def open(self, url):
        self._ask('/url', url=url)

    def run(self, script):
        """Return what a piece of JavaScript gives."""
        return self._ask('/execute/sync', script=f'return {script}', args=[])

    def wait(self, script, seconds=60):
        """Wait until a piece of JavaScript gives something true."""
        end = time.monotonic() + seconds
        while not (value := self.run(script)):
            assert time.monotonic() < end, f'{script}; status: {self.run(STATUS)}'
            time.sleep(0.1)
        return value

    def drag(self, element, *places):
        """Press at the first place, move over the others, release; places in shares of a side."""
        found = self._ask('/element', using='css selector', value=element)
        self.run(f'document.querySelector("{element}").scrollIntoView({{block: "center"}})')
        box = self.run(f'document.querySelector("{element}").getBoundingClientRect().toJSON()')
        moves = [
            dict(
                type='pointerMove',
                duration=20,
                origin={ELEMENT: found[ELEMENT]},
                x=round((x - 0.5) * box['width']),
                y=round((y - 0.5) * box['height']),
            )
            for x, y in places
        ]
        actions = [moves[0], dict(type='pointerDown', button=0), *moves[1:]]
        actions.append(dict(type='pointerUp', button=0))
        pointer = dict(type='pointer', id='mouse', actions=actions)
        self._ask('/actions', actions=[pointer])

    def errors(self):
        """Return what the page has logged as an error."""
        return [e for e in self._ask('/se/log', type='browser') if e['level'] == 'SEVERE']

    def screenshot(self):
        with urllib.request.urlopen(f'{self.root}/screenshot', timeout=60) as response:
            return base64.b64decode(json.load(response)['value'])

    def close(self):
        request = urllib.request.Request(self.root, method='DELETE')
        urllib.request.urlopen(request, timeout=60).close()
        self.process.terminate()
        self.process.wait()


STATUS = 'document.getElementById("status").textContent'

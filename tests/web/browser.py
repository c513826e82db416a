"""A real browser, driven by the DevTools protocol through a pipe: nothing to install beside the browser.

Source: https://chromedevtools.github.io/devtools-protocol/ (``--remote-debugging-pipe``: JSON, ended by NUL).
"""

from __future__ import annotations

import base64
import itertools
import json
import os
import select
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PATIENCE = 30.0

FLAGS = """
    --headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run --hide-scrollbars
    --disable-background-networking --disable-component-update --disable-extensions --remote-debugging-pipe
""".split()

LAUNCH = """
import fcntl, os, sys
reading, writing = (fcntl.fcntl(int(fd), fcntl.F_DUPFD, 10) for fd in sys.argv[1:3])
os.dup2(reading, 3)
os.dup2(writing, 4)
os.execvp(sys.argv[3], sys.argv[3:])
"""
# the browser reads from 3 and writes to 4; a shell may know the file descriptors 0 to 9 only


class Browser:
    """One browser with one page. ``errors`` and ``asked`` fill while pages are open."""

    def __init__(self, program: str, folder: Path) -> None:
        self._number = itertools.count(1)
        self._buffer = b""
        self.errors: list[str] = []
        self.asked: list[str] = []
        self._events: list[dict[str, Any]] = []
        reading, theirs_out = os.pipe()
        theirs_in, self._writing = os.pipe()
        self._reading = reading
        words = [program, *FLAGS, f"--user-data-dir={folder}", "about:blank"]
        self._process = subprocess.Popen(
            [sys.executable, "-c", LAUNCH, str(theirs_in), str(theirs_out), *words],
            pass_fds=(theirs_in, theirs_out),
            env=os.environ | {"HOME": str(folder)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def close(self) -> None:
        """End the browser."""
        self._process.kill()
        self._process.wait()
        os.close(self._writing)
        os.close(self._reading)

    def look(self, width: int, height: int, *, dark: bool = False, mobile: bool = False) -> None:
        """Look through a window of that size, by day or by night."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": mobile}
        self.call("Emulation.setDeviceMetricsOverride", **size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])

    def scripts(self, *, on: bool) -> None:
        """Let pages run their scripts, or not."""
        self.call("Emulation.setScriptExecutionDisabled", value=not on)

    def open(self, address: str) -> None:
        """Open a page and return when it is loaded."""
        self._events.clear()
        found = self.call("Page.navigate", url=address)
        assert "errorText" not in found, found
        self.until("Page.loadEventFired")

    def until(self, method: str) -> None:
        """Wait for an event of the protocol."""
        end = time.monotonic() + PATIENCE
        while not any(one["method"] == method for one in self._events):
            self._take(self._message(end))

    def run(self, script: str) -> Any:
        """Return what a script's last expression comes to; a promise is waited for."""
        found = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def press(self, key: str) -> None:
        """Press a key and let it go."""
        code = {"Tab": 9, "Enter": 13}[key]
        told = {"key": key, "code": key, "windowsVirtualKeyCode": code}
        text = {"text": "\r"} if key == "Enter" else {}
        self.call("Input.dispatchKeyEvent", type="keyDown", **told, **text)
        self.call("Input.dispatchKeyEvent", type="keyUp", **told)

    def picture(self, path: Path, *, whole: bool = True) -> None:
        """Write what is seen as a PNG file."""
        found = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(found["data"]))

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Call a method of the page's session and return its result."""
        return self._call(method, self._session, **params)

    def _call(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        number = next(self._number)
        told = {"id": number, "method": method, "params": params} | (
            {"sessionId": session} if session else {}
        )
        os.write(self._writing, json.dumps(told).encode() + b"\0")
        end = time.monotonic() + PATIENCE
        while True:
            message = self._message(end)
            if message.get("id") == number:
                assert "error" not in message, message
                return message["result"]
            self._take(message)

    def _message(self, end: float) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._reading], [], [], max(end - time.monotonic(), 0))
            assert ready, "the browser does not answer"
            data = os.read(self._reading, 1 << 20)
            assert data, "the browser is gone"
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\0")
        return json.loads(line)

    def _take(self, message: dict[str, Any]) -> None:
        """Keep what an event tells."""
        if "method" not in message:
            return
        self._events.append(message)
        keep = KEPT.get(message["method"])
        if keep is not None:
            keep(self, message["params"])


def _exception(browser: Browser, params: dict[str, Any]) -> None:
    browser.errors.append(json.dumps(params["exceptionDetails"])[:500])


def _console(browser: Browser, params: dict[str, Any]) -> None:
    if params["type"] in ("error", "warning", "assert"):
        browser.errors.append(json.dumps(params["args"])[:500])


def _log(browser: Browser, params: dict[str, Any]) -> None:
    if params["entry"]["level"] in ("error", "warning"):
        browser.errors.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")


def _request(browser: Browser, params: dict[str, Any]) -> None:
    browser.asked.append(params["request"]["url"])


KEPT: dict[str, Callable[[Browser, dict[str, Any]], None]] = {
    "Runtime.exceptionThrown": _exception,
    "Runtime.consoleAPICalled": _console,
    "Log.entryAdded": _log,
    "Network.requestWillBeSent": _request,
}

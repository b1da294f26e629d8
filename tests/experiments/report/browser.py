"""A headless Chromium, spoken to over two pipes (`--remote-debugging-pipe`): no port, no package, no driver."""

import contextlib
import fcntl
import json
import os
import select
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

CHROMIUM = shutil.which("chromium")
SECONDS = 60
"""An answer that takes longer is none."""
FLAGS = (
    "--headless",
    "--no-sandbox",  # root has none
    "--remote-debugging-pipe",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--hide-scrollbars",
)


class Browser:
    """One tab. What it complained of and what it asked the network for is in `errors` and `requests`."""

    def __init__(self, folder: Path):
        assert CHROMIUM
        theirs_in, self._out = _pipe()
        self._in, theirs_out = _pipe()
        # Chromium reads from descriptor 3 and writes to 4.
        redirected = f'exec "$0" "$@" 3</dev/fd/{theirs_in} 4>/dev/fd/{theirs_out}'
        command = ["sh", "-c", redirected, CHROMIUM, *FLAGS, f"--user-data-dir={folder}", "about:blank"]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self._process = subprocess.Popen(command, pass_fds=(theirs_in, theirs_out), env=_home(folder), **quiet)
        os.close(theirs_in)
        os.close(theirs_out)
        self._read, self._sent, self._session = b"", 0, None
        self.errors: list[str] = []
        self.requests: list[str] = []
        self._loaded = False
        pages = [t for t in self("Target.getTargets")["targetInfos"] if t["type"] == "page"]
        self._session = self("Target.attachToTarget", targetId=pages[0]["targetId"], flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self(f"{domain}.enable")

    def __call__(self, method: str, **params: Any) -> dict[str, Any]:
        """Sends a command of the DevTools protocol, and waits for its answer."""
        self._sent += 1
        session = {"sessionId": self._session} if self._session else {}
        message = json.dumps({"id": self._sent, "method": method, "params": params, **session})
        os.write(self._out, message.encode() + b"\0")
        answer: dict[str, Any] = {}
        while answer.get("id") != self._sent:
            answer = self._receive()
        assert "error" not in answer, (method, answer["error"])
        return answer["result"]

    def open(self, path: Path, width: int, height: int = 900, theme: str = "light") -> None:
        """Opens a file from disk in a window of that size."""
        self("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600)
        self("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": theme}])
        self.errors, self.requests, self._loaded = [], [], False
        self("Page.navigate", url=path.resolve().as_uri())
        while not self._loaded:
            self._receive()

    def run(self, script: str) -> Any:
        """The value of an expression in JavaScript."""
        answer = self("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def point(self, selector: str, click: bool = False) -> None:
        """Moves the mouse onto the middle of what is selected, and clicks if asked."""
        scrolled = f"document.querySelector({json.dumps(selector)})"
        self.run(f"{scrolled}.scrollIntoView({{block: 'center', behavior: 'instant'}})")
        box = self.run(f"(r => [r.x + r.width / 2, r.y + r.height / 2])({scrolled}.getClientRects()[0])")
        place = {"x": box[0], "y": box[1]}
        self("Input.dispatchMouseEvent", type="mouseMoved", **place)
        for kind in ("mousePressed", "mouseReleased") if click else ():
            self("Input.dispatchMouseEvent", type=kind, button="left", clickCount=1, **place)

    def press(self, key: str) -> None:
        """Presses and releases a key."""
        for kind in ("keyDown", "keyUp"):
            self("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=KEYS.get(key, 0))

    def close(self) -> None:
        """Ends the process."""
        with contextlib.suppress(OSError, AssertionError):
            self._session = None
            self("Browser.close")
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(10)
        self._process.kill()
        self._process.wait()
        os.close(self._in)
        os.close(self._out)

    def _receive(self) -> dict[str, Any]:
        """The next message; an event is noted."""
        end = time.monotonic() + SECONDS
        while b"\0" not in self._read:
            ready = select.select([self._in], [], [], max(0, end - time.monotonic()))[0]
            piece = os.read(self._in, 1 << 20) if ready else b""
            assert piece, "the browser does not answer"
            self._read += piece
        message, self._read = self._read.split(b"\0", 1)
        event = json.loads(message)
        self._note(event.get("method"), event.get("params", {}))
        return event

    def _note(self, method: str | None, params: dict[str, Any]) -> None:
        match method:
            case "Page.loadEventFired":
                self._loaded = True
            case "Network.requestWillBeSent":
                self.requests.append(params["request"]["url"])
            case "Runtime.exceptionThrown":
                self.errors.append(str(params["exceptionDetails"]))
            case "Runtime.consoleAPICalled" | "Log.entryAdded":
                self.errors.append(str(params))


KEYS = {"Tab": 9, "End": 35, "Home": 36, "ArrowLeft": 37, "ArrowRight": 39}


def _pipe() -> tuple[int, int]:
    """Away from 3 and 4, which are theirs."""
    ends = os.pipe()
    moved = tuple(fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in ends)
    for end in ends:
        os.close(end)
    return moved[0], moved[1]


def _home(folder: Path) -> dict[str, str]:
    """Whatever it writes goes into the folder."""
    return {**os.environ, "HOME": str(folder), "XDG_CONFIG_HOME": str(folder), "XDG_CACHE_HOME": str(folder)}

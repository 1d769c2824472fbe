"""A headless Chromium for tests, driven over its own pipe: no further package is needed."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

FLAGS = (
    "--headless=new",
    "--no-sandbox",  # Tests may run as root in a container, where the sandbox cannot start.
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--no-first-run",
    "--disable-background-networking",
    "--remote-debugging-pipe",
)


def find() -> str | None:
    """The path of Chromium, or of Chrome; None where there is none."""
    found = (shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome"))
    return next((path for path in found if path), None)


class Page:
    """One page in a browser of its own; the protocol is Chrome's DevTools protocol, one JSON object a message."""

    def __init__(self, program: str, profile: Path) -> None:
        here_reads, browser_writes = os.pipe()
        browser_reads, here_writes = os.pipe()
        command = [program, *FLAGS, f"--user-data-dir={profile}", "about:blank"]
        # Chromium reads from descriptor 3 and writes to 4: a shell puts them there.
        shell = f'exec "$0" "$@" 3<&{browser_reads} 4>&{browser_writes}'
        self._process = subprocess.Popen(
            ["bash", "-c", shell, *command], pass_fds=(browser_reads, browser_writes), stderr=subprocess.DEVNULL
        )
        os.close(browser_reads)
        os.close(browser_writes)
        self._in, self._out = os.fdopen(here_writes, "wb", buffering=0), os.fdopen(here_reads, "rb")
        self._count = 0
        self._session: str | None = None
        self.requests: list[str] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network"):
            self.call(f"{domain}.enable")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._in.close()
        self._out.close()
        self._process.terminate()
        self._process.wait(timeout=20)

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Send one command and wait for its result; addresses that the page asks for are noted on the way."""
        self._count += 1
        message: dict[str, Any] = {"id": self._count, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        self._in.write(json.dumps(message).encode() + b"\0")
        while True:
            answer = self._read()
            if answer.get("id") == self._count:
                assert "error" not in answer, answer["error"]
                result: dict[str, Any] = answer["result"]
                return result

    def open(self, page: Path | str) -> None:
        """Load a file, or what is at an address, and wait until it stands."""
        self.call("Page.navigate", url=page.as_uri() if isinstance(page, Path) else page)
        while self._read().get("method") != "Page.loadEventFired":
            pass

    def value(self, script: str) -> Any:
        """What an expression in the page gives."""
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait(self, script: str, seconds: float = 60.0) -> Any:
        """What an expression gives as soon as that counts as true."""
        until = time.monotonic() + seconds
        while not (found := self.value(script)):
            assert time.monotonic() < until, f"still {found!r}: {script}\n{self.value('document.body.innerText')}"
            time.sleep(0.1)
        return found

    def picture(self, path: Path) -> None:
        """A PNG of what is seen."""
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot")["data"]))

    def _read(self) -> dict[str, Any]:
        text = bytearray()
        while (byte := self._out.read(1)) != b"\0":
            assert byte, "the browser has ended"
            text += byte
        message: dict[str, Any] = json.loads(text)
        if message.get("method") == "Network.requestWillBeSent":
            self.requests.append(message["params"]["request"]["url"])
        return message

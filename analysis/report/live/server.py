"""Serves the live page to this machine: the standard library's server, on the loopback address, for reading only."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from socketserver import TCPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from analysis.report.live.answers import Answers
from analysis.report.live.folder import WatchedFolder
from search.errors import SearchError

HOST = "127.0.0.1"
PORT = 8420
"""Port that is tried first where none is named."""
FAREWELL_S = 3.0
"""Longest time in seconds in which an open page, after the server was told to end, may ask how the search stands."""
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_FILES = {
    "/": ("analysis.report.live", "live.html", "text/html"),
    "/page.css": ("analysis.report", "page.css", "text/css"),
    "/live.css": ("analysis.report.live", "live.css", "text/css"),
    **{
        f"/{name}.js": ("analysis.report.live", f"{name}.js", "text/javascript")
        for name in ("live", "charts", "table", "trial")
    },
}


class PageServer(ThreadingHTTPServer):
    """Serves `answers`; `ending` is set when it is to end, `told_the_end` when a page has asked once more since."""

    daemon_threads = True

    def __init__(self, port: int, answers: Answers) -> None:
        super().__init__((HOST, port), _Handler)
        self.answers = answers
        self.ending = threading.Event()
        self.asked_at = 0.0
        self.told_the_end = threading.Event()

    def server_bind(self) -> None:
        """Bind without asking a name server for this machine's name, as the standard library would."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = HOST, self.socket.getsockname()[1]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore a browser that goes away in the middle of an answer, and tell any other error."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: PageServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:  # the name that the standard library looks for
        # A page of another site that a name server leads here says its own name; only ours are answered.
        port = self.server.server_port
        if self.headers.get("Host") not in (f"{HOST}:{port}", f"localhost:{port}"):
            self._send(b"this server answers only to its own address\n", "text/plain", HTTPStatus.FORBIDDEN)
            return
        asked = urlsplit(self.path)
        words = {name: values[0] for name, values in parse_qs(asked.query).items()}
        try:
            if asked.path in _FILES:
                package, name, kind = _FILES[asked.path]
                self._send(files(package).joinpath(name).read_bytes(), kind)
            elif asked.path in _ANSWERS:
                _ANSWERS[asked.path](self, words)
            else:
                self._send(b"nothing is here\n", "text/plain", HTTPStatus.NOT_FOUND)
        except SearchError as error:
            self._send(f"{error}\n".encode(), "text/plain", HTTPStatus.CONFLICT)

    def _state(self, words: dict[str, str]) -> None:
        server = self.server
        server.asked_at = time.monotonic()
        ending = server.ending.is_set()
        found = server.answers.state(words.get("since", ""), now=ending)
        if found is None:
            self._send(b"", "application/json", HTTPStatus.NO_CONTENT)
        else:
            self._send_json(found)
        if ending:
            server.told_the_end.set()

    def _trial(self, words: dict[str, str]) -> None:
        self._send_json(self.server.answers.trial(words.get("key", "")))

    def _words(self, words: dict[str, str]) -> None:
        self._send_json(self.server.answers.words())

    def _picture(self, words: dict[str, str]) -> None:
        self._send(*self.server.answers.picture(words.get("kind", ""), words.get("phone") == "1"))

    def _report(self, words: dict[str, str]) -> None:
        text = self.server.answers.report().encode()
        self._send(text, "text/html", Content_Disposition='attachment; filename="report.html"')

    def _send_json(self, value: object) -> None:
        self._send(json.dumps(value, separators=(",", ":"), allow_nan=False).encode(), "application/json")

    def _send(self, body: bytes, kind: str, status: HTTPStatus = HTTPStatus.OK, **headers: str) -> None:
        self.send_response(status)
        if kind.startswith("text/"):
            kind += "; charset=utf-8"
        always = {
            "Content-Type": kind,
            "Cache-Control": "no-store",
            "Content-Security-Policy": _POLICY,
            "Cross-Origin-Resource-Policy": "same-origin",
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
        }
        for name, value in {**always, **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        if status != HTTPStatus.NO_CONTENT:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002  # the standard library's name
        """Say nothing: a page asks every second."""


_ANSWERS: dict[str, Callable[[_Handler, dict[str, str]], None]] = {
    "/state": _Handler._state,
    "/trial": _Handler._trial,
    "/answer": _Handler._words,
    "/figure": _Handler._picture,
    "/report.html": _Handler._report,
}


def serve(addresses: Sequence[str], port: int | None, until_parent_ends: bool = False) -> None:
    """Serve until a signal, or until the process that started this one has ended; the first line says where.

    Raises SearchError where there is no experiment, or where the port is taken.
    """
    parent = os.getppid() if until_parent_ends else None
    os.nice(10)  # The processes that train go first.
    server = listen(port, Answers(WatchedFolder(addresses)))
    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, lambda *_: server.ending.set())
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.2}, daemon=True)
    thread.start()
    print(f"http://{HOST}:{server.server_port}/", flush=True)
    while not server.ending.wait(0.5):
        if parent is not None and os.getppid() != parent:
            server.ending.set()
    _let_pages_see_the_end(server)
    server.shutdown()
    server.server_close()


def _let_pages_see_the_end(server: PageServer) -> None:
    """Wait for the page that is open, if one is, to ask once more."""
    if time.monotonic() - server.asked_at < FAREWELL_S:
        server.told_the_end.wait(FAREWELL_S)


def listen(port: int | None, answers: Answers) -> PageServer:
    """Return a server on that port, or, with None, on PORT or any free one.

    Raises SearchError where the port that was named is taken.
    """
    try:
        return PageServer(PORT if port is None else port, answers)
    except OSError as error:
        if port is None:
            return PageServer(0, answers)
        raise SearchError(f"port {port} cannot be had ({error.strerror}); give another --port, or none.") from None

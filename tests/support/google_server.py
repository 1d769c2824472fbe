"""A server on this machine that speaks Google Cloud Storage, and one that gives out its tokens."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from search.experiment.remote.store import Store, parse_store
from tests.support.ports import free_port, wait_for_port


class _Tokens(BaseHTTPRequestHandler):
    """What Google's own clients ask for a token in exchange for a user's credentials."""

    def do_POST(self) -> None:
        """A token that lasts, whoever asks."""
        self.rfile.read(int(self.headers["Content-Length"]))
        token = {"access_token": "token", "id_token": "id", "expires_in": 3600, "token_type": "Bearer"}
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(token).encode())

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing."""


class GoogleServer:
    """The emulator at a port of its own, with an empty bucket named `bucket`; `credentials` is a file for its users."""

    def __init__(self, folder: Path) -> None:
        self._tokens = ThreadingHTTPServer(("127.0.0.1", 0), _Tokens)
        threading.Thread(target=self._tokens.serve_forever, daemon=True).start()
        self.credentials = folder / "credentials.json"
        user = {"type": "authorized_user", "client_id": "id", "client_secret": "secret", "refresh_token": "again"}
        user["token_uri"] = f"http://127.0.0.1:{self._tokens.server_port}/token"
        self.credentials.write_text(json.dumps(user))
        self._port = free_port()
        command = str(Path(sys.executable).with_name("gcp-storage-emulator"))
        words = ["start", "--host=127.0.0.1", f"--port={self._port}", "--in-memory", "--default-bucket=bucket"]
        self._process = subprocess.Popen([command, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for_port(self._port)

    def stop(self) -> None:
        """Answer no more."""
        self._tokens.shutdown()
        self._tokens.server_close()
        self._process.kill()
        self._process.wait()

    def address(self, path: str = "bucket/results") -> str:
        """What a user would give."""
        return f"gs://{path}?endpoint_override=127.0.0.1:{self._port}&scheme=http"

    def store(self, path: str = "bucket/results") -> Store:
        """The same as a store."""
        return parse_store(self.address(path))

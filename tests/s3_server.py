"""A real S3 server on this machine, which tests start, stop and start again; what was in it is lost then."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pyarrow.fs

from search.experiment.store import Store, parse_store


class S3Server:
    """moto's server at a port of its own, with a bucket named `bucket`."""

    def __init__(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.start()

    def start(self) -> None:
        """Begin to answer, with nothing stored but the empty bucket."""
        command = [str(Path(sys.executable).with_name("moto_server")), "-H", "127.0.0.1", "-p", str(self.port)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(600):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    break
            time.sleep(0.05)
        self.clear()

    def _post(self, path: str, content: bytes = b"") -> None:
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/moto-api/{path}", content, method="POST")
        request.add_header("Content-Type", "text/plain")
        urllib.request.urlopen(request).close()

    def require_credentials(self, wanted: bool) -> None:
        """Refuse keys that no user was given, or take any."""
        self._post("reset-auth", b"0" if wanted else b"inf")

    def clear(self) -> None:
        """Forget everything but the bucket."""
        self._post("reset")
        self.files(allow_bucket_creation=True).create_dir("bucket")

    def stop(self) -> None:
        """Answer no more."""
        self.process.kill()
        self.process.wait()

    def files(self, **options: bool) -> pyarrow.fs.FileSystem:
        """A file system that knows nothing of ours."""
        return pyarrow.fs.S3FileSystem(
            endpoint_override=f"127.0.0.1:{self.port}", scheme="http", region="us-east-1", **options
        )

    def address(self, path: str = "bucket/results") -> str:
        """What a user would give."""
        return f"s3://{path}?endpoint_override=127.0.0.1:{self.port}&scheme=http"

    def store(self, path: str = "bucket/results") -> Store:
        """The same as a store."""
        return parse_store(self.address(path))

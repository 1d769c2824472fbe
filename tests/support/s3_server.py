"""A real S3 server on this machine, which tests start, stop and start again; what was in it is lost then."""

from __future__ import annotations

import subprocess
import sys
import urllib.request
from pathlib import Path

import pyarrow.fs

from search.experiment.remote.store import Store, parse_store
from tests.support.ports import free_port, wait_for_port


class S3Server:
    """moto's server at a port of its own, with a bucket named `bucket`."""

    def __init__(self) -> None:
        self.port = free_port()
        self.start()

    def start(self) -> None:
        """Begin to answer, with nothing stored but the empty bucket."""
        command = [str(Path(sys.executable).with_name("moto_server")), "-H", "127.0.0.1", "-p", str(self.port)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for_port(self.port)
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

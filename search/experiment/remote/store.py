"""A folder in an object store: `s3://bucket/path`, `gs://bucket/path`, or any other address that pyarrow reads."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

import pyarrow as pa
import pyarrow.fs as pafs

from search.errors import SearchError
from search.experiment.atomic import write_file
from search.wording import one_line

CONNECT_S = 5.0
SILENCE_S = 10.0
"""The time without a moved byte after which a request fails; the store's library may take twice as long."""
_CHUNK = 8 << 20
GOOGLE = ("gs", "gcs")
WAYS = "check address, network and credentials, or give another --results."


@dataclass(frozen=True)
class Store:
    """A folder in an object store, by its address. Objects appear whole or not at all; there are no renames.

    Its methods raise OSError when the store does not answer, FileNotFoundError for what is not there.
    """

    scheme: str
    path: str
    """Bucket and prefix, like `bucket/results`."""
    query: str = ""
    """Options of the address, like `region=eu-central-1`."""

    def __str__(self) -> str:
        return self.plain + (f"?{self.query}" if self.query else "")

    @property
    def plain(self) -> str:
        """The address without its options."""
        return f"{self.scheme}://{self.path}"

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]

    @property
    def files(self) -> pafs.FileSystem:
        """The file system, made once in a process; raises SearchError for an address that it does not take."""
        return _file_system(self)

    def child(self, name: str) -> Store:
        """Return the folder below this one under a relative name."""
        return replace(self, path=f"{self.path}/{name}")

    def read(self, name: str) -> bytes:
        """Return the bytes of a small object."""
        with _as_os_error(), self.files.open_input_stream(f"{self.path}/{name}") as stored:
            return bytes(stored.read())

    def write(self, name: str, content: bytes) -> None:
        """Write a small object in one step."""
        with _as_os_error(), self.files.open_output_stream(f"{self.path}/{name}") as target:
            target.write(content)

    def upload(self, source: Path, name: str) -> None:
        """Send a file."""
        path = f"{self.path}/{name}"
        with source.open("rb") as file, _as_os_error(), self.files.open_output_stream(path) as stored:
            while chunk := file.read(_CHUNK):
                stored.write(chunk)

    def download(self, name: str, target: Path) -> None:
        """Fetch an object; the file is whole or absent."""
        write_file(target, lambda temporary: self._copy(name, temporary))

    def _copy(self, name: str, target: Path) -> None:
        path = f"{self.path}/{name}"
        with _as_os_error(), self.files.open_input_stream(path) as stored, target.open("wb") as file:
            while chunk := stored.read(_CHUNK):
                file.write(chunk)

    def list(self, name: str = "", recursive: bool = True) -> dict[str, pafs.FileInfo]:
        """Return the objects below a folder by names relative to this store; without `recursive` also its folders."""
        start = f"{self.path}/{name}".rstrip("/")
        # In Google's store pyarrow lists folders only where somebody has made them as objects of their own.
        all_the_way = recursive or self.scheme in GOOGLE
        with _as_os_error():
            found = self.files.get_file_info(pafs.FileSelector(start, allow_not_found=True, recursive=all_the_way))
        if all_the_way and not recursive:
            found = _directly_below(start, found)
        kept = [info for info in found if not recursive or info.type == pafs.FileType.File]
        kept = [info for info in kept if ".." not in info.path.split("/")]  # No name may lead out of the folder.
        return {info.path[len(self.path) + 1 :]: info for info in kept}

    def remove(self, name: str) -> None:
        """Remove an object, or a folder with what is in it; one that is not there is fine."""
        path = f"{self.path}/{name}"
        with _as_os_error():
            kind = self.files.get_file_info(path).type
            if kind == pafs.FileType.Directory:
                with suppress(FileNotFoundError):  # In Google's store a folder is gone with what is in it.
                    self.files.delete_dir(path)
            elif kind == pafs.FileType.File:
                self.files.delete_file(path)

    def check(self) -> None:
        """Ask for the bucket; raises SearchError where it is missing or the store does not answer."""
        bucket = self.path.partition("/")[0]
        try:
            with _as_os_error():
                missing = self.files.get_file_info(bucket).type == pafs.FileType.NotFound
        except OSError as error:
            if "ACCESS_DENIED" in str(error):
                return  # The key may be good below a prefix only; the first write shows whether it is.
            raise SearchError(f"{self.plain} does not answer ({reason(error)}); {WAYS}") from None
        if missing:
            raise SearchError(
                f"there is no bucket {bucket!r} at {self.scheme}:// that this machine's credentials may see; "
                "make it, or give another --results."
            )


ResultsPath = Path | Store
"""Where an experiment, or a folder of them, lies: on this machine, or in an object store."""


def parse_store(address: str) -> Store:
    """Return the store of an address with `://`; raises SearchError for an address that no store can have."""
    parts = urlsplit(address, allow_fragments=False)  # An object's name may hold a `#`.
    if "@" in parts.netloc:
        raise SearchError(
            "the address of results holds a user or a key, which would be stored with them; give it without, and put "
            "credentials into the environment (AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY) or a profile."
        )
    path = (parts.netloc + parts.path).rstrip("/")
    if not parts.netloc:
        raise SearchError(f"{address} names no bucket; expected an address like s3://bucket/results.")
    return Store(parts.scheme, path, parts.query)


def parse_results_path(address: str) -> ResultsPath:
    """Return the location that an address names, `file://` included; raises SearchError as `parse_store` does."""
    if address.startswith("file://"):
        return Path("/" + unquote(address.removeprefix("file://").partition("/")[2]))
    return parse_store(address) if "://" in address else Path(address).expanduser()


@cache
def _file_system(store: Store) -> pafs.FileSystem:
    try:
        if store.scheme == "s3":
            return _s3(store)
        if store.scheme in GOOGLE and "retry_limit_seconds" not in store.query:
            store = replace(store, query="&".join(filter(None, [store.query, f"retry_limit_seconds={SILENCE_S:.0f}"])))
        return pafs.FileSystem.from_uri(str(store))[0]
    except (pa.ArrowException, ValueError) as error:
        raise SearchError(f"{store} is not an address of results ({reason(error)}).") from None
    except OSError as error:
        raise SearchError(f"{store.plain} does not answer ({reason(error)}); {WAYS}") from None


def _s3(store: Store) -> pafs.FileSystem:
    """Return a file system with time limits, which no address can set; without them a search waits for minutes."""
    options = dict(parse_qsl(store.query))
    unknown = options.keys() - {"region", "endpoint_override", "scheme", "tls_ca_file_path"}
    if unknown:
        raise ValueError(f"unknown option {min(unknown)!r}; expected region, endpoint_override, scheme")
    environment = os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    if environment and "endpoint_override" not in options:
        scheme, _, host = environment.rpartition("://")
        options |= {"endpoint_override": host.rstrip("/"), "scheme": options.get("scheme") or scheme or "https"}
    if "region" not in options:
        known = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
        if known is None and "endpoint_override" in options:
            known = "us-east-1"
        options["region"] = known or pafs.resolve_s3_region(store.path.partition("/")[0])
    return pafs.S3FileSystem(
        **options,
        connect_timeout=CONNECT_S,
        request_timeout=SILENCE_S,
        retry_strategy=pafs.AwsStandardS3RetryStrategy(max_attempts=2),
        allow_delayed_open=True,  # So that a small object takes one request.
    )


def _directly_below(start: str, found: Iterable[pafs.FileInfo]) -> list[pafs.FileInfo]:
    """Return the files and folders directly below `start`, from the files `found` at any depth."""
    infos: dict[str, pafs.FileInfo] = {}
    for info in found:
        child, _, deeper = info.path[len(start) + 1 :].partition("/")
        path = f"{start}/{child}"
        if deeper or path not in infos:
            infos[path] = pafs.FileInfo(path, pafs.FileType.Directory) if deeper else info
    return list(infos.values())


@contextmanager
def _as_os_error() -> Iterator[None]:
    """Raise pyarrow's own errors as OSError, as its others are."""
    try:
        yield
    except pa.ArrowException as error:
        raise OSError(str(error)) from error


def reason(error: BaseException) -> str:
    """Return in a few words why a store did not do something."""
    text = one_line(error)
    found = re.search(r"AWS Error (\w+)(?: \(.*?\))? during \w+ operation: (.*?)(?:; Details|\(Request ID|$)", text)
    if found is None:
        google = re.search(r"google::cloud::Status\((?:\w+: )?(?:.*with a last message of )?([^.]*)", text)
        return google[1] if google else text[:200]
    said = re.sub(r"^(curlCode: \d+, |No response body\.)", "", found[2]).strip(" .")
    return said if said and found[1] != "ACCESS_DENIED" else found[1].lower().replace("_", " ")


@contextmanager
def writing(store: Store) -> Iterator[None]:
    """Raise SearchError where the block fails to write to the store."""
    try:
        yield
    except OSError as error:
        raise SearchError(
            f"{store.plain} cannot be written ({reason(error)}); check bucket, network and credentials, "
            "or give another --results."
        ) from None

"""One file over http(s) into a part on disk, going on after a break where it stopped.

Beside the part lies a note of the version that its bytes are from (the server's ETag or date), so
that bytes of two versions of a file never meet.

Source: RFC 9110, section 13.1.5 (If-Range) and section 14 (Range, Content-Range).
"""

import json
import logging
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

import requests
from tqdm import tqdm
from urllib3.exceptions import HTTPError

CHUNK_BYTES = 1 << 20
TIMEOUTS_S = (10, 60)  # to connect; between two packets
BUSY_STATUSES = (408, 429, 500, 502, 503, 504)

logger = logging.getLogger(__name__)


class TransferError(Exception):
    """The address does not give the file; the message says why, not which address."""


class _RetryableError(Exception):
    """The connection broke or the server is busy: worth another attempt."""


@dataclass(frozen=True)
class RemoteVersion:
    """What tells one version of a file from another.

    Attributes:
        address: Without credentials.
        validator: The server's ETag or date; None where it gives neither, and nothing is resumed.
        n_bytes: Of the whole file; 0 where the server does not say.
    """

    address: str
    validator: str | None
    n_bytes: int


@dataclass(frozen=True)
class PartialFile:
    """The first bytes of a file and, in a note beside them, the version that they are from."""

    path: Path

    @property
    def n_bytes(self) -> int:
        """Bytes on disk; 0 before the first."""
        return self.path.stat().st_size if self.path.exists() else 0

    def begin(self, version: RemoteVersion) -> None:
        """Drop what is there and notes what comes now."""
        self.discard()
        self._note.write_text(json.dumps(asdict(version)))

    def version_to_resume(self, address: str) -> RemoteVersion | None:
        """The version to go on with; None where the file has to come from its first byte."""
        try:
            version = RemoteVersion(**json.loads(self._note.read_text()))
        except (FileNotFoundError, ValueError, TypeError):  # none, or cut short by a crash
            return None
        is_start = version.address == address and 0 < self.n_bytes <= version.n_bytes
        return version if is_start else None

    def discard(self) -> None:
        """Remove the bytes and the note."""
        self.path.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)

    @property
    def _note(self) -> Path:
        return self.path.with_name(f"{self.path.name}.json")


def resume_download(address: str, part: PartialFile, *, waits_s: Sequence[float]) -> None:
    """Complete a part.

    Args:
        address: Where the file is, http(s); redirects are followed to http(s) only.
        part: May hold the first bytes from an earlier call; after an error it holds what came.
        waits_s: Seconds to wait between attempts, for as long as they bring nothing new.

    Raises:
        TransferError: If the address does not give the whole file.
        OSError: If the part cannot be written.
    """
    waits_left_s, most_bytes = list(waits_s), 0
    while True:
        try:
            return _receive_rest(address, part)
        except _RetryableError as reason:
            if part.n_bytes > most_bytes:
                waits_left_s, most_bytes = list(waits_s), part.n_bytes
            if not waits_left_s:
                raise TransferError(f"{reason}; {len(waits_s) + 1} attempts failed") from reason
            wait_s = waits_left_s.pop(0)
            logger.warning("%s: %s; again in %g s", redact_url(address), reason, wait_s)
            time.sleep(wait_s)


def redact_url(address: str) -> str:
    """The address without user name and password, fit to be printed."""
    parts = urlsplit(address)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _receive_rest(address: str, part: PartialFile) -> None:
    version = part.version_to_resume(redact_url(address))
    if version and part.n_bytes == version.n_bytes:
        return
    with _request(address, part.n_bytes, version) as response:
        _check_status(response)
        if response.status_code == HTTPStatus.OK:
            version = _version_of(response, address)
            part.begin(version)
        elif not version or not _continues(response, part.n_bytes, version):
            part.discard()
            raise _RetryableError("the file changed on the server, or its length was wrong")
        _append(response, part, version)


def _request(address: str, n_bytes: int, version: RemoteVersion | None) -> requests.Response:
    headers = {"Accept-Encoding": "identity"}  # the file as it lies there, not packed again
    if version and version.validator:
        headers |= {"Range": f"bytes={n_bytes}-", "If-Range": version.validator}
    try:
        return requests.get(address, headers=headers, stream=True, timeout=TIMEOUTS_S)
    except (requests.ConnectionError, requests.Timeout) as error:
        raise _RetryableError(str(_first_cause(error))) from error
    except requests.RequestException as error:
        raise TransferError(str(error)) from error


def _check_status(response: requests.Response) -> None:
    answer = f"{response.status_code} {response.reason}"
    if response.status_code in BUSY_STATUSES:
        raise _RetryableError(answer)
    if response.status_code not in (
        HTTPStatus.OK,
        HTTPStatus.PARTIAL_CONTENT,
        HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
    ):
        raise TransferError(answer)


def _version_of(response: requests.Response, address: str) -> RemoteVersion:
    length = response.headers.get("Content-Length", "")
    if not length.isdecimal() and not response.raw.chunked:
        raise TransferError("the server announces no length, so a break could not be told")
    n_bytes = int(length) if length.isdecimal() else 0
    return RemoteVersion(redact_url(address), _validator_of(response), n_bytes)


def _validator_of(response: requests.Response) -> str | None:
    etag = response.headers.get("ETag")
    if etag and not etag.startswith("W/"):  # a weak one says nothing about single bytes
        return etag
    return response.headers.get("Last-Modified")


def _continues(response: requests.Response, n_bytes: int, version: RemoteVersion) -> bool:
    expected = f"bytes {n_bytes}-{version.n_bytes - 1}/{version.n_bytes}"
    same_range = response.headers.get("Content-Range") == expected
    return same_range and _validator_of(response) in (None, version.validator)


def _append(response: requests.Response, part: PartialFile, version: RemoteVersion) -> None:
    progress = tqdm(
        desc=part.path.stem,
        initial=part.n_bytes,
        total=version.n_bytes or None,
        unit="B",
        unit_scale=True,
        unit_divisor=1024,
        disable=None,
    )
    try:
        with progress, part.path.open("ab") as file:
            for chunk in response.raw.stream(CHUNK_BYTES, decode_content=False):
                file.write(chunk)
                progress.update(len(chunk))
    except HTTPError as error:
        raise _RetryableError(_received(part, version)) from error
    if version.n_bytes not in (0, part.n_bytes):
        raise _RetryableError(_received(part, version))


def _received(part: PartialFile, version: RemoteVersion) -> str:
    announced = f" of {version.n_bytes:,}" if version.n_bytes else ""
    return f"{part.n_bytes:,} bytes{announced} came"


def _first_cause(error: BaseException) -> BaseException:
    while cause := error.__cause__ or error.__context__:
        error = cause
    return error

"""Download of one file over http(s), resumed after an interruption.

A note beside the partial file records the version of its bytes (the server's ETag or date), so that
bytes of two versions of a file are never mixed.

Source: RFC 9110, section 13.1.5 (If-Range) and section 14 (Range, Content-Range).
"""

import json
import logging
import time
from dataclasses import asdict, dataclass
from http import HTTPStatus
from pathlib import Path
from ssl import SSLCertVerificationError
from urllib.parse import urlsplit

import requests
from requests.utils import get_environ_proxies, select_proxy
from tqdm import tqdm
from urllib3.exceptions import HTTPError

from keypoints.core.errors import first_line, os_error_message

BACKOFF_S = (1, 2, 4, 8)  # between attempts
CHUNK_BYTES = 1 << 20
TIMEOUTS_S = (10, 60)  # to connect; between two packets
_MAX_DIGITS = 18  # of the length of a file
BUSY_STATUSES = (408, 429, 500, 502, 503, 504)

logger = logging.getLogger(__name__)


class TransferError(Exception):
    """A source does not provide a file; the message contains the reason, not the address."""


class TemporaryError(TransferError):
    """Another attempt may succeed."""


@dataclass(frozen=True)
class RemoteVersion:
    """A version of a file on a server."""

    address: str  # without credentials
    validator: str | None  # the server's ETag or date; None precludes resuming
    n_bytes: int  # of the whole file; 0 if the server does not send it


@dataclass(frozen=True)
class PartialFile:
    """The first bytes of a file and, in a note beside them, their version."""

    path: Path

    @property
    def n_bytes(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    def start(self, version: RemoteVersion) -> None:
        """Drop the present bytes and note the version of those to come."""
        self.discard()
        self._note.write_text(json.dumps(asdict(version)), encoding="utf-8")

    def version_to_resume(self, address: str) -> RemoteVersion | None:
        """Version of the present bytes; None if the download has to start from the first byte."""
        try:
            version = RemoteVersion(**json.loads(self._note.read_text(encoding="utf-8")))
        except (FileNotFoundError, ValueError, TypeError):  # no note, or one truncated by a crash
            return None
        is_start = version.address == address and 0 < self.n_bytes <= version.n_bytes
        return version if is_start else None

    def discard(self) -> None:
        self.path.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)

    @property
    def _note(self) -> Path:
        return self.path.with_name(f"{self.path.name}.json")


def resume_download(address: str, part: PartialFile) -> None:
    """Complete a partial file; give up after several attempts in a row without new bytes.

    Only redirects to http(s) are followed.

    Raises:
        TransferError: If the address does not provide the whole file; `part` keeps what arrived.
        OSError: If the partial file cannot be written.
    """
    n_failed, most_bytes = 0, 0
    while True:
        try:
            return _receive_rest(address, part)
        except TemporaryError as error:
            if part.n_bytes > most_bytes:
                n_failed, most_bytes = 0, part.n_bytes
            if n_failed == len(BACKOFF_S):
                raise TransferError(f"{error}; {n_failed + 1} attempts failed") from error
            pause = BACKOFF_S[n_failed]
            logger.warning("%s: %s; next attempt in %g s", redact_url(address), error, pause)
            time.sleep(pause)
            n_failed += 1


def redact_url(address: str) -> str:
    """An address without user name and password."""
    try:
        parts = urlsplit(address)
    except ValueError:  # no address, but a path such as //[photos
        return address
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _receive_rest(address: str, part: PartialFile) -> None:
    version = part.version_to_resume(redact_url(address))
    if version and part.n_bytes == version.n_bytes:
        return
    with _request(address, part.n_bytes, version) as response:
        status = response.status_code
        if status == HTTPStatus.OK:
            version = _read_version(response, address)
            part.start(version)
        elif status not in (HTTPStatus.PARTIAL_CONTENT, HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE):
            kind = TemporaryError if status in BUSY_STATUSES else TransferError
            raise kind(f"{status} {response.reason}".rstrip())
        elif not version or not _continues(response, part.n_bytes, version):
            part.discard()
            raise TemporaryError("the file changed on the server, or its length was wrong")
        _append(response, part, version)


def _request(address: str, n_bytes: int, version: RemoteVersion | None) -> requests.Response:
    headers = {"Accept-Encoding": "identity"}  # the file as stored, not compressed for the transfer
    if version and version.validator:
        headers |= {"Range": f"bytes={n_bytes}-", "If-Range": version.validator}
    try:
        return requests.get(address, headers=headers, stream=True, timeout=TIMEOUTS_S)
    except (requests.ConnectionError, requests.Timeout) as error:
        cause: BaseException = error  # the deepest one: the others repeat it at length
        while deeper := cause.__cause__ or cause.__context__:
            cause = deeper
        kind = TransferError if isinstance(cause, SSLCertVerificationError) else TemporaryError
        raise kind(f"{cause}{_describe_proxy(address)}") from error
    except requests.RequestException as error:
        raise TransferError(f"{error}{_describe_proxy(address)}") from error
    except OSError as error:  # such as a missing file of certificates
        raise TransferError(os_error_message(error)) from error
    except (HTTPError, ValueError) as error:  # an address, perhaps of a redirect, that is none
        raise TransferError(f"{first_line(error)}{_describe_proxy(address)}") from error


def _describe_proxy(address: str) -> str:
    """The proxy between this machine and an address, as the end of a message; empty if none."""
    proxy = select_proxy(address, get_environ_proxies(address))
    if not proxy:
        return ""
    return (
        f" (through the proxy {redact_url(proxy)} of the environment variables HTTP_PROXY, "
        "HTTPS_PROXY and ALL_PROXY; NO_PROXY lists hosts to reach without it)"
    )


def _read_version(response: requests.Response, address: str) -> RemoteVersion:
    length = response.headers.get("Content-Length", "")
    if len(length) > _MAX_DIGITS:
        raise TransferError(f"the server sends a length of {len(length):,} digits")
    if not length.isdecimal() and not response.raw.chunked:
        raise TransferError("the server sends no length, so an interruption could not be detected")
    n_bytes = int(length) if length.isdecimal() else 0
    return RemoteVersion(redact_url(address), _read_validator(response), n_bytes)


def _read_validator(response: requests.Response) -> str | None:
    etag = response.headers.get("ETag")
    if etag and not etag.startswith("W/"):  # weak ETags do not identify the bytes
        return etag
    return response.headers.get("Last-Modified")


def _continues(response: requests.Response, n_bytes: int, version: RemoteVersion) -> bool:
    expected = f"bytes {n_bytes}-{version.n_bytes - 1}/{version.n_bytes}"
    same_range = response.headers.get("Content-Range") == expected
    return same_range and _read_validator(response) in (None, version.validator)


def _append(response: requests.Response, part: PartialFile, version: RemoteVersion) -> None:
    total = version.n_bytes or None
    error: HTTPError | None = None
    bar = {"initial": part.n_bytes, "desc": part.path.stem, "disable": None}
    with part.path.open("ab") as file, tqdm.wrapattr(file, "write", total, **bar) as counted:
        try:
            for chunk in response.raw.stream(CHUNK_BYTES, decode_content=False):
                counted.write(chunk)
        except HTTPError as interruption:
            error = interruption
    if error or part.n_bytes != (total or part.n_bytes):
        progress = f"{part.n_bytes:,} of {total:,}" if total else f"{part.n_bytes:,}"
        raise TemporaryError(f"received {progress} bytes") from error

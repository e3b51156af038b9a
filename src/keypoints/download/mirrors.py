"""Downloads: a mirror and public addresses, a digest, and never half a file under its name."""

import hashlib
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from filelock import FileLock

from keypoints.core.errors import PipelineError
from keypoints.download.http import PartialFile, TransferError, redact_url, resume_download

BACKOFF_S = (1, 2, 4, 8)

logger = logging.getLogger(__name__)


class DownloadError(PipelineError):
    """A file could not be had; the message names it, what is wrong and the ways out."""


@dataclass(frozen=True)
class Download:
    """A whole file.

    Attributes:
        path: Where it lies: among the downloads or, not copied, in a mirror folder.
        sha256: Its digest, in hex.
        origin: The address or the file that it came from, without credentials.
    """

    path: Path
    sha256: str
    origin: str


def download(
    urls: Sequence[str],
    *,
    folder: Path,
    mirror: str | None = None,
    sha256: str | None = None,
    accepts: Callable[[Path], bool] = Path.is_file,
    waits_s: Sequence[float] = BACKOFF_S,
) -> Download:
    """Bring one file from the first source that has it.

    Asked in this order: the mirror, what lies in `folder` from an earlier download, the public
    addresses. A second process that wants the same file waits for the first.

    Args:
        urls: Public http(s) addresses of the file; the last part of an address is its name.
        folder: Where downloads land; a broken one waits there, as `NAME.part`, to be resumed.
        mirror: A folder, or what an http(s) address begins with; holds files of the same names.
        sha256: The digest that the file must have, in hex; None accepts any.
        accepts: Whether a file can be what was asked for: a dead host may answer with a page.
        waits_s: Seconds between attempts at one address, for as long as they bring nothing new.

    Raises:
        DownloadError: If no source has the file, a source has another one than `sha256` says, the
            disk is full, or an address or the mirror cannot be used.
    """
    names = list(dict.fromkeys(_file_name(url) for url in urls))
    mirrored = list(_mirrored(names, mirror))
    folder.mkdir(parents=True, exist_ok=True)
    failures = []
    with FileLock(folder / f"{names[0]}.lock"):
        for source in [*mirrored, *_kept(names, folder, sha256), *urls]:
            try:
                found = _try_source(source, folder, sha256, waits_s)
                if accepts(found.path):
                    return found
                if found.path.parent == folder:
                    found.path.unlink()
                raise TransferError("what came is another kind of file, such as a page of text")
            except TransferError as error:
                shown = source if isinstance(source, Path) else redact_url(source)
                failures.append(f"{shown}: {error}")
                logger.warning(failures[-1])
    raise DownloadError(
        "\n  ".join([f"{names[0]}: no source gave it", *failures])
        + "\nSet `mirror:` in params.yaml to a folder or an address that has it,"
        + f" or put the file at {folder / names[0]} by hand."
    )


def sha256_of(path: Path) -> str:
    """Digest of a file of any size, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _file_name(address: str) -> str:
    parts = urlsplit(address)
    name = PurePosixPath(parts.path).name
    if parts.scheme not in ("http", "https") or not parts.hostname or name in ("", ".."):
        raise DownloadError(f"{redact_url(address)}: must be a file's address, http:// or https://")
    return name


def _mirrored(names: Sequence[str], mirror: str | None) -> Iterator[Path | str]:
    if mirror is None:
        return
    if mirror.startswith(("http://", "https://")):
        yield from (f"{mirror.rstrip('/')}/{name}" for name in names)
    elif Path(mirror).is_dir():
        yield from (Path(mirror) / name for name in names)
    else:
        raise DownloadError(
            "params.yaml: mirror must be null, a folder, or begin with http:// or https://;"
            f" got {redact_url(mirror)!r}"
        )


def _kept(names: Sequence[str], folder: Path, sha256: str | None) -> Iterator[Path]:
    """Earlier downloads; a file with another digest stays until the right one replaces it."""
    for path in filter(Path.is_file, (folder / name for name in names)):
        digest = sha256_of(path)
        if sha256 is None or digest == sha256.lower():
            yield path
        else:
            logger.warning("%s: sha256 must be %s; got %s: asking anew", path, sha256, digest)


def _try_source(
    source: Path | str, folder: Path, sha256: str | None, waits_s: Sequence[float]
) -> Download:
    if isinstance(source, str):
        return _fetch(source, folder, sha256, waits_s)
    try:
        digest = sha256_of(source)
    except OSError as error:
        raise TransferError(error.strerror) from error
    _check_digest(digest, sha256, str(source))
    return Download(source, digest, origin=str(source))


def _fetch(address: str, folder: Path, sha256: str | None, waits_s: Sequence[float]) -> Download:
    path = folder / _file_name(address)
    origin = redact_url(address)
    part = PartialFile(path.with_name(f"{path.name}.part"))
    try:
        resume_download(address, part, waits_s=waits_s)
    except OSError as error:
        raise DownloadError(
            f"{part.path}: {error.strerror} after {part.n_bytes:,} bytes."
            " They are kept: make room, and the next run goes on from there."
        ) from error
    digest = sha256_of(part.path)
    try:
        _check_digest(digest, sha256, origin)
        part.path.replace(path)
    finally:
        part.discard()
    return Download(path, digest, origin)


def _check_digest(digest: str, expected: str | None, origin: str) -> None:
    if expected is not None and digest != expected.lower():
        raise DownloadError(
            f"{origin}: sha256 must be {expected}; got {digest}. Use another mirror or, if the"
            " publisher changed the file, correct `sha256` in params.yaml (null accepts any)."
        )

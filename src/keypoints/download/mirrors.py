"""Lookup of a file: in the mirror, among earlier downloads, at public addresses, at Kaggle."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Self
from urllib.parse import urlsplit

from filelock import FileLock

from keypoints.config.base import Address
from keypoints.config.params import Params
from keypoints.core.errors import PipelineError, os_error_message
from keypoints.core.hashing import sha256_of
from keypoints.core.paths import expand_user, repo_root
from keypoints.download.http import PartialFile, TransferError, redact_url, resume_download
from keypoints.download.kaggle_client import Kaggle, KaggleError

logger = logging.getLogger(__name__)


class DownloadError(PipelineError):
    """A file cannot be downloaded; the message names the file, the reasons and the remedies."""


@dataclass(frozen=True)
class DownloadDirs:
    """Folders in which files are looked up and kept."""

    root: Path  # of the repository
    mirror: str | None  # folder relative to `root`, or URL prefix, with copies of files

    @classmethod
    def read(cls, params: Params) -> Self:
        return cls(repo_root(), params.read("mirror", Address | None))

    @property
    def downloads(self) -> Path:
        """Folder that keeps finished downloads."""
        return self.root / ".downloads"

    @property
    def mirror_folder(self) -> Path | None:
        """The mirror if it is a folder; None if there is none, or it is an address."""
        if self.mirror is None or _is_address(self.mirror):
            return None
        return self.root / expand_user(self.mirror)

    def keeps(self, path: Path) -> bool:
        """Whether a file is a finished download."""
        return path.is_relative_to(self.downloads)


@dataclass(frozen=True)
class Download:
    """A complete file."""

    path: Path  # in the downloads, or in the mirror folder if it is used in place
    sha256: str
    origin: str  # address or file of the source, without credentials


def find(
    names: Sequence[str],
    dirs: DownloadDirs,
    *,
    urls: Sequence[str] = (),
    competition: str = "",
    subfolder: str = "",
    sha256: str | None = None,
    problem_of: Callable[[Path], str] = lambda path: "",
) -> Download:
    """Find a file in the first source that has it.

    The sources are, in this order: the mirror folder, earlier downloads, the mirror address, the
    public addresses, Kaggle. If another process is downloading the file, wait for it.

    Args:
        names: Names of the file; a mirror may have it under any of them.
        dirs: Mirror and downloads.
        urls: Public addresses, http(s).
        competition: Slug of the Kaggle competition whose files are wanted, if any.
        subfolder: Folder among the downloads that keeps the file.
        sha256: Digest that the file must have; None accepts any.
        problem_of: Why a file is not of the wanted kind, such as an HTML page; empty if it is.

    Raises:
        DownloadError: If no source has the file, a source has one with another digest, the disk is
            full, or an address or the mirror is invalid.
        KaggleError: If Kaggle is the last source and does not provide the file.
    """
    folder = dirs.downloads / subfolder
    folder.mkdir(parents=True, exist_ok=True)
    kept = folder / Path(names[0]).name
    failures = []
    with FileLock(f"{kept}.lock"):
        for source in _iter_sources(names, dirs, urls, folder, sha256):
            try:
                return _take(source, folder, sha256, problem_of)
            except TransferError as error:
                failures.append(f"{redact_url(str(source))}: {error}")
                logger.warning(failures[-1])
        if competition:
            return _take_from_kaggle(competition, kept, sha256)
    reasons = "\n  ".join([f"{names[0]}: no source provides this file", *failures])
    raise DownloadError(
        f"{reasons}\nSet `mirror:` in params.yaml to a folder or an address that has it, or put "
        f"the file at {kept} by hand."
    )


def file_name(address: str) -> str:
    """Name of the file at an http(s) address; DownloadError if it is not the address of a file."""
    parts = urlsplit(address)
    name = PurePosixPath(parts.path).name
    if parts.scheme not in ("http", "https") or not parts.hostname or name in ("", ".."):
        raise DownloadError(f"{redact_url(address)}: must be a file's address, http:// or https://")
    return name


def _iter_sources(
    names: Sequence[str], dirs: DownloadDirs, urls: Sequence[str], folder: Path, sha256: str | None
) -> Iterator[Path | str]:
    mirror, addresses = dirs.mirror, list(urls)
    if mirror is not None and _is_address(mirror):
        addresses = [_join(mirror, name) for name in names] + addresses
    elif (folder_of_mirror := dirs.mirror_folder) is not None:
        if not folder_of_mirror.is_dir():
            raise DownloadError(
                f"params.yaml: mirror: there is no folder {redact_url(str(mirror))!r}; it must be "
                "null, a folder, or begin with http:// or https://"
            )
        yield from (spelled(folder_of_mirror, name) for name in names)
    for path in filter(Path.is_file, (folder / Path(name).name for name in names)):
        digest = sha256_of(path)
        if sha256 in (None, digest):
            yield path
        else:  # the file stays until the right one replaces it
            logger.warning("%s: sha256 must be %s; got %s: fetching it again", path, sha256, digest)
    yield from addresses


def _is_address(mirror: str) -> bool:
    return mirror.lower().startswith(("http://", "https://"))


def spelled(folder: Path, name: str) -> Path:
    """Path of a file in a folder, whose name may be in upper or lower case."""
    path = folder / name
    if path.exists():
        return path
    return next((one for one in folder.iterdir() if one.name.lower() == name.lower()), path)


def _join(mirror: str, name: str) -> str:
    """Address of a file below a mirror's address, which may have a query."""
    parts = urlsplit(mirror)
    return parts._replace(path=f"{parts.path.rstrip('/')}/{name}").geturl()


def _take(
    source: Path | str, folder: Path, sha256: str | None, problem_of: Callable[[Path], str]
) -> Download:
    if isinstance(source, str):
        found = _download(source, folder, sha256)
    else:
        try:
            found = _checked(source, sha256, str(source))
        except OSError as error:
            raise TransferError(error.strerror or str(error)) from error
        except ValueError as error:  # a path with a NUL byte
            raise TransferError(str(error)) from error
    if not (problem := problem_of(found.path)):
        return found
    if found.path.parent == folder:
        found.path.unlink()
    raise TransferError(problem)


def _download(address: str, folder: Path, sha256: str | None) -> Download:
    path = folder / file_name(address)
    part = PartialFile(path.with_name(f"{path.name}.part"))
    try:
        resume_download(address, part)
    except OSError as error:
        kept = f"; the first {part.n_bytes:,} bytes are kept" if part.n_bytes else ""
        raise DownloadError(f"{os_error_message(error, part.path)}{kept}") from error
    try:
        found = _checked(part.path, sha256, redact_url(address))
        part.path.replace(path)
    finally:
        part.discard()
    return replace(found, path=path)


def _take_from_kaggle(competition: str, path: Path, sha256: str | None) -> Download:
    try:
        received = Kaggle(competition).download(path.parent / "kaggle")
    except KaggleError as error:
        raise KaggleError(
            f"{error}\nOr put {path.name} into the mirror or into {path.parent}"
        ) from error
    received.replace(path)
    return _checked(path, sha256, f"https://www.kaggle.com/c/{competition}")


def _checked(path: Path, expected: str | None, origin: str) -> Download:
    digest = sha256_of(path)
    if expected not in (None, digest):
        raise DownloadError(
            f"{origin}: sha256 must be {expected}; got {digest}. Use another mirror or, if the"
            " publisher changed the file, correct `sha256` in params.yaml (null accepts any)."
        )
    return Download(path, digest, origin)

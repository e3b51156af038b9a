"""Unpacking of untrusted archives: completely or not at all, into one folder, within a size limit.

Symbolic links are refused even if they stay inside the folder, and hard links may refer to earlier
files only. So no member of an archive can redirect a later one out of the folder.
"""

import calendar
import gzip
import io
import os
import shutil
import stat
import struct
import tarfile
import zipfile
import zlib
from datetime import UTC, datetime
from pathlib import Path, PureWindowsPath
from typing import IO, Self

from tqdm import tqdm

from keypoints.core.errors import PipelineError

MAX_BYTES = 8 << 30
MAX_RATIO = 100  # unpacked to packed size; photos stay below 2, text below 20
RATIO_FROM_BYTES = 16 << 20  # unpacked size up to which any ratio is accepted
MAX_MEMBERS = 100_000  # files and folders; iBUG has 15,000
MAX_NAME_BYTES = 1 << 20  # of one member, with its extended attributes
CHUNK_BYTES = 1 << 20

MAGICS = {"zip": (b"PK", 0), "gzip": (b"\x1f\x8b", 0), "tar": (b"ustar", 257)}  # bytes, offset
DAMAGE = (  # raised by the standard library for damaged archives
    EOFError,
    OverflowError,
    RuntimeError,
    ValueError,
    gzip.BadGzipFile,
    struct.error,
    tarfile.TarError,
    zipfile.BadZipFile,
    zlib.error,
)


def unpack(archive: Path, into: Path, *, max_bytes: int = MAX_BYTES) -> None:
    """Unpack a zip, a tar or a gzipped tar, distinguished by content, as a new or replaced folder.

    The files are first written to `.NAME.unpacking` beside the folder, which replaces the folder
    when it is complete. Leftovers of a killed run are removed by the next one. The files may have
    at most `max_bytes` and, above 16 MiB, 100 times the size of the archive.

    Raises:
        PipelineError: If the archive is damaged, encrypted, of another format or unpacks to too
            many bytes, a member leaves the folder or is a link or a device, or a file cannot be
            written. The message names the archive and the member.
    """
    staging = into.with_name(f".{into.name}.unpacking")
    try:
        if staging.exists():
            shutil.rmtree(staging)
        whole = staging / "whole"
        whole.mkdir(parents=True)
        _unpack_members(archive, whole, max_bytes)
        if into.exists():
            into.rename(staging / "replaced")
        whole.rename(into)
    except PipelineError as error:
        raise PipelineError(f"{archive}: {error}") from error
    except DAMAGE as error:
        raise PipelineError(
            f"{archive}: damaged or not readable ({error}); delete it and fetch it again"
        ) from error
    except OSError as error:
        raise PipelineError(f"{archive}: {error.strerror}: {error.filename or into}") from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def is_archive(path: Path) -> bool:
    """Whether a file starts like a zip, a tar or a gzipped tar."""
    with path.open("rb") as file:
        return _detect_format(file) is not None


def newest_date(folder: Path) -> str:
    """Modification date (UTC, ISO 8601) of the newest unpacked file, as stored in the archive."""
    newest = max(path.stat().st_mtime for path in folder.rglob("*") if path.is_file())
    return f"{datetime.fromtimestamp(newest, UTC):%Y-%m-%d}"


def _detect_format(file: IO[bytes]) -> str | None:
    start = file.read(tarfile.BLOCKSIZE)
    file.seek(0)
    return next((name for name, (magic, at) in MAGICS.items() if start.startswith(magic, at)), None)


def _unpack_members(archive: Path, into: Path, max_bytes: int) -> None:
    n_bytes = archive.stat().st_size
    limit = min(max_bytes, max(RATIO_FROM_BYTES, MAX_RATIO * n_bytes))
    bar = {"total": n_bytes, "desc": archive.name, "disable": None}
    with archive.open("rb") as file, tqdm.wrapattr(file, "read", **bar) as counted:
        match _detect_format(file):
            case "zip":
                _unpack_zip(counted, into, limit)
            case "gzip":
                with gzip.open(counted) as unzipped:
                    _unpack_tar(unzipped, into, limit)
            case "tar":
                _unpack_tar(counted, into, limit)
            case None:
                raise PipelineError("must be a zip, a tar or a gzipped tar; got something else")


def _unpack_zip(file: IO[bytes], into: Path, limit: int) -> None:
    with zipfile.ZipFile(file) as packed:
        members = packed.infolist()
        _check_size(sum(member.file_size for member in members), limit)
        for number, member in enumerate(members, 1):
            kind = stat.S_IFMT(member.external_attr >> 16)  # 0 if zipped on Windows
            is_plain = kind in (0, stat.S_IFREG, stat.S_IFDIR)
            _check_member(member.filename, number, is_plain=is_plain)
            if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise zipfile.BadZipFile("neither stored nor deflated")
            written = packed.extract(member, into)
            seconds = calendar.timegm((*member.date_time, 0, 0, 0))  # interpreted as UTC
            os.utime(written, (seconds, seconds))


def _unpack_tar(file: io.BufferedIOBase, into: Path, limit: int) -> None:
    limited = _Limited(file, limit)
    earlier: set[str] = set()
    with tarfile.open(fileobj=limited, mode="r|", bufsize=CHUNK_BYTES, tarinfo=_Member) as packed:
        for number, member in enumerate(packed, 1):
            is_plain = member.isreg() or member.isdir() or member.islnk()
            _check_member(member.name, number, is_plain=is_plain and not member.issparse())
            if member.islnk() and member.linkname not in earlier:
                raise PipelineError(
                    f"member {member.name!r} links to {member.linkname!r}, which is not an earlier "
                    "file of the archive"
                )
            packed.extract(member, into, filter="data")
            if member.isreg():
                earlier.add(member.name)
    while limited.read(CHUNK_BYTES):
        pass  # gzip verifies its checksum at the end of the file, after the last member


def _check_member(name: str, number: int, *, is_plain: bool) -> None:
    if number > MAX_MEMBERS:
        raise PipelineError(f"more than {MAX_MEMBERS:,} files and folders")
    path = PureWindowsPath(name)  # parses both slashes, and drives
    if path.anchor or ".." in path.parts:
        raise PipelineError(f"member {name!r} would be written outside the folder")
    if not is_plain:
        raise PipelineError(
            f"member {name!r} must be a plain file or a folder, not a link or a device; pack links "
            "as files (tar --dereference)"
        )


def _check_size(n_bytes: int, limit: int) -> None:
    if n_bytes > limit:
        raise PipelineError(
            f"unpacks to more than {limit:,} bytes, like a compression bomb; the limit is "
            f"max_unpacked_gb in params.yaml, or {MAX_RATIO} times the archive's size if that is "
            "less"
        )


class _Limited(io.BufferedIOBase):
    """A stream that raises after more than a limit of bytes."""

    def __init__(self, stream: io.BufferedIOBase, limit: int) -> None:
        self.stream, self.limit, self.n_bytes = stream, limit, 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = self.stream.read(size)
        self.n_bytes += len(data)
        _check_size(self.n_bytes, self.limit)
        return data


class _Member(tarfile.TarInfo):
    """A member with a validated header: `tarfile` treats damaged headers as the archive's end."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        try:
            member = super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError as error:
            if buf.count(0) == tarfile.BLOCKSIZE:  # the regular end
                raise
            raise tarfile.ReadError(str(error)) from error
        if member.size < 0 or (member.size > MAX_NAME_BYTES and not member.isreg()):
            raise tarfile.ReadError(f"member {member.name!r} declares {member.size:,} bytes")
        return member

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

ZIP_MAGIC = b"PK"
GZIP_MAGIC = b"\x1f\x8b"
TAR_MAGIC, TAR_MAGIC_AT = b"ustar", 257
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
    """Unpack a zip, a tar or a gzipped tar, distinguished by content, into a folder.

    The files are first written to `.NAME.unpacking` beside the folder, which replaces the folder
    when it is complete. Leftovers of a killed run are removed by the next one.

    Args:
        archive: Archive to unpack.
        into: Folder to create or replace.
        max_bytes: Largest total size of the unpacked files. Above 16 MiB, the size may also be at
            most 100 times that of the archive.

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
        start = file.read(tarfile.BLOCKSIZE)
    return start.startswith((ZIP_MAGIC, GZIP_MAGIC)) or start.startswith(TAR_MAGIC, TAR_MAGIC_AT)


def newest_date(folder: Path) -> str:
    """Modification date (UTC, ISO 8601) of the newest unpacked file, as stored in the archive."""
    newest = max(path.stat().st_mtime for path in folder.rglob("*") if path.is_file())
    return f"{datetime.fromtimestamp(newest, UTC):%Y-%m-%d}"


def _unpack_members(archive: Path, into: Path, max_bytes: int) -> None:
    n_bytes = archive.stat().st_size
    limit = min(max_bytes, max(RATIO_FROM_BYTES, MAX_RATIO * n_bytes))
    with (
        archive.open("rb") as file,
        tqdm.wrapattr(file, "read", total=n_bytes, desc=archive.name, disable=None) as counted,
    ):
        start = file.read(tarfile.BLOCKSIZE)
        file.seek(0)
        if start.startswith(ZIP_MAGIC):
            _unpack_zip(archive, counted, into, limit)
        elif start.startswith(GZIP_MAGIC):
            with gzip.open(counted) as unzipped:
                _unpack_tar(archive, unzipped, into, limit)
        elif start.startswith(TAR_MAGIC, TAR_MAGIC_AT):
            _unpack_tar(archive, counted, into, limit)
        else:
            raise PipelineError(
                f"{archive}: must be a zip, a tar or a gzipped tar; got something else"
            )


def _unpack_zip(archive: Path, file: IO[bytes], into: Path, limit: int) -> None:
    with zipfile.ZipFile(file) as packed:
        members = packed.infolist()
        if sum(member.file_size for member in members) > limit:
            raise _too_big(archive, limit)
        for number, member in enumerate(members, 1):
            _check_member(archive, member.filename, number)
            if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise zipfile.BadZipFile("neither stored nor deflated")
            kind = stat.S_IFMT(member.external_attr >> 16)  # 0 where zipped on Windows
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise _unsupported_member(archive, member.filename)
            written = packed.extract(member, into)
            seconds = calendar.timegm((*member.date_time, 0, 0, 0))  # interpreted as UTC
            os.utime(written, (seconds, seconds))


def _unpack_tar(archive: Path, file: io.BufferedIOBase, into: Path, limit: int) -> None:
    limited = _Limited(archive, file, limit)
    earlier: set[str] = set()
    with tarfile.open(fileobj=limited, mode="r|", bufsize=CHUNK_BYTES, tarinfo=_Member) as packed:
        for number, member in enumerate(packed, 1):
            _check_member(archive, member.name, number)
            if member.islnk() and member.linkname not in earlier:
                raise PipelineError(
                    f"{archive}: member {member.name!r} links to {member.linkname!r},"
                    " which is not an earlier file of the archive"
                )
            if not (member.isreg() or member.isdir() or member.islnk()) or member.issparse():
                raise _unsupported_member(archive, member.name)
            packed.extract(member, into, filter="data")
            if member.isreg():
                earlier.add(member.name)
    while limited.read(CHUNK_BYTES):
        pass  # gzip verifies its checksum at the end of the file, after the last member


def _check_member(archive: Path, name: str, number: int) -> None:
    if number > MAX_MEMBERS:
        raise PipelineError(f"{archive}: more than {MAX_MEMBERS:,} files and folders")
    path = PureWindowsPath(name)  # parses both slashes, and drives
    if path.anchor or ".." in path.parts:
        raise PipelineError(f"{archive}: member {name!r} would be written outside the folder")


def _unsupported_member(archive: Path, name: str) -> PipelineError:
    return PipelineError(
        f"{archive}: member {name!r} must be a plain file or a folder, not a link or a device;"
        " pack links as files (tar --dereference)"
    )


def _too_big(archive: Path, limit: int) -> PipelineError:
    return PipelineError(
        f"{archive}: unpacks to more than {limit:,} bytes, like a compression bomb; the limit is "
        f"max_unpacked_gb in params.yaml, or {MAX_RATIO} times the archive's size if that is less"
    )


class _Limited(io.BufferedIOBase):
    """A stream that raises after more than a limit of bytes."""

    def __init__(self, archive: Path, stream: io.BufferedIOBase, limit: int) -> None:
        self.archive, self.stream, self.limit = archive, stream, limit
        self.n_bytes = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = self.stream.read(size)
        self.n_bytes += len(data)
        if self.n_bytes > self.limit:
            raise _too_big(self.archive, self.limit)
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
            raise tarfile.ReadError(f"{member.size:,} bytes announced for {member.name!r}")
        return member

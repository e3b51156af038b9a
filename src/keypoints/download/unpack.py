"""Unpacking of untrusted archives: completely or not at all, into one folder, within a size limit.

Symbolic links are refused even if they stay inside the folder, and hard links may refer to earlier
files only. So no member of an archive can redirect a later one out of the folder. Files that other
systems add to archives are left out, and backslashes separate folders.
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
from pathlib import Path
from typing import IO, Self

from tqdm import tqdm

from keypoints.core.errors import PipelineError, os_error_message
from keypoints.download.members import Members

MAX_BYTES = 8 << 30
MAX_RATIO = 100  # unpacked to packed size; photos stay below 2, text below 20
RATIO_FROM_BYTES = 16 << 20  # unpacked size up to which any ratio is accepted
MAX_NAME_BYTES = 1 << 20  # of one member, with its extended attributes
CHUNK_BYTES = 1 << 20

METHODS = {9: "Deflate64", zipfile.ZIP_BZIP2: "bzip2", zipfile.ZIP_LZMA: "LZMA", 93: "Zstandard"}
UTF8_FLAG = 1 << 11  # of a member of a zip
EARLIEST_S, LATEST_S = 315_532_800, 4_354_819_200  # 1980 and 2108, the limits of dates in a zip

VOLUME_LABEL = b"V"  # type of a member of GNU tar that is no file
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


def unpack(archive: Path, into: Path, *, max_bytes: int = MAX_BYTES) -> list[str]:
    """Unpack a zip, a tar or a gzipped tar, distinguished by content, as a new or replaced folder.

    Returns the names of the files that were left out, because another system added them.

    The files are first written to `.NAME.unpacking` beside the folder, which replaces the folder
    when it is complete. Leftovers of a killed run are removed by the next one. The files may have
    at most `max_bytes` and, above 16 MiB, 100 times the size of the archive.

    Raises:
        PipelineError: If the archive is damaged, empty, encrypted, of another format or unpacks to
            too many bytes, a member leaves the folder or is a link or a device, or a file cannot be
            written. The message names the archive and the member.
    """
    staging = into.with_name(f".{into.name}.unpacking")
    try:
        if staging.exists():
            shutil.rmtree(staging)
        whole = staging / "whole"
        whole.mkdir(parents=True)
        left_out = _unpack_members(archive, whole, max_bytes)
        if into.exists():
            into.rename(staging / "replaced")
        whole.rename(into)
        return left_out
    except PipelineError as error:
        raise PipelineError(f"{archive}: {error}") from error
    except DAMAGE as error:
        problem = str(error)
        if problem.startswith("Not a gzipped file"):  # of `gzip`; the first bytes are those of one
            problem = "other bytes follow the end of its gzip stream"
        raise PipelineError(
            f"{archive}: damaged or incomplete ({problem}); replace it by a complete copy, or "
            "delete it, so that it is fetched again"
        ) from error
    except OSError as error:
        raise PipelineError(f"{archive}: {os_error_message(error, into)}") from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def archive_problem(path: Path) -> str:
    """Why a file is no archive, whatever its name; empty if it starts like one."""
    with path.open("rb") as file:
        return "" if _detect_format(file) else _describe_start(file)


def _describe_start(file: IO[bytes]) -> str:
    return f"neither a zip nor a tar nor a gzipped tar; it begins with {file.read(16)!r}"


def newest_date(folder: Path) -> str | None:
    """Modification date (UTC, ISO 8601) of the newest unpacked file, as stored in the archive.

    None if the archive has no dates: packers then store the earliest possible one.
    """
    newest = max(path.stat().st_mtime for path in folder.rglob("*") if path.is_file())
    return f"{datetime.fromtimestamp(newest, UTC):%Y-%m-%d}" if newest > EARLIEST_S else None


def _detect_format(file: IO[bytes]) -> str | None:
    start = file.read(tarfile.BLOCKSIZE)
    file.seek(0)
    by_magic = (name for name, (magic, at) in MAGICS.items() if start.startswith(magic, at))
    return next(by_magic, "tar" if _is_tar_header(start) else None)


def _is_tar_header(block: bytes) -> bool:
    """Whether a block is the header of a member; tars of 1979's format have no magic number."""
    try:
        tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True


def _unpack_members(archive: Path, into: Path, max_bytes: int) -> list[str]:
    n_bytes = archive.stat().st_size
    limit = min(max_bytes, max(RATIO_FROM_BYTES, MAX_RATIO * n_bytes))
    bar = {"total": n_bytes, "desc": archive.name, "disable": None}
    members = Members(into)
    with archive.open("rb") as file, tqdm.wrapattr(file, "read", **bar) as counted:
        match _detect_format(file):
            case "zip":
                _unpack_zip(counted, members, limit)
            case "gzip":
                with gzip.open(counted) as unzipped:
                    _check_tar(unzipped.peek(tarfile.BLOCKSIZE)[: tarfile.BLOCKSIZE])
                    _unpack_tar(unzipped, members, limit)
            case "tar":
                _unpack_tar(counted, members, limit)
            case None:
                raise PipelineError(_describe_start(file))
    if not members.files:
        raise PipelineError("contains no files")
    return members.left_out


def _unpack_zip(file: IO[bytes], members: Members, limit: int) -> None:
    with zipfile.ZipFile(file) as packed:
        infos = packed.infolist()
        _check_size(sum(info.file_size for info in infos), limit)
        for info in infos:
            kind = stat.S_IFMT(info.external_attr >> 16)  # 0 if zipped on Windows
            is_plain = kind in (0, stat.S_IFREG, stat.S_IFDIR)
            name = info.filename = _zip_name(info)
            is_folder = name.endswith(("/", "\\"))
            target = members.add(name, is_plain=is_plain, is_folder=is_folder)
            if target is None:
                continue
            _check_readable(info)
            info.filename = f"{target}/" if is_folder else target
            written = packed.extract(info, members.folder)
            os.utime(written, (_zip_seconds(info), _zip_seconds(info)))


def _zip_name(info: zipfile.ZipInfo) -> str:
    """Name of a member; some packers write UTF-8 without the flag that marks it."""
    if info.flag_bits & UTF8_FLAG:
        return info.filename
    try:
        return info.filename.encode("cp437").decode()  # `zipfile` has decoded it from this one
    except UnicodeError:
        return info.filename


def _check_readable(info: zipfile.ZipInfo) -> None:
    name = info.filename
    if info.flag_bits & 1:
        raise PipelineError(f"member {name!r} is encrypted; pack it again without a password")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        number = info.compress_type
        raise PipelineError(
            f"member {name!r} is compressed by {METHODS.get(number, f'method {number}')}; pack it "
            "again, stored or deflated"
        )


def _zip_seconds(info: zipfile.ZipInfo) -> int:
    """Modification time of a member, interpreted as UTC; the earliest one if it is not a date."""
    try:
        return calendar.timegm(datetime(*info.date_time, tzinfo=UTC).timetuple())
    except ValueError:
        return EARLIEST_S


def _check_tar(start: bytes) -> None:
    """Reject the first block of an unzipped file that was never a tar, such as a single CSV."""
    magic, at = MAGICS["tar"]
    if len(start) < tarfile.BLOCKSIZE or start.startswith(magic, at) or not any(start):
        return
    if not _is_tar_header(start):
        raise PipelineError(f"gzipped, but not a tar: it begins with {start[:16]!r}")


def _unpack_tar(file: io.BufferedIOBase, members: Members, limit: int) -> None:
    limited = _Limited(file, limit)
    with tarfile.open(fileobj=limited, mode="r|", bufsize=CHUNK_BYTES, tarinfo=_Member) as packed:
        n_sparse_bytes = 0  # with holes, which are not read from the archive
        for member in packed:
            if member.type == VOLUME_LABEL:
                continue
            if member.issparse():
                n_sparse_bytes += max(member.size, 0)
                _check_size(n_sparse_bytes, limit)
            is_plain = member.isreg() or member.isdir() or member.islnk()
            target = members.add(member.name, is_plain=is_plain, is_folder=member.isdir())
            if target is None:
                continue
            member.name = target
            if member.islnk():
                member.linkname = members.target_of_link(target, member.linkname)
            if not EARLIEST_S <= member.mtime <= LATEST_S:  # NaN is outside as well
                member.mtime = EARLIEST_S
            packed.extract(member, members.folder, filter="data")
    while limited.read(CHUNK_BYTES):
        pass  # gzip verifies its checksum at the end of the file, after the last member


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

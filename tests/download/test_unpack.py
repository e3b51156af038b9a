"""Valid, damaged and hostile archives."""

import gzip
import io
import os
import random
import shutil
import stat
import subprocess
import tarfile
import zipfile
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from keypoints.core.errors import PipelineError
from keypoints.download.unpack import MAX_NAME_BYTES, RATIO_FROM_BYTES, newest_date, unpack

PHOTO = random.Random(0).randbytes(50_000)


def member(
    name: str, kind: bytes = tarfile.REGTYPE, link: str = "", size: int = 0
) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, link, size
    return info


def write_tar(path: Path, *members: tarfile.TarInfo, mode: str = "w:gz") -> Path:
    with tarfile.open(path, mode) as packed:
        for info in members:
            packed.addfile(info, io.BytesIO(PHOTO[: info.size]))
    return path


def write_zip(path: Path, *names: str, mode: int = stat.S_IFREG | 0o644) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name in names:
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            packed.writestr(info, PHOTO)
    return path


def good_tar(path: Path, mode: str = "w:gz") -> Path:
    folder, photo = member("set", tarfile.DIRTYPE), member("set/1.jpg", size=len(PHOTO))
    return write_tar(path, folder, photo, member("set/2.jpg", size=10), mode=mode)


def good_zip(path: Path) -> Path:
    return write_zip(path, "set/1.jpg", "set/2.jpg")


GOOD: dict[str, Callable[[Path], Path]] = {
    "faces.tar.gz": good_tar,
    "faces.tgz": good_tar,
    "faces.tar": lambda path: good_tar(path, mode="w"),
    "faces.zip": good_zip,
    "zip_named_as.tar.gz": good_zip,
    "tar_named_as.zip": good_tar,
}


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def files_in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def refuse(archive: Path, into: Path, match: str, **limits: int) -> None:
    """The error names the archive, and no file is left."""
    before = set(into.parent.rglob("*"))
    with pytest.raises(PipelineError, match=match) as error:
        unpack(archive, into, **limits)
    assert str(archive) in str(error.value)
    assert set(into.parent.rglob("*")) == before


@pytest.mark.parametrize("name", GOOD)
def test_a_valid_archive_is_unpacked_whatever_its_name(tmp_path: Path, name: str) -> None:
    archive = GOOD[name](tmp_path / name)
    unpack(archive, tmp_path / "raw" / "faces")
    assert (tmp_path / "raw" / "faces" / "set" / "1.jpg").read_bytes() == PHOTO
    assert names_in(tmp_path / "raw" / "faces" / "set") == ["1.jpg", "2.jpg"]
    assert names_in(tmp_path / "raw") == ["faces"]


def test_a_tar_without_a_magic_number_is_unpacked(tmp_path: Path) -> None:
    content = bytearray(good_tar(tmp_path / "old.zip", mode="w").read_bytes())
    while (magic := content.find(b"ustar")) >= 0:
        content[magic : magic + 8] = bytes(8)
        start = magic - 257
        content[start + 148 : start + 156] = b" " * 8
        content[start + 148 : start + 156] = b"%06o\0 " % sum(content[start : start + 512])
    (tmp_path / "old.zip").write_bytes(content)
    unpack(tmp_path / "old.zip", tmp_path / "faces")
    assert names_in(tmp_path / "faces/set") == ["1.jpg", "2.jpg"]


def test_an_old_folder_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "faces").mkdir()
    (tmp_path / "faces" / "old.jpg").touch()
    (tmp_path / ".faces.unpacking" / "whole").mkdir(parents=True)
    (tmp_path / ".faces.unpacking" / "whole" / "half.jpg").touch()  # left by a killed run
    unpack(good_tar(tmp_path / "faces.tar.gz"), tmp_path / "faces")
    assert names_in(tmp_path / "faces") == ["set"]
    assert names_in(tmp_path) == ["faces", "faces.tar.gz"]


def test_an_old_folder_stays_if_the_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "faces").mkdir()
    (tmp_path / "faces" / "old.jpg").touch()
    refuse(write_tar(tmp_path / "faces.tgz", member("../x")), tmp_path / "faces", "outside")
    assert names_in(tmp_path / "faces") == ["old.jpg"]


@pytest.mark.parametrize("name", GOOD)
@pytest.mark.parametrize("kept", [0.0, 0.001, 0.3, 0.7, 0.99])
def test_a_truncated_archive_is_refused(tmp_path: Path, name: str, kept: float) -> None:
    archive = GOOD[name](tmp_path / name)
    os.truncate(archive, int(archive.stat().st_size * kept))
    if name == "faces.tar" and kept == 0.99:
        os.truncate(archive, 512 + 512 + 50_176)  # exactly where the next member would start
    refuse(archive, tmp_path / "faces", "damaged|neither a zip")


@pytest.mark.parametrize("name", ["faces.tar.gz", "faces.zip"])
def test_one_changed_byte_is_detected(tmp_path: Path, name: str) -> None:
    archive = GOOD[name](tmp_path / name)
    content = bytearray(archive.read_bytes())
    content[25_000] ^= 1
    archive.write_bytes(content)
    refuse(archive, tmp_path / "faces", "damaged")


@pytest.mark.parametrize("at", [0, 512 + 512 + 50_176])
def test_a_damaged_tar_header_is_not_taken_for_the_end(tmp_path: Path, at: int) -> None:
    archive = good_tar(tmp_path / "faces.tar", mode="w")
    content = bytearray(archive.read_bytes())
    content[at] ^= 1
    archive.write_bytes(content)
    refuse(archive, tmp_path / "faces", "bad checksum")


@pytest.mark.parametrize("name", ["faces.tar.gz", "faces.tar", "faces.zip"])
def test_random_damage_yields_files_or_our_own_error(tmp_path: Path, name: str) -> None:
    rng = random.Random(0)
    archive = GOOD[name](tmp_path / name)
    good = archive.read_bytes()
    headers = [*range(1100), *range(len(good) - 400, len(good))]  # both ends: formats differ
    n_refused = 0
    for _ in range(200):
        damaged = bytearray(good)
        for at in rng.sample(headers, k=3):
            damaged[at] = rng.randrange(256)
        archive.write_bytes(damaged)
        try:
            unpack(archive, tmp_path / "faces")
        except PipelineError:
            n_refused += 1
    assert n_refused > 50
    assert set(names_in(tmp_path)) <= {name, "faces"}


@pytest.mark.parametrize("name", ["../out.jpg", "set/../../out.jpg", "/tmp/out.jpg", "..\\out.jpg"])
@pytest.mark.parametrize("write", [lambda path, name: write_tar(path, member(name)), write_zip])
def test_names_that_leave_the_folder_are_refused(
    tmp_path: Path, name: str, write: Callable[[Path, str], Path]
) -> None:
    archive = write(tmp_path / "archive", name)
    refuse(archive, tmp_path / "faces", "member '.*out.jpg' would be written outside")


@pytest.mark.parametrize(
    "kind",
    [
        member("set/odd", tarfile.SYMTYPE, "../../outside"),
        member("set/odd", tarfile.SYMTYPE, "/etc/hostname"),
        member("set/odd", tarfile.SYMTYPE, "2.jpg"),
        member("set/odd", tarfile.CHRTYPE),
        member("set/odd", tarfile.BLKTYPE),
        member("set/odd", tarfile.FIFOTYPE),
        member("set/odd", b"?"),
    ],
    ids=["link outside", "absolute link", "link inside", "character", "block", "pipe", "unknown"],
)
def test_tar_members_that_are_not_plain_files_are_refused(
    tmp_path: Path, kind: tarfile.TarInfo
) -> None:
    archive = write_tar(tmp_path / "faces.tgz", member("set/1.jpg", size=9), kind)
    refuse(archive, tmp_path / "faces", "member 'set/odd' must be a plain file or a folder")


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFIFO])
def test_zip_members_that_are_not_plain_files_are_refused(tmp_path: Path, kind: int) -> None:
    archive = write_zip(tmp_path / "faces.zip", "odd", mode=kind | 0o777)
    refuse(archive, tmp_path / "faces", "member 'odd' must be a plain file or a folder")


@pytest.mark.parametrize("target", ["../outside.jpg", "/etc/hostname", "later.jpg"])
def test_hard_links_to_anything_but_an_earlier_file_are_refused(
    tmp_path: Path, target: str
) -> None:
    (tmp_path / "outside.jpg").touch()
    link = member("set/odd", tarfile.LNKTYPE, target)
    archive = write_tar(tmp_path / "faces.tgz", link, member("later.jpg"))
    refuse(archive, tmp_path / "faces", f"member 'set/odd' links to '{target}'")


def test_a_hard_link_to_an_earlier_file_is_unpacked(tmp_path: Path) -> None:
    link = member("twin.jpg", tarfile.LNKTYPE, "1.jpg")
    unpack(write_tar(tmp_path / "faces.tgz", member("1.jpg", size=9), link), tmp_path / "faces")
    assert (tmp_path / "faces" / "twin.jpg").read_bytes() == PHOTO[:9]


@pytest.mark.parametrize("name", GOOD)
def test_more_bytes_than_the_limit_are_refused(tmp_path: Path, name: str) -> None:
    archive = GOOD[name](tmp_path / name)
    refuse(archive, tmp_path / "faces", "more than 40,000 bytes", max_bytes=40_000)


@pytest.mark.parametrize("place", ["member", "tail", "zip"])
def test_a_compression_bomb_is_refused_before_it_fills_the_disk(tmp_path: Path, place: str) -> None:
    blanks = bytes(RATIO_FROM_BYTES + 1)  # 1000 : 1
    path = tmp_path / "bomb"
    if place == "zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
            packed.writestr("bomb", blanks)
    else:
        header = member("bomb", size=len(blanks) if place == "member" else 0).tobuf()
        path.write_bytes(gzip.compress(header + blanks))
    refuse(path, tmp_path / "faces", "more than 16,777,216 bytes")


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE])
def test_a_name_as_long_as_a_file_is_not_read(tmp_path: Path, kind: bytes) -> None:
    size = MAX_NAME_BYTES + 1
    archive = tmp_path / "faces.tar"
    archive.write_bytes(member("long", kind, size=size).tobuf() + bytes(size + 2048))
    refuse(archive, tmp_path / "faces", "member 'long' declares 1,048,577 bytes")


def test_a_file_of_holes_is_refused(tmp_path: Path) -> None:
    sparse = member("holes", size=0)
    sparse.pax_headers = {"GNU.sparse.size": str(1 << 50), "GNU.sparse.map": "0,0"}
    archive = write_tar(tmp_path / "faces.tgz", sparse)
    refuse(archive, tmp_path / "faces", "unpacks to more than 16,777,216 bytes")


@pytest.mark.parametrize("format_", ["gnu", "posix"])
@pytest.mark.skipif(shutil.which("tar") is None, reason="needs tar")
def test_files_with_holes_are_read_and_a_label_is_ignored(tmp_path: Path, format_: str) -> None:
    content = bytes(1 << 20) + PHOTO + bytes(1 << 20)
    (tmp_path / "set").mkdir()
    with (tmp_path / "set/1.jpg").open("wb") as file:
        file.seek(1 << 20)
        file.write(PHOTO)
        file.truncate(len(content))
    archive = tmp_path / "faces.tar"
    command = ["tar", f"--format={format_}", "-S", "-V", "label", "-cf", str(archive), "set"]
    if subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode:
        pytest.skip("not GNU tar")
    assert archive.stat().st_size < 1 << 20
    assert unpack(archive, tmp_path / "faces") == []
    assert (tmp_path / "faces/set/1.jpg").read_bytes() == content
    assert files_in(tmp_path / "faces") == [tmp_path / "faces/set/1.jpg"]


def test_an_encrypted_zip_is_refused(tmp_path: Path) -> None:
    archive = good_zip(tmp_path / "faces.zip")
    content = bytearray(archive.read_bytes())
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    archive.write_bytes(content)
    refuse(archive, tmp_path / "faces", "encrypted")


@pytest.mark.parametrize("content", [b"", b"<html>404</html>", PHOTO])
def test_a_file_that_is_no_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "faces.tar.gz").write_bytes(content)
    refuse(
        tmp_path / "faces.tar.gz", tmp_path / "faces", "neither a zip nor a tar nor a gzipped tar"
    )


def test_unpacked_files_are_readable_whatever_their_mode(tmp_path: Path) -> None:
    unreadable = member("1.jpg", size=9)
    unreadable.mode = 0
    unpack(write_tar(tmp_path / "faces.tgz", unreadable), tmp_path / "faces")
    assert (tmp_path / "faces" / "1.jpg").stat().st_mode & stat.S_IRUSR


def test_a_missing_archive_is_named(tmp_path: Path) -> None:
    refuse(tmp_path / "faces.zip", tmp_path / "faces", "No such file")


WRITERS = [lambda path, *names: write_tar(path, *map(member, names)), write_zip]
JUNK = [
    "._1.jpg",
    "set/._1.jpg",
    "__MACOSX/set/._1.jpg",
    ".DS_Store",
    "set\\Thumbs.db",
    "Set/DESKTOP.INI",
    "set/Icon\r",
    "set/1.jpg:Zone.Identifier",
    "@eaDir/1.jpg",
]


@pytest.mark.parametrize("name", JUNK)
@pytest.mark.parametrize("write", WRITERS)
def test_files_that_other_systems_add_are_left_out_and_named(
    tmp_path: Path, name: str, write: Callable[..., Path]
) -> None:
    archive = write(tmp_path / "archive", "set/1.jpg", name)
    assert unpack(archive, tmp_path / "faces") == [name]
    assert files_in(tmp_path / "faces") == [tmp_path / "faces" / "set" / "1.jpg"]


@settings(max_examples=30)
@given(
    st.lists(
        st.sampled_from(["1.jpg", "a/2.JPG", "a\\b\\3.asf", "c/4.csv"]), min_size=1, unique=True
    ),
    st.lists(st.sampled_from(["._1.jpg", "a/.DS_Store", "__MACOSX/a/2.JPG", "A\\thumbs.DB"])),
    st.randoms(use_true_random=False),
    st.sampled_from(WRITERS),
)
def test_junk_between_the_members_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory,
    names: list[str],
    junk: list[str],
    rng: random.Random,
    write: Callable[..., Path],
) -> None:
    folder = tmp_path_factory.mktemp("archive")
    members = rng.sample([*names, *dict.fromkeys(junk)], k=len(names) + len(set(junk)))
    left_out = unpack(write(folder / "archive", *members), folder / "files")
    found = {path.relative_to(folder / "files").as_posix() for path in files_in(folder / "files")}
    assert found == {name.replace("\\", "/") for name in names}
    assert sorted(left_out) == sorted(set(junk))


def test_a_hostile_name_is_refused_even_if_it_looks_like_junk(tmp_path: Path) -> None:
    archive = write_zip(tmp_path / "faces.zip", "../__MACOSX/._1.jpg")
    refuse(archive, tmp_path / "faces", "would be written outside")


@pytest.mark.parametrize("write", WRITERS)
def test_backslashes_separate_folders(tmp_path: Path, write: Callable[..., Path]) -> None:
    unpack(write(tmp_path / "archive", "set\\deep\\1.jpg"), tmp_path / "faces")
    assert (tmp_path / "faces" / "set" / "deep" / "1.jpg").is_file()


def test_the_folder_itself_may_be_a_member(tmp_path: Path) -> None:
    unpack(write_zip(tmp_path / "a.zip", "/", "./", "1.jpg"), tmp_path / "faces")
    assert names_in(tmp_path / "faces") == ["1.jpg"]


def test_a_name_that_is_not_utf8_is_read_as_latin1(tmp_path: Path) -> None:
    names = [os.fsdecode(b"gr\xfc.jpg"), "\xfc.jpg"]
    archive = write_tar(tmp_path / "a.tar", *(member(name, size=10) for name in names))
    unpack(archive, tmp_path / "faces")
    assert names_in(tmp_path / "faces") == ["gr\xfc.jpg", "\xfc.jpg"]


@pytest.mark.parametrize("encoding", ["utf-8", "cp437"])
def test_a_name_in_a_zip_may_be_utf8_without_the_flag(tmp_path: Path, encoding: str) -> None:
    archive = write_zip(tmp_path / "a.zip", "gr__.jpg")
    name = "gr\xfc.jpg".encode(encoding).rjust(8, b"_")
    archive.write_bytes(archive.read_bytes().replace(b"gr__.jpg", name))
    unpack(archive, tmp_path / "faces")
    assert names_in(tmp_path / "faces") == [name.decode(encoding)]


def test_bytes_after_the_end_of_a_gzip_stream_are_named(tmp_path: Path) -> None:
    archive = good_tar(tmp_path / "faces.tar.gz")
    archive.write_bytes(archive.read_bytes() + b"<html>")
    refuse(archive, tmp_path / "faces", "other bytes follow the end of its gzip stream")


def test_a_folder_of_a_zip_may_end_with_a_backslash(tmp_path: Path) -> None:
    unpack(write_zip(tmp_path / "faces.zip", "set\\", "set\\1.jpg"), tmp_path / "faces")
    assert (tmp_path / "faces" / "set" / "1.jpg").is_file()


def test_two_members_with_one_path_are_refused(tmp_path: Path) -> None:
    archive = write_zip(tmp_path / "faces.zip", "set/1.jpg", "set\\1.jpg")
    refuse(
        archive, tmp_path / "faces", r"members 'set/1\.jpg' and 'set.*1\.jpg' have the same path"
    )


@pytest.mark.parametrize("write", [write_tar, write_zip])
def test_an_archive_without_files_is_refused(tmp_path: Path, write: Callable[..., Path]) -> None:
    refuse(write(tmp_path / "archive"), tmp_path / "faces", "contains no files")


def test_a_gzipped_file_that_is_no_tar_is_named(tmp_path: Path) -> None:
    (tmp_path / "training.csv.gz").write_bytes(gzip.compress(b"left_eye_center_x," * 99))
    refuse(tmp_path / "training.csv.gz", tmp_path / "faces", "not a tar: it begins with b'left_eye")


def test_another_compression_is_named(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "faces.zip", "w", zipfile.ZIP_BZIP2) as packed:
        packed.writestr("1.jpg", PHOTO)
    refuse(tmp_path / "faces.zip", tmp_path / "faces", "compressed by bzip2; pack it again")


@given(date=st.tuples(*(st.integers(0, limit) for limit in (127, 15, 31, 31, 63, 31))))
@example(date=(0, 0, 0, 0, 0, 0))
def test_every_date_of_a_zip_is_accepted(
    tmp_path_factory: pytest.TempPathFactory, date: tuple[int, ...]
) -> None:
    """The fields of a date in MS-DOS format, of which many are no dates, such as month 0."""
    folder = tmp_path_factory.mktemp("date")
    info = zipfile.ZipInfo("1.jpg")
    info.date_time = (1980 + date[0], *date[1:5], 2 * date[5])
    with zipfile.ZipFile(folder / "faces.zip", "w") as packed:
        packed.writestr(info, b"")
    unpack(folder / "faces.zip", folder / "faces")
    try:
        expected = datetime(*info.date_time)
    except ValueError:
        assert newest_date(folder / "faces") is None
    else:
        found = newest_date(folder / "faces") or "1980-01-01"
        assert found == f"{expected:%Y-%m-%d}"


@pytest.mark.parametrize("seconds", ["nan", "-1", "0", "1e300", "inf"])
def test_a_time_of_a_tar_that_is_no_date_is_not_known(tmp_path: Path, seconds: str) -> None:
    info = member("1.jpg")
    info.pax_headers = {"mtime": seconds}
    unpack(write_tar(tmp_path / "faces.tgz", info), tmp_path / "faces")
    assert newest_date(tmp_path / "faces") is None

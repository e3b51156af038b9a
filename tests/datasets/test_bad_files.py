"""Bad photos, annotations and archives on their way through the stages, each in this process.

A case damages one thing of a small public set. The stage that must stop says in one message which
file it was, what is wrong and the way out, exits 1 and leaves nothing behind.
"""

import gzip
import os
import shutil
import socket
import stat
import struct
import tarfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from stages import ARCHIVES, ROOT, Stages

from keypoints.crops.store import CropStore

FACE, PHOTO = "01-1m.asf", "01-1m.jpg"
TRAIN = "labels_ibug_300W_train.xml"
MIB = 1 << 20

Damage = Callable[[Path], None]


@pytest.fixture
def stages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stages:
    return Stages(tmp_path, monkeypatch)


@pytest.fixture
def imm(tmp_path_factory: pytest.TempPathFactory, rendered_imm: Path) -> Path:
    """Two faces of IMM, to be damaged."""
    folder = tmp_path_factory.mktemp("imm_files")
    for path in rendered_imm.rglob("01-[12]?.*"):
        shutil.copy(path, folder / f"{path.stem[:4]}m{path.suffix}")
    for path in folder.glob("*.asf"):
        host = path.read_text().rstrip().rsplit("\n", 1)[-1]
        path.write_text(path.read_text().replace(host, f"{path.stem}.jpg"))
    return folder


@pytest.fixture
def ibug(tmp_path_factory: pytest.TempPathFactory, rendered_ibug: Path) -> Path:
    folder = tmp_path_factory.mktemp("ibug_files") / "set"
    return shutil.copytree(next(rendered_ibug.rglob(TRAIN)).parent, folder)


def chunk(kind: bytes, data: bytes) -> bytes:
    length, digest = struct.pack(">I", len(data)), struct.pack(">I", zlib.crc32(kind + data))
    return length + kind + data + digest


def png_header(width: int, height: int) -> bytes:
    """A PNG that has no more than the size that it claims."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"")


def photo(content: Callable[[Path], bytes]) -> Damage:
    def damage(files: Path) -> None:
        (files / PHOTO).write_bytes(content(files / PHOTO))

    return damage


def photo_is_folder(files: Path) -> None:
    (files / PHOTO).unlink()
    (files / PHOTO).mkdir()


def one_pixel(files: Path) -> None:
    Image.new("RGB", (1, 1)).save(files / PHOTO)


def asf(old: str, new: str) -> Damage:
    """Another text in the shape file; `X` there is the x of its first point."""

    def damage(files: Path) -> None:
        text = (files / FACE).read_text()
        first_x = next(line for line in text.split("\n") if line.startswith("0 ")).split("\t")[2]
        assert old.replace("X", first_x) in text
        changed = text.replace(old.replace("X", first_x), new, 1)
        (files / FACE).write_text(changed, encoding="latin-1", newline="")

    return damage


def point_less(files: Path) -> None:
    lines = (files / FACE).read_text().split("\n")
    lines.remove(next(line for line in lines if line.startswith("0 ")))
    (files / FACE).write_text("\n".join(lines))


def point_more(files: Path) -> None:
    lines = (files / FACE).read_text().split("\n")
    first = next(line for line in lines if line.startswith("0 "))
    lines.insert(lines.index(first), first)
    (files / FACE).write_text("\n".join(lines))


def xml(old: str, new: str) -> Damage:
    def damage(files: Path) -> None:
        text = (files / TRAIN).read_text(encoding="latin-1")
        assert old in text
        (files / TRAIN).write_text(text.replace(old, new, 1), encoding="latin-1")

    return damage


def declared(entity: str) -> Damage:
    return xml("<dataset>", f"<!DOCTYPE dataset [{entity}]>\n<dataset>")


def second_box(files: Path) -> None:
    box = "<box top='1' left='1' width='9' height='9'/>"
    xml("    </box>\n", f"    </box>\n{box}\n")(files)


def first_photo(files: Path) -> str:
    return (files / TRAIN).read_text(encoding="latin-1").split("<image file='")[1].split("'")[0]


def other_file(name: str) -> Damage:
    return lambda files: xml(f"file='{first_photo(files)}'", f"file='{name}'")(files)


def same_photo_twice(files: Path) -> None:
    second = (files / TRAIN).read_text(encoding="latin-1").split("<image file='")[2].split("'")[0]
    xml(f"file='{second}'", f"file='./{first_photo(files)}'")(files)


def attribute(element: str, key: str, value: str | None) -> Damage:
    def damage(files: Path) -> None:
        text = (files / TRAIN).read_text(encoding="latin-1")
        start = text.index(f"<{element} ")
        end = text.index(">", start)
        whole = text[start:end]
        old = whole[whole.index(f"{key}='") :].split("'")[1]
        xml(whole, whole.replace(f"{key}='{old}'", "" if value is None else f"{key}='{value}'", 1))(
            files
        )

    return damage


def blanks(files: Path) -> None:
    """2 MB of them, where reading stops at the first, however many follow."""
    text = (files / TRAIN).read_bytes().replace(b"<images>", b"<images>" + b" " * 2 * MIB, 1)
    (files / TRAIN).write_bytes(text)


PHOTOS: dict[str, tuple[Damage, str]] = {
    "truncated": (photo(lambda path: path.read_bytes()[:-2000]), "not a whole photo"),
    "text": (photo(lambda path: b"<html>404</html>"), "not a photo"),
    "empty": (photo(lambda path: b""), "not a photo"),
    "1 x 1": (one_pixel, "1 x 1 px, where a photo has 8 px at least"),
    "30,000 x 30,000": (photo(lambda path: png_header(30_000, 30_000)), "30,000 x 30,000 px"),
    "missing": (lambda files: (files / PHOTO).unlink(), "missing"),
    "folder": (photo_is_folder, "cannot be read (Is a directory)"),
}
SHAPES: dict[str, tuple[Damage, str]] = {
    "fewer points": (point_less, "57 points where the IMM scheme has 58"),
    "more points": (point_more, "59 points where the IMM scheme has 58"),
    "count line": (asf("\n58\n", "\n57\n"), "57 points where the IMM scheme has 58"),
    "endless count": (asf("\n58\n", f"\n{'9' * 5000}\n"), "no line with the number of points"),
    "not a number": (asf("X", "nan"), "should be in 0..1"),
    "infinite": (asf("X", "inf"), "should be in 0..1"),
    "beyond 1": (asf("X", "1.25"), "should be in 0..1"),
    "below 0": (asf("X", "-0.25"), "should be in 0..1"),
    "commas": (asf("X", "0,5"), "should be numbers"),
    "host elsewhere": (asf(f"\n{PHOTO}", f"\n../{PHOTO}"), "should name a photo beside it"),
    "host of zeros": (asf(f"\n{PHOTO}", "\n\0.jpg"), "should name a photo beside it"),
    "too long": (asf("#", "#" * 2 * MIB), "more than 1,048,576 bytes"),
}
LISTS: dict[str, tuple[Damage, str]] = {
    "cut short": (xml("</dataset>", ""), "not well-formed XML"),
    "entity bomb": (declared("<!ENTITY a 'aa'><!ENTITY b '&a;&a;'>"), "a document type (dataset)"),
    "external entity": (declared("<!ENTITY a SYSTEM 'file:///etc/passwd'>"), "a document type"),
    "undeclared entity": (xml("<images>", "<images>&a;"), "undefined entity"),
    "missing attribute": (attribute("box", "left", None), "box left should be a number"),
    "negative box": (attribute("box", "width", "-5"), "a box of -5 x"),
    "zero box": (attribute("box", "height", "0"), "x 0 px"),
    "endless box": (attribute("box", "width", "1e300"), "up to 1,000,000 px; got '1e300'"),
    "infinite part": (attribute("part", "x", "inf"), "part x should be a number"),
    "two boxes": (second_box, "2 boxes where each photo has one"),
    "unknown part": (attribute("part", "name", "68"), "named 00 to 67"),
    "missing part": (xml("<part name='00'", "<spot name='00'"), "67 points where the iBUG scheme"),
    "blanks": (blanks, "without an end of an image's entry"),
    "above the folder": (other_file("../../photo.jpg"), "should lie below the list"),
    "absolute": (other_file("/etc/passwd.jpg"), "should lie below the list"),
    "of a drive": (other_file("C:\\photo.jpg"), "should lie below the list"),
    "above, in Windows": (other_file("..\\photo.jpg"), "should lie below the list"),
    "nameless": (other_file("."), "should lie below the list"),
    "twice": (same_photo_twice, "is listed twice"),
}


@pytest.mark.parametrize("case", [*PHOTOS, *SHAPES])
def test_bad_files_of_imm_stop_the_fetch(stages: Stages, imm: Path, case: str) -> None:
    damage, rule = (PHOTOS | SHAPES)[case]
    damage(imm)
    stages.pack("imm", imm)
    file = PHOTO if case in PHOTOS else FACE
    stages.refuse("fetch", "imm", f"data/raw/imm/set/{file}: ", rule, ARCHIVES["imm"], "`mirror:`")


@pytest.mark.parametrize("case", LISTS)
def test_bad_lists_of_ibug_stop_the_fetch(stages: Stages, ibug: Path, case: str) -> None:
    damage, rule = LISTS[case]
    damage(ibug)
    stages.pack("ibug", ibug)
    named = f"data/raw/ibug/set/{TRAIN}: "
    stages.refuse("fetch", "ibug", named, rule, ARCHIVES["ibug"], "`mirror:`")


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def add(member: tarfile.TarInfo) -> Damage:
    def damage(archive: Path) -> None:
        with tarfile.open(archive, "a") as packed:
            packed.addfile(member)

    return damage


def bomb(archive: Path) -> None:
    """1000 : 1."""
    header = tarfile.TarInfo("bomb")
    header.size = 32 * MIB
    archive.write_bytes(gzip.compress(header.tobuf() + bytes(header.size), compresslevel=1))


def other_layout(archive: Path) -> None:
    with tarfile.open(archive, "w") as packed:
        packed.add(ROOT / "README.md", arcname="set/README.md")


PACKED: dict[str, tuple[Damage, str]] = {
    "truncated": (lambda archive: os.truncate(archive, 20_000), "damaged or not readable"),
    "above": (add(tarfile.TarInfo("../out.jpg")), "'../out.jpg' would be written outside"),
    "absolute": (add(tarfile.TarInfo("/out.jpg")), "'/out.jpg' would be written outside"),
    "link outside": (add(link("out", "../../out")), "not a link or a device"),
    "hard link": (add(link("out", "/etc/passwd", tarfile.LNKTYPE)), "is no earlier file"),
    "device": (add(link("null", "", tarfile.CHRTYPE)), "not a link or a device"),
    "bomb": (bomb, "as a compression bomb would; the limit is max_unpacked_gb in params.yaml"),
    "other layout": (other_layout, "no .asf file below it"),
}


@pytest.mark.parametrize("case", PACKED)
def test_bad_archives_stop_the_fetch(stages: Stages, imm: Path, case: str) -> None:
    damage, rule = PACKED[case]
    damage(stages.pack("imm", imm))
    stages.refuse("fetch", "imm", ARCHIVES["imm"], rule)


def test_another_digest_or_more_bytes_than_the_settings_say_stop_the_fetch(
    stages: Stages, imm: Path
) -> None:
    archive = stages.pack("imm", imm)
    public = {"source": "public", "mirror": "mirror"}
    stages.set_params(public | {"downloads.imm.sha256": "0" * 64})
    stages.refuse("fetch", "imm", archive.name, "sha256 must be 000", "Use another mirror")
    stages.set_params(public | {"downloads.imm.max_unpacked_gb": 1e-5})
    stages.refuse("fetch", "imm", archive.name, "more than 10,000 bytes", "max_unpacked_gb")


def test_an_external_entity_opens_no_connection(stages: Stages, ibug: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0)
        address = f"http://127.0.0.1:{server.getsockname()[1]}/list.dtd"
        xml("<dataset>", f"<!DOCTYPE dataset SYSTEM '{address}'>\n<dataset>")(ibug)
        stages.pack("ibug", ibug)
        stages.refuse("fetch", "ibug", TRAIN, "a document type")
        with pytest.raises(BlockingIOError):
            server.accept()


LATER: dict[str, tuple[Damage, str]] = {
    "text": (PHOTOS["text"][0], "not a photo"),
    "30,000 x 30,000": (PHOTOS["30,000 x 30,000"][0], "30,000 x 30,000 px"),
    "missing": (PHOTOS["missing"][0], "missing"),
    "points": (point_less, "57 points where the IMM scheme has 58"),
}


@pytest.mark.parametrize("case", LATER)
def test_files_that_went_bad_after_the_fetch_stop_prepare(
    stages: Stages, imm: Path, case: str
) -> None:
    damage, rule = LATER[case]
    damage(imm)
    shutil.copytree(imm, "data/raw/imm")
    file = FACE if case == "points" else PHOTO
    stages.refuse("prepare", "nose", f"data/raw/imm/{file}: ", rule, "Run fetch@imm again")


def test_a_photo_that_cannot_be_opened_stops_prepare(stages: Stages, imm: Path) -> None:
    raw = shutil.copytree(imm, Path("data/raw/imm"))
    (raw / PHOTO).unlink()
    (raw / PHOTO).symlink_to(PHOTO)  # a link to itself: no user can open it
    stages.refuse("prepare", "nose", f"{PHOTO}: cannot be read", "Run fetch@imm again")
    (raw / PHOTO).unlink()
    shutil.copy(imm / PHOTO, raw)
    if os.geteuid() != 0:  # who may read everything
        (raw / PHOTO).chmod(0)
        stages.refuse("prepare", "nose", f"{PHOTO}: cannot be read (Permission denied)")


def test_a_box_larger_than_any_photo_stops_prepare(stages: Stages, ibug: Path) -> None:
    attribute("box", "width", "90000")(ibug)
    shutil.copytree(ibug, "data/raw/ibug")
    stages.refuse("prepare", "wild", Path(first_photo(ibug)).name, "px around it", "fetch@ibug")


def kept(path: Path) -> dict[str, Callable[[Path], None]]:
    """Unusual photos of the same pixels, as each is written."""
    with Image.open(path) as opened:
        photo = opened.convert("RGB")
    grey16 = Image.fromarray(np.asarray(photo.convert("L")).astype(np.uint16) * 257)
    turned = Image.Exif()
    turned[0x0112] = 6  # the camera was turned to the right
    alpha = photo.convert("RGBA")
    alpha.putalpha(9)
    return {
        "as it was": lambda to: photo.save(to, "PNG"),
        "16 bits": lambda to: grey16.save(to, "PNG"),
        "palette": lambda to: photo.quantize(256).save(to, "PNG"),
        "CMYK": lambda to: photo.convert("CMYK").save(to, "JPEG", quality=98),
        "alpha": lambda to: alpha.save(to, "PNG"),
        "turned by EXIF": lambda to: photo.save(to, "PNG", exif=turned),
        "Windows and Latin-1": lambda to: photo.save(to, "PNG"),
    }


def test_unusual_photos_and_line_ends_are_read_in_the_frame_of_the_annotations(
    stages: Stages, imm: Path
) -> None:
    crops, landmarks = {}, {}
    for name, save in kept(imm / PHOTO).items():
        save(imm / PHOTO)
        if name == "Windows and Latin-1":
            text = "# Lyngby, Sj\xe6lland\x85\n" + (imm / FACE).read_text()
            (imm / FACE).write_text(text, encoding="latin-1", newline="\r\n")
        stages.pack("imm", imm)
        assert stages.run("fetch", "imm") == ""
        assert stages.run("prepare", "nose") == ""
        with CropStore(Path("data/crops/nose")) as store:
            crops[name], landmarks[name] = store.crop(0).astype(int), store.landmarks_photo[0]
    for name in crops:
        tolerance = {"palette": 12, "CMYK": 4}.get(name, 2)  # of 255
        assert np.abs(crops[name] - crops["as it was"]).max() <= tolerance, name
        np.testing.assert_array_equal(landmarks[name], landmarks["as it was"])


def test_modes_that_forbid_reading_do_not_come_out_of_an_archive(stages: Stages, imm: Path) -> None:
    (imm / PHOTO).chmod(0)
    stages.pack("imm", imm)
    assert stages.run("fetch", "imm") == ""
    assert Path("data/raw/imm/set", PHOTO).stat().st_mode & stat.S_IRUSR

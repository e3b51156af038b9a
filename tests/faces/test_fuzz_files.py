"""Files with random damage: readers return valid faces or raise their own error, within bounds.

Seeds are small and valid. A damage flips, cuts, inserts, doubles or removes pieces, or puts words
of the format in wrong places. 2,000 damaged files per format, the same in every run.
"""

import io
import random
import resource
import shutil
import sys
import tarfile
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image

from keypoints.core.errors import PipelineError
from keypoints.core.landmarks import KAGGLE_15, KAGGLE_15_COLUMNS
from keypoints.core.lookup_table import LOOKUP_TABLE
from keypoints.datasets.ibug import TEST_LISTS, TRAIN_LIST, read_ibug
from keypoints.datasets.imm import read_imm
from keypoints.datasets.kaggle15 import read_kaggle15, write_photos
from keypoints.download.unpack import unpack
from keypoints.faces.dlib_xml import MAX_ENTRY_BYTES
from keypoints.faces.face import FormatError
from keypoints.faces.images import check_photo, photo_size, read_photo

MAX_SECONDS = 1.0  # CPU time of this process
MAX_MEMORY = 200 << 20  # bytes above the earlier peak of the process
RSS_UNIT = 1 if sys.platform == "darwin" else 1024

Edit = tuple[str, float, float, bytes]
KINDS = ("flip", "cut", "insert", "double", "remove", "replace")

fuzzed = settings(
    max_examples=1000,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * RSS_UNIT


@pytest.fixture
def in_bounds() -> Iterator[Callable[[Callable[[], None]], None]]:
    """Calls a reader, ignores its own errors, and checks its time and memory."""
    before = peak_bytes()

    def call(read: Callable[[], None]) -> None:
        started = time.process_time()
        try:
            read()
        except PipelineError as error:
            assert str(error)
        assert time.process_time() - started < MAX_SECONDS
        assert peak_bytes() - before < MAX_MEMORY

    yield call


def edits(*words: bytes) -> st.SearchStrategy[list[Edit]]:
    """Some damages: kind, place and length in fractions of the file, and inserted bytes.

    All are derived from one number, because sampling each of them would take most of the time.
    """

    def from_number(number: int) -> list[Edit]:
        rng = random.Random(number)
        return [
            (
                rng.choice(KINDS),
                rng.random(),
                rng.random(),
                rng.choice([*words, rng.randbytes(rng.randint(1, 4))]),
            )
            for _ in range(rng.randint(1, 4))
        ]

    return st.integers(0, 2**64 - 1).map(from_number)


def damaged(content: bytes, damage: list[Edit]) -> bytes:
    for kind, place, fraction, piece in damage:
        at = int(place * len(content))
        end = at + int(fraction * fraction * (len(content) - at))  # short pieces more often
        match kind:
            case "flip":
                flipped = bytes(byte ^ piece[0] for byte in content[at : at + 1])
                content = content[:at] + flipped + content[at + 1 :]
            case "cut":
                content = content[:at]
            case "insert":
                content = content[:at] + piece + content[at:]
            case "double":
                content = content[:end] + content[at:end] + content[end:]
            case "remove":
                content = content[:at] + content[end:]
            case "replace":
                content = content[:at] + piece + content[at + len(piece) :]
    return content


def photo(kind: str, **options: object) -> bytes:
    pixels = np.random.default_rng(1).integers(0, 256, (30, 40, 3), dtype=np.uint8)
    with io.BytesIO() as file:
        Image.fromarray(pixels).save(file, kind, **options)
        return file.getvalue()


PHOTOS = [photo("JPEG"), photo("JPEG", progressive=True), photo("PNG")]
MARKERS = [
    b"\xff\xc0",
    b"\xff\xc2",
    b"\xff\xd8",
    b"\xff\xd9",
    b"\xff\xda",
    b"\xff\xe1",
    b"\xff\xff",
]
CHUNKS = [b"IHDR", b"IDAT", b"IEND", b"PLTE", b"tRNS", b"iCCP", b"zTXt", b"acTL", b"\0\0\x75\x30"]


@fuzzed
@given(st.sampled_from(PHOTOS), edits(*MARKERS, *CHUNKS), st.booleans())
def test_a_damaged_photo_has_pixels_or_raises_only_its_error(
    tmp_path: Path,
    in_bounds: Callable[[Callable[[], None]], None],
    seed: bytes,
    damage: list[Edit],
    colour: bool,
) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(damaged(seed, damage))

    def read() -> None:
        pixels = read_photo(path, colour=colour)
        assert pixels.dtype == np.uint8
        assert pixels.shape == (*photo_size(path), 3)[: 2 + colour]

    def check() -> None:
        try:
            size = check_photo(path)
        except FormatError:
            return
        assert read_photo(path, colour=colour).shape[:2] == size  # never rejected later

    in_bounds(read)
    in_bounds(check)


@pytest.fixture(scope="module")
def shape(tmp_path_factory: pytest.TempPathFactory, rendered_imm: Path) -> Path:
    """A folder with one face of IMM and a small photo."""
    folder = tmp_path_factory.mktemp("shape")
    path = next(rendered_imm.rglob("01-1*.asf"))
    Image.new("L", (40, 30)).save(folder / f"{path.stem}.jpg")
    return Path(shutil.copy(path, folder))


@pytest.fixture(scope="module")
def shape_text(shape: Path) -> bytes:
    return shape.read_bytes()


@fuzzed
@given(
    edits(b"nan", b"-inf", b"1e999", b"0,5", b"58", b"\n", b"\r", b"#", b"\0", b"..", b"/", b"\t")
)
def test_damaged_shapes(
    shape: Path,
    shape_text: bytes,
    in_bounds: Callable[[Callable[[], None]], None],
    damage: list[Edit],
) -> None:
    shape.write_bytes(damaged(shape_text, damage))

    def read() -> None:
        for face in read_imm(shape.parent):
            assert face.landmarks_photo is not None
            assert face.landmarks_photo.shape == (58, 2)
            assert ((face.landmarks_photo >= 0) & (face.landmarks_photo <= (40, 30))).all()

    in_bounds(read)


def entry(file: str) -> str:
    parts = "".join(f"<part name='{p:02d}' x='{100 + p}' y='{3 * p}'/>\n" for p in range(68))
    box = "<box top='-9' left='98' width='216' height='217'>"
    return f"<image file='{file}'>\n{box}\n{parts}</box>\n</image>\n"


LIST = (
    "<?xml version='1.0' encoding='ISO-8859-1'?>\n<dataset>\n<images>\n"
    + "".join(map(entry, ("afw/1_1.jpg", "afw/1_1_mirror.jpg", "lfpw/2.png")))
    + "</images>\n</dataset>\n"
).encode()
XML = [b"<image>", b"</image>", b"<box/>", b"&a;", b"&#0;", b"<!DOCTYPE a [", b"<![CDATA[", b"'"]
XML += [b"<!ENTITY a 'b'>", b"utf-16", b"inf", b"-1", b"1e308", b"../", b"file='.'", b"<!--", b">"]


@fuzzed
@given(edits(*XML), st.sampled_from([TRAIN_LIST, TEST_LISTS[0]]))
@example([("insert", 0.1, 0.0, b" " * (2 * MAX_ENTRY_BYTES))], TRAIN_LIST)
@example([("insert", 0.0, 0.0, b" " * (2 * MAX_ENTRY_BYTES))], TRAIN_LIST)
@example([("insert", 0.0, 0.0, b"<a>" * MAX_ENTRY_BYTES)], TRAIN_LIST)
@example([("insert", 0.1, 0.0, b"<a b='" + b"c" * (2 * MAX_ENTRY_BYTES))], TRAIN_LIST)
def test_damaged_lists(
    tmp_path: Path, in_bounds: Callable[[Callable[[], None]], None], damage: list[Edit], name: str
) -> None:
    for file in (TRAIN_LIST, TEST_LISTS[0]):
        (tmp_path / file).write_bytes(damaged(LIST, damage) if file == name else LIST)

    def read() -> None:
        for face in read_ibug(tmp_path):
            assert face.box is not None
            x0, y0, x1, y1 = face.box
            assert np.isfinite(face.box).all()
            assert x0 < x1
            assert y0 < y1
            assert ".." not in Path(face.photo).parts
            assert not Path(face.photo).is_absolute()
            assert (face.landmarks_photo is None) == face.is_test
            if face.landmarks_photo is not None:
                assert face.landmarks_photo.shape == (68, 2)
                assert np.isfinite(face.landmarks_photo).all()

    in_bounds(read)


TABLES = {
    "training.csv": [[*KAGGLE_15_COLUMNS, "Image"], [*["1.5"] * 29, "", " ".join(["7"] * 96 * 96)]],
    "test.csv": [["ImageId", "Image"], ["1", " ".join(["8"] * 96 * 96)]],
    LOOKUP_TABLE: [["RowId", "ImageId", "FeatureName", "Location"], ["1", "1", "nose_tip_x", ""]],
}
CSV = [b",", b'"', b"\r\r\n", b"\n", b";", b"\0", b"1e2", b"36.0", b"3,6", b"-1", b"256", b"1e999"]
CSV += [b"\xef\xbb\xbf", b"\xff\xfe", b"nan", b" ", b"\xe4", b"_", b"9" * 5000]


@settings(parent=fuzzed, max_examples=150)
@given(edits(*CSV), st.sampled_from(sorted(TABLES)))
def test_damaged_tables(
    tmp_path: Path, in_bounds: Callable[[Callable[[], None]], None], damage: list[Edit], name: str
) -> None:
    shutil.rmtree(tmp_path / "photos", ignore_errors=True)
    for file, rows in TABLES.items():
        content = "\n".join([*map(",".join, rows), ""]).encode()
        (tmp_path / file).write_bytes(damaged(content, damage) if file == name else content)

    def read() -> None:
        write_photos(tmp_path)
        for face in read_kaggle15(tmp_path):
            assert read_photo(tmp_path / face.photo, colour=False).shape == (96, 96)
            if face.landmarks_photo is not None:
                assert face.landmarks_photo.shape == (KAGGLE_15.n_points, 2)
                assert not np.isinf(face.landmarks_photo).any()

    in_bounds(read)


FILES = {"set/1.jpg": PHOTOS[0], "set/1.asf": LIST[:600], "set/2.jpg": b""}


def packed_tar(mode: str, format_: int = tarfile.GNU_FORMAT) -> bytes:
    with io.BytesIO() as file:
        with tarfile.open(fileobj=file, mode=mode, format=format_) as archive:
            for name, content in FILES.items():
                member = tarfile.TarInfo(name)
                member.size, member.pax_headers = len(content), {"comment": "\u00e6"}
                archive.addfile(member, io.BytesIO(content))
        return file.getvalue()[: 8 * 1024]  # without most of the empty end


def packed_zip(packing: int) -> bytes:
    with io.BytesIO() as file:
        with zipfile.ZipFile(file, "w", packing) as archive:
            for name, content in FILES.items():
                archive.writestr(name, content)
        return file.getvalue()


TARS = [packed_tar("w"), packed_tar("w", tarfile.PAX_FORMAT)]
PACKED = [packed_tar("w:gz"), *TARS, packed_zip(zipfile.ZIP_DEFLATED)]
PACKED += [packed_zip(zipfile.ZIP_STORED), packed_zip(zipfile.ZIP_LZMA)]
WORDS = [b"PK\x01\x02", b"PK\x05\x06", b"PK\x03\x04", b"ustar", b"../", b"/", b"L", b"x", b"S"]
WORDS += [b"\x1f\x8b", b"\xff\xff\xff\xff", b"\0\0\0\0", b"77777777777", b"GNU.sparse.major=1\n"]


def with_checksums(content: bytes) -> bytes:
    """The tar with corrected checksums of its headers, so that the damage is read."""
    blocks = [bytearray(content[at : at + 512]) for at in range(0, len(content), 512)]
    for block in blocks:
        if block[257:262] == b"ustar" and len(block) == 512:
            block[148:156] = b" " * 8
            block[148:156] = b"%06o\0 " % sum(block)
    return b"".join(blocks)


@fuzzed
@given(st.sampled_from(PACKED), edits(*WORDS))
def test_damaged_archives(
    tmp_path: Path, in_bounds: Callable[[Callable[[], None]], None], seed: bytes, damage: list[Edit]
) -> None:
    content = damaged(seed, damage)
    archive, into = tmp_path / "archive", tmp_path / "into"
    archive.write_bytes(with_checksums(content) if seed in TARS else content)
    shutil.rmtree(into, ignore_errors=True)

    def read() -> None:
        unpack(archive, into)
        assert all(path.is_file() or path.is_dir() for path in into.rglob("*"))
        assert not any(path.is_symlink() for path in into.rglob("*"))

    in_bounds(read)
    assert {path.name for path in tmp_path.iterdir()} <= {"archive", "into"}

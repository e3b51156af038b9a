"""Photos are decoded in the frame of their annotations, and refused if they are incomplete."""

import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from keypoints.faces.face import FormatError
from keypoints.faces.images import check_photo, photo_size, read_photo

HEIGHT, WIDTH = 32, 48
ORIENTATION = 0x0112  # EXIF tag; 6: the camera was turned to the right


def left_red_right_blue() -> Image.Image:
    pixels = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    pixels[:, : WIDTH // 2, 0] = 255
    pixels[:, WIDTH // 2 :, 2] = 255
    return Image.fromarray(pixels)


def write_jpeg(path: Path, orientation: int = 1) -> Path:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    left_red_right_blue().save(path, quality=95, subsampling=0, exif=exif)
    return path


@pytest.mark.parametrize("orientation", range(1, 9))
def test_photo_is_decoded_as_stored_whatever_its_exif_orientation(tmp_path: Path, orientation: int):
    path = write_jpeg(tmp_path / "turned.jpg", orientation)
    assert photo_size(path) == (HEIGHT, WIDTH)
    assert read_photo(path, colour=False).shape == (HEIGHT, WIDTH)
    photo = read_photo(path, colour=True)
    assert photo.shape == (HEIGHT, WIDTH, 3)
    assert photo[16, 4, 0] > 240 > 10 > photo[16, 4, 2]  # red on the left: RGB order


def test_grey_photo_can_be_read_in_colour(tmp_path: Path):
    path = tmp_path / "grey.png"
    assert cv2.imwrite(str(path), np.full((HEIGHT, WIDTH), 77, np.uint8))
    assert read_photo(path, colour=True).shape == (HEIGHT, WIDTH, 3)
    assert (read_photo(path, colour=True) == 77).all()
    assert (read_photo(path, colour=False) == 77).all()


def test_grey_of_a_colour_photo_weighs_its_channels(tmp_path: Path):
    path = tmp_path / "colour.png"
    left_red_right_blue().save(path)
    grey = read_photo(path, colour=False)
    assert grey[0, 0] == round(0.299 * 255)
    assert grey[0, -1] == round(0.114 * 255)


def test_size_is_height_and_width(tmp_path: Path):
    Image.new("L", (17, 13)).save(tmp_path / "wide.png")
    assert photo_size(tmp_path / "wide.png") == (13, 17)


def unusual_photos() -> dict[str, Callable[[Path], None]]:
    """Writers of the same pixels in unusual formats."""
    photo = left_red_right_blue()
    grey16 = Image.fromarray(np.asarray(photo.convert("L")).astype(np.uint16) * 257)
    alpha = photo.convert("RGBA")
    alpha.putalpha(9)
    return {
        "16 bits": lambda path: grey16.save(path, "PNG"),
        "palette": lambda path: photo.quantize(256).save(path, "PNG"),
        "CMYK": lambda path: photo.convert("CMYK").save(path, "JPEG", quality=98),
        "alpha": lambda path: alpha.save(path, "PNG"),
    }


@pytest.mark.parametrize("name", unusual_photos())
def test_unusual_photos_have_the_same_pixels(tmp_path: Path, name: str):
    path = tmp_path / "photo.jpg"
    unusual_photos()[name](path)
    expected = np.asarray(left_red_right_blue().convert("L")).astype(int)
    away_from_edge = np.abs(np.arange(WIDTH) - WIDTH / 2) > 8
    difference = np.abs(read_photo(path, colour=False).astype(int) - expected)
    assert difference[:, away_from_edge].max() <= 4


def chunk(kind: bytes, data: bytes) -> bytes:
    length, digest = struct.pack(">I", len(data)), struct.pack(">I", zlib.crc32(kind + data))
    return length + kind + data + digest


def png_header(width: int, height: int) -> bytes:
    """A PNG with a size but without pixels."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"")


READERS: list[Callable[[Path], object]] = [
    photo_size,
    lambda path: read_photo(path, colour=True),
    check_photo,
]


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (b"<html>404</html>", "not a photo"),
        (b"", "not a photo"),
        (png_header(1, 1), "1 x 1 px; each side should have at least 8 px"),
        (png_header(30_000, 30_000), "30,000 x 30,000 px"),
        (png_header(30_000, 7), "30,000 x 7 px"),
    ],
)
def test_file_that_is_no_photo_is_named(
    tmp_path: Path, content: bytes, rule: str, read: Callable[[Path], object]
):
    path = tmp_path / "photo.jpg"
    path.write_bytes(content)
    with pytest.raises(FormatError, match=rf"photo\.jpg: {rule}"):
        read(path)


@pytest.mark.parametrize("read", READERS)
def test_photo_that_cannot_be_opened_is_named(tmp_path: Path, read: Callable[[Path], object]):
    path = tmp_path / "photo.jpg"
    with pytest.raises(FormatError, match=r"photo\.jpg: missing"):
        read(path)
    path.symlink_to(path.name)  # a link to itself: no user can open it
    with pytest.raises(FormatError, match=r"photo\.jpg: cannot be read"):
        read(path)
    path.unlink()
    path.mkdir()
    with pytest.raises(FormatError, match=r"photo\.jpg: cannot be read \(Is a directory\)"):
        read(path)
    path.rmdir()
    path.touch(mode=0)
    if os.geteuid() != 0:  # root may read everything
        with pytest.raises(FormatError, match=r"photo\.jpg: cannot be read \(Permission denied\)"):
            read(path)


def noise(suffix: str) -> bytes:
    pixels = np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    return cv2.imencode(suffix, pixels)[1].tobytes()


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
@pytest.mark.parametrize("fraction", [0.1, 0.5, 0.9])
def test_truncated_photo_is_named(tmp_path: Path, suffix: str, fraction: float):
    content = noise(suffix)
    path = tmp_path / f"short{suffix}"
    path.write_bytes(content[: int(fraction * len(content))])
    with pytest.raises(FormatError, match=rf"short\{suffix}: not a whole photo"):
        check_photo(path)


@pytest.mark.parametrize("n_cut", [0, 2, 500])
def test_jpeg_is_decoded_like_by_imread_even_without_its_end(tmp_path: Path, n_cut: int):
    path, content = tmp_path / "photo.jpg", noise(".jpg")
    path.write_bytes(content[: len(content) - n_cut])
    assert (read_photo(path, colour=True) == cv2.imread(str(path))[..., ::-1]).all()
    assert (read_photo(path, colour=False) == cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)).all()


def test_file_that_is_too_large_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = write_jpeg(tmp_path / "large.jpg")
    monkeypatch.setattr("keypoints.faces.images.MAX_BYTES", 100)
    with pytest.raises(FormatError, match=r"large\.jpg: a file of more than 100 bytes"):
        read_photo(path, colour=True)


def test_chunk_beyond_the_end_of_a_png_allocates_no_memory(tmp_path: Path):
    path, content = tmp_path / "photo.png", bytearray(noise(".png"))
    start = content.index(b"IDAT") - 4
    content[start : start + 4] = b"\x7f\xff\xff\xff"  # 2 GB
    path.write_bytes(content)
    with pytest.raises(FormatError, match=r"photo\.png: not a whole photo"):
        read_photo(path, colour=True)


def test_bytes_after_a_complete_png_are_ignored(tmp_path: Path):
    path = tmp_path / "photo.png"
    path.write_bytes(noise(".png") + b"a maker's note")
    assert read_photo(path, colour=True).size


def test_complete_photos_pass(tmp_path: Path):
    (tmp_path / "noise.png").write_bytes(noise(".png"))
    assert check_photo(write_jpeg(tmp_path / "1.jpg")) == (HEIGHT, WIDTH)
    assert check_photo(tmp_path / "noise.png") == (64, 64)


@pytest.mark.parametrize("n_cut", [1, 4, 12, 20])
def test_png_without_its_end_passes_no_check_that_the_decoder_fails(tmp_path: Path, n_cut: int):
    path = tmp_path / "photo.png"
    path.write_bytes(noise(".png")[:-n_cut])
    with pytest.raises(FormatError):
        read_photo(path, colour=True)
    with pytest.raises(FormatError, match=r"photo\.png: "):
        check_photo(path)


@pytest.mark.parametrize(("n_bits", "is_named"), [(8, True), (12, True), (15, False), (16, False)])
def test_few_bits_in_16_are_named(tmp_path: Path, n_bits: int, is_named: bool):
    path = tmp_path / "photo.png"
    cv2.imwrite(str(path), np.full((9, 9), 2**n_bits - 1, np.uint16))
    if is_named:
        with pytest.raises(FormatError, match=f"uses only {n_bits} of its 16 bits"):
            check_photo(path)
    else:
        check_photo(path)

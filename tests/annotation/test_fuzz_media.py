"""Damaged photos and videos of every container are read within bounds, or refused by name."""

import io
import resource
import struct
import sys
import time
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from mutations import Edit, byte_edits, edit_bytes
from PIL import Image

from keypoints.annotation.images import PhotoError, decode_image
from keypoints.annotation.inputs import iter_images

MAX_SECONDS = 60  # against hangs
MAX_MEMORY = 500 << 20  # bytes above the earlier peak of the process
RSS_UNIT = 1 if sys.platform == "darwin" else 1024
PIXELS = np.random.default_rng(1).integers(0, 256, (30, 40, 3), dtype=np.uint8)

PHOTOS: dict[str, dict] = {
    "avif": {},
    "webp": {"lossless": True},
    "tiff": {"compression": "tiff_lzw"},
    "mpo": {"save_all": True, "append_images": [Image.fromarray(PIXELS[::-1].copy())]},
    "gif": {},
    "png": {},
    "jpeg": {"progressive": True},
    "jpeg2000": {},
    "bmp": {},
    "dib": {},
    "pcx": {},
    "ppm": {},
    "sgi": {"rle": True},
}
VIDEOS = {
    "avi": "MJPG",
    "mp4": "mp4v",
    "mov": "mp4v",
    "mkv": "FFV1",
    "webm": "VP80",
    "mpg": "mpg1",
    "ts": "mp4v",
    "flv": "FLV1",
    "wmv": "WMV2",
    "ogv": "VP80",
}


def photo(kind: str) -> bytes:
    with io.BytesIO() as file:
        Image.fromarray(PIXELS).save(file, kind, **PHOTOS[kind])
        return file.getvalue()


def deep_photo() -> bytes:
    return cv2.imencode(".png", PIXELS.astype(np.uint16) * 257)[1].tobytes()


def photoshop_photo() -> bytes:
    """A PSD file without layers, whose channels are run-length encoded."""
    rows = [row.tobytes() for channel in np.moveaxis(PIXELS, 2, 0) for row in channel]
    packed = [bytes([len(row) - 1]) + row for row in rows]  # one literal run a row
    height, width, n_channels = PIXELS.shape
    header = struct.pack(">4sH6xHIIHH", b"8BPS", 1, n_channels, height, width, 8, 3)
    lengths = struct.pack(f">{len(packed)}H", *map(len, packed))
    return header + bytes(12) + struct.pack(">H", 1) + lengths + b"".join(packed)


def qoi_photo() -> bytes:
    """A QOI file: a pixel that repeats the one before it, and others as they are."""
    height, width, n_channels = PIXELS.shape
    header = struct.pack(">4sIIBB", b"qoif", width, height, n_channels, 0)
    pixels = b"".join(b"\xfe" + pixel.tobytes() for pixel in PIXELS.reshape(-1, 3)[1:])
    return header + b"\xc0" + pixels + bytes(7) + b"\x01"


def video(suffix: str, folder: Path) -> bytes:
    path = folder / f"seed.{suffix}"
    codec = cv2.VideoWriter.fourcc(*VIDEOS[suffix])
    writer = cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, codec, 25, (40, 30))
    for shift in range(4):
        writer.write(np.roll(PIXELS, shift, axis=1))
    writer.release()
    return path.read_bytes()


@pytest.fixture(scope="module")
def seeds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("seeds")
    seeds = {kind: photo(kind) for kind in PHOTOS} | {"deep": deep_photo()}
    seeds |= {"psd": photoshop_photo(), "qoi": qoi_photo()}
    return seeds | {suffix: video(suffix, folder) for suffix in VIDEOS}


def read(path: Path) -> int:
    """Decode all images of a file; return how many could be."""
    n_images = 0
    for image in iter_images([path], every=1):
        try:
            pixels = image.read().pixels
        except PhotoError as error:
            assert str(error).startswith(str(path))
        else:
            assert pixels.dtype == np.uint8
            assert pixels.shape[2] == 3
            n_images += 1
    return n_images


@pytest.mark.filterwarnings("ignore:.*:UserWarning:PIL")
@pytest.mark.parametrize("kind", [*PHOTOS, "deep", "psd", "qoi", *VIDEOS])
def test_damaged_media(kind: str, seeds: dict[str, bytes], tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(seeds[kind])
    assert read(path) == (4 if kind in VIDEOS else 1)

    @settings(
        max_examples=60,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
    )
    @given(byte_edits)
    def check(edits: list[Edit]) -> None:
        path.write_bytes(edit_bytes(seeds[kind], edits))
        before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
        read(path)
        assert time.process_time() - start < MAX_SECONDS
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        assert (peak - before) * RSS_UNIT < MAX_MEMORY

    check()


SIZE_FIELDS = {"png": (16, ">II"), "bmp": (18, "<ii"), "qoi": (4, ">II")}


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("side", [12_000, 20_000])  # the second is beyond Pillow's own limit
@pytest.mark.parametrize("kind", SIZE_FIELDS)
def test_a_photo_that_claims_a_huge_size_is_refused(
    kind: str, side: int, seeds: dict[str, bytes], tmp_path: Path
) -> None:
    content = bytearray(seeds[kind])
    start, layout = SIZE_FIELDS[kind]
    content[start : start + 8] = struct.pack(layout, side, side)
    if kind == "png":
        content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    (tmp_path / "huge").write_bytes(content)
    message = rf"huge: 12,000 x 12,000 px; a {kind.upper()} file may have at most [0-9,]+ px"
    if side > 12_000:
        message = r"huge: more than 178,956,970 px; save a smaller copy"
    with pytest.raises(PhotoError, match=message):
        decode_image(tmp_path / "huge")

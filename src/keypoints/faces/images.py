"""Photos of data sets, decoded in the frame of their annotations: EXIF orientation is ignored.

Photos are JPEG or PNG files; all others, damaged ones and unusual sizes raise FormatError. The
header is checked before anything is decoded, so a forged one cannot exhaust the memory.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from tqdm import tqdm

from keypoints.core.parallel import parallel_map
from keypoints.faces.face import FormatError

MAX_PIXELS = 25_000_000  # of a photo: 75 MB decoded, and about as much again while decoding
MIN_SIDE = 8  # px
MAX_BYTES = 256_000_000  # of a file, which is read as a whole; a PNG of 25 Mpx has 200 MB

_PNG_MAGIC, _JPEG_MAGIC, _JPEG_END = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"\xff\xd9"


def read_photo(path: Path, *, colour: bool) -> NDArray[np.uint8]:
    """Decode a photo: (height, width, 3) in RGB order, or (height, width) in grayscale.

    16-bit channels are reduced to their upper eight bits, palettes and CMYK are converted to RGB,
    and alpha channels are dropped. The missing part of a truncated JPEG is grey; `check_photos`
    rejects such files.
    """
    # Open once: `imread` opens the file three more times, 12 % of the time of a small photo.
    with _open(path) as (file, photo):
        size, is_png = (photo.height, photo.width), isinstance(photo, PngImageFile)
        if os.fstat(file.fileno()).st_size > MAX_BYTES:
            raise _error(path, f"a file of more than {MAX_BYTES:,} bytes")
        file.seek(0)
        contents = file.read()
    if is_png:
        _check_chunks(path, contents)
    else:
        contents += _JPEG_END  # without it, OpenCV decodes nothing
    flag = cv2.IMREAD_COLOR_RGB if colour else cv2.IMREAD_GRAYSCALE
    file_bytes = np.frombuffer(contents, np.uint8)
    try:
        pixels = cv2.imdecode(file_bytes, flag | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error:
        pixels = None
    if pixels is None or pixels.shape[:2] != size:
        raise _error(path, "a photo that cannot be decoded")
    return pixels.astype(np.uint8, copy=False)


def photo_size(path: Path) -> tuple[int, int]:
    """Read height and width in pixels from the file's header."""
    with _open(path) as (_, photo):
        return photo.height, photo.width


def check_photos(paths: Iterable[Path], n_photos: int | None = None) -> None:
    """Decode every photo completely, on all cores; JPEGs at an eighth of their size.

    `n_photos` is the length of the progress bar; the error names the first bad photo.
    """
    for _ in tqdm(parallel_map(_check, paths), "check", n_photos, unit="photo", disable=None):
        pass


def _check(path: Path) -> None:
    with _open(path) as (_, photo):
        photo.draft("L", (photo.width // 8, photo.height // 8))
        photo.load()


def _check_chunks(path: Path, png: bytes) -> None:
    """Reject a PNG with a chunk that exceeds the file: OpenCV would allocate the chunk's size."""
    start = len(_PNG_MAGIC)
    while header := png[start : start + 8]:  # length and name of a chunk
        start += 8 + int.from_bytes(header[:4]) + 4  # header, content, checksum
        if start > len(png):
            raise _error(path, "not a whole photo (a chunk is truncated)")
        if header[4:] == b"IEND":
            return


@contextmanager
def _open(path: Path) -> Iterator[tuple[BinaryIO, ImageFile]]:
    """Open a photo, of which only the header is read, and translate all errors of the file."""
    try:
        with path.open("rb") as file, _read_header(path, file) as photo:
            if min(photo.size) < MIN_SIDE or photo.width * photo.height > MAX_PIXELS:
                raise _error(
                    path,
                    f"{photo.width:,} x {photo.height:,} px; each side should have at least "
                    f"{MIN_SIDE} px and the photo at most {MAX_PIXELS:,} px",
                )
            yield file, photo
    except FileNotFoundError as error:
        raise _error(path, "missing") from error
    except (OSError, SyntaxError, ValueError, EOFError, OverflowError) as error:  # Pillow's, too
        if isinstance(error, OSError) and error.strerror:
            raise _error(path, f"cannot be read ({error.strerror})") from error
        raise _error(path, f"not a whole photo ({error})") from error


def _read_header(path: Path, file: BinaryIO) -> ImageFile:
    start = file.read(len(_PNG_MAGIC))
    file.seek(0)
    if start.startswith(_PNG_MAGIC):
        return PngImageFile(file)
    if start.startswith(_JPEG_MAGIC):
        return JpegImageFile(file)
    raise _error(path, "not a photo: neither a JPEG nor a PNG file")


def _error(path: Path, problem: str) -> FormatError:
    return FormatError(f"{path}: {problem}; fetch the data set again")

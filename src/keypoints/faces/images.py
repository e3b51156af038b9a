"""Photos of data sets, decoded in the frame of their annotations: EXIF orientation is ignored.

Photos are JPEG or PNG files; all others, damaged ones and unusual sizes raise FormatError. The
header is checked before anything is decoded, so a forged one cannot exhaust the memory.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile

from keypoints.faces.face import FormatError

MAX_PIXELS = 25_000_000  # of a photo: 75 MB decoded, and about as much again while decoding
MIN_SIDE = 8  # px
_FEW_BITS = 14  # of a photo with 16 bits, of which only the upper eight are used
_UNDECODABLE = "a photo that cannot be decoded"
MAX_BYTES = 256_000_000  # of a file, which is read as a whole; a PNG of 25 Mpx has 200 MB

_PNG_MAGIC, _JPEG_MAGIC, _JPEG_END = b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"\xff\xd9"


def read_photo(path: Path, *, colour: bool) -> NDArray[np.uint8]:
    """Decode a photo: (height, width, 3) in RGB order, or (height, width) in grayscale.

    16-bit channels are reduced to their upper eight bits, palettes and CMYK are converted to RGB,
    and alpha channels are dropped. The missing part of a truncated JPEG is grey; `check_photo`
    rejects such files.
    """
    # Open once: `imread` opens the file three more times, 12 % of the time of a small photo.
    with _open(path) as (file, photo):
        size, contents = (photo.height, photo.width), _read_whole(path, file, photo)
    flag = cv2.IMREAD_COLOR_RGB if colour else cv2.IMREAD_GRAYSCALE
    pixels = _decode(contents, flag)
    if pixels is None or pixels.shape[:2] != size:
        raise _error(path, _UNDECODABLE)
    return pixels.astype(np.uint8, copy=False)


def photo_size(path: Path) -> tuple[int, int]:
    """Read height and width in pixels from the file's header."""
    with _open(path) as (_, photo):
        return photo.height, photo.width


def check_photo(path: Path) -> tuple[int, int]:
    """Decode a photo completely, a JPEG at an eighth of its size; returns height and width.

    Accepts no photo that `read_photo` rejects, because it uses the same decoder as well.
    """
    with _open(path) as (file, photo):
        size, is_jpeg = (photo.height, photo.width), isinstance(photo, JpegImageFile)
        contents = _read_whole(path, file, photo)
        file.seek(0)
        photo.draft("L", (photo.width // 8, photo.height // 8))
        photo.load()  # rejects truncated JPEGs
    scale = 8 if is_jpeg else 1
    pixels = _decode(contents, cv2.IMREAD_REDUCED_GRAYSCALE_8 if is_jpeg else cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.shape[:2] != (-(-size[0] // scale), -(-size[1] // scale)):
        raise _error(path, _UNDECODABLE)
    n_bits = int(pixels.max()).bit_length()
    if pixels.dtype == np.uint16 and 0 < n_bits <= _FEW_BITS:
        raise _error(path, f"uses only {n_bits} of its 16 bits; convert it to 8 bits")
    return size


def _read_whole(path: Path, file: BinaryIO, photo: ImageFile) -> bytes:
    """Contents of an opened photo, which OpenCV decodes without allocating more than it needs."""
    if os.fstat(file.fileno()).st_size > MAX_BYTES:
        raise _error(path, f"a file of more than {MAX_BYTES:,} bytes")
    file.seek(0)
    contents = file.read()
    if isinstance(photo, PngImageFile):
        _check_chunks(path, contents)
        return contents
    return contents + _JPEG_END  # without it, OpenCV decodes nothing


def _decode(contents: bytes, flag: int) -> cv2.typing.MatLike | None:
    file_bytes = np.frombuffer(contents, np.uint8)
    try:
        return cv2.imdecode(file_bytes, flag | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error:
        return None


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
    return FormatError(f"{path}: {problem}")

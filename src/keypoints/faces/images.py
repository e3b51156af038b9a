"""Photos of data sets, decoded in the frame of their annotations: EXIF orientation is ignored.

Photos are JPEG or PNG files, distinguished by their first bytes. Size and format are read from the
header and checked before anything is decoded, so a false header cannot exhaust the memory.
"""

import os
from collections.abc import Iterable
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

_PNG_MAGIC, _JPEG_END = b"\x89PNG\r\n\x1a\n", b"\xff\xd9"
_FORMATS: dict[bytes, type[ImageFile]] = {
    b"\xff\xd8\xff": JpegImageFile,
    _PNG_MAGIC: PngImageFile,
}
_DAMAGE = (SyntaxError, ValueError, EOFError, OverflowError)  # raised by Pillow for broken files


def read_photo(path: Path, *, colour: bool) -> NDArray[np.uint8]:
    """Decode a photo.

    16-bit channels are reduced to their upper eight bits, palettes and CMYK are converted to RGB,
    and alpha channels are dropped. The missing part of a truncated JPEG is grey; `check_photos`
    rejects such files.

    Args:
        path: File of the photo.
        colour: RGB if true, grayscale if false.

    Returns:
        (height, width, 3) in RGB order, or (height, width).

    Raises:
        FormatError: If the file is missing or not a photo, or its size is out of bounds.
    """
    # Open once: `imread` opens the file three more times, 12 % of the time of a small photo.
    with _open(path) as file, _header(path, file) as photo:
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
    except cv2.error as error:
        raise _error(path, "a photo that cannot be decoded") from error
    if pixels is None or pixels.shape[:2] != size:
        raise _error(path, "a photo that cannot be decoded")
    return pixels.astype(np.uint8, copy=False)


def photo_size(path: Path) -> tuple[int, int]:
    """Read height and width in pixels from the file's header.

    Raises:
        FormatError: If the file is missing or not a photo, or its size is out of bounds.
    """
    with _open(path) as file, _header(path, file) as photo:
        return photo.height, photo.width


def check_photos(paths: Iterable[Path], n_photos: int | None = None) -> None:
    """Decode every photo completely, on all cores; JPEGs at an eighth of their size.

    Args:
        paths: Files of the photos.
        n_photos: Number of photos for the progress bar; None if unknown.

    Raises:
        FormatError: If a photo is missing, damaged, truncated or out of bounds; names the first.
    """
    checked = parallel_map(_check, paths)
    for _ in tqdm(checked, "check", n_photos, unit="photo", disable=None):
        pass


def _check(path: Path) -> None:
    with _open(path) as file, _header(path, file) as photo:
        try:
            photo.draft("L", (photo.width // 8, photo.height // 8))
            photo.load()
        except (OSError, *_DAMAGE) as error:
            raise _error(path, f"not a whole photo ({error})") from error


def _check_chunks(path: Path, png: bytes) -> None:
    """Reject a PNG with a chunk that exceeds the file: OpenCV would allocate the chunk's size."""
    start = len(_PNG_MAGIC)
    while header := png[start : start + 8]:  # length and name of a chunk
        start += 8 + int.from_bytes(header[:4]) + 4  # header, content, checksum
        if start > len(png):
            raise _error(path, "not a whole photo (a chunk is truncated)")
        if header[4:] == b"IEND":
            return


def _open(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except FileNotFoundError as error:
        raise _error(path, "missing") from error
    except OSError as error:
        raise _error(path, f"cannot be read ({error.strerror})") from error


def _header(path: Path, file: BinaryIO) -> ImageFile:
    """Open a photo and read its header only."""
    try:
        start = file.read(max(map(len, _FORMATS)))
        file.seek(0)
        format_ = next((_FORMATS[magic] for magic in _FORMATS if start.startswith(magic)), None)
        if format_ is None:
            raise _error(path, "not a photo: neither a JPEG nor a PNG file")
        photo = format_(file)
    except (OSError, *_DAMAGE) as error:
        if isinstance(error, OSError) and error.strerror:
            raise _error(path, f"cannot be read ({error.strerror})") from error
        raise _error(path, f"not a whole photo ({error})") from error
    if min(photo.size) < MIN_SIDE or photo.width * photo.height > MAX_PIXELS:
        photo.close()
        raise _error(
            path,
            f"{photo.width:,} x {photo.height:,} px; each side should have at least {MIN_SIDE} px "
            f"and the photo at most {MAX_PIXELS:,} px",
        )
    return photo


def _error(path: Path, problem: str) -> FormatError:
    return FormatError(f"{path}: {problem}; fetch the data set again")

"""Photos in the frame of their annotations: the stored pixels, whatever EXIF says of the camera.

Photos are JPEG or PNG files, told by their first bytes. Size and kind are read from the header
before anything is decoded, so what a header may claim takes no memory.
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

MAX_PIXELS = 25_000_000  # of a photo: 75 MB decoded, and about as much again on the way
MIN_SIDE = 8  # px; below it there is no face to see
MAX_BYTES = 256_000_000  # of a photo's file, which is read as a whole; 25 Mpx of PNG have 200 MB

_PNG, _END_OF_JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd9"
_KINDS: dict[bytes, type[ImageFile]] = {b"\xff\xd8\xff": JpegImageFile, _PNG: PngImageFile}
_DAMAGE = (SyntaxError, ValueError, EOFError, OverflowError)  # what Pillow raises of a broken file


def read_photo(path: Path, *, colour: bool) -> NDArray[np.uint8]:
    """Decode a photo.

    Of 16 bits a channel the upper eight are taken, palettes and CMYK become red, green and blue,
    and an alpha channel is left out. A JPEG that is cut short is grey from there on: `check_photos`
    refuses it.

    Returns:
        (height, width, 3) in red, green, blue order, or (height, width) grey.

    Raises:
        FormatError: If the file is missing or no photo, or its sides are out of bounds.
    """
    # Opened once, for its header and its pixels; `imread` would open it thrice more, which costs a
    # small photo an eighth of its time.
    with _opened(path) as file, _header(path, file) as photo:
        size, is_png = (photo.height, photo.width), isinstance(photo, PngImageFile)
        if os.fstat(file.fileno()).st_size > MAX_BYTES:
            raise _error(path, f"a file of more than {MAX_BYTES:,} bytes")
        file.seek(0)
        contents = file.read()
    if is_png:
        _check_chunks(path, contents)
    else:
        contents += _END_OF_JPEG  # without one, OpenCV decodes nothing
    flag = cv2.IMREAD_COLOR_RGB if colour else cv2.IMREAD_GRAYSCALE
    file_bytes = np.frombuffer(contents, np.uint8)
    try:
        pixels = cv2.imdecode(file_bytes, flag | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error as error:
        raise _error(path, "not a photo that can be decoded") from error
    if pixels is None or pixels.shape[:2] != size:
        raise _error(path, "not a photo that can be decoded")
    return pixels.astype(np.uint8, copy=False)


def photo_size(path: Path) -> tuple[int, int]:
    """Height and width in pixels, from the file's header.

    Raises:
        FormatError: If the file is missing or no photo, or its sides are out of bounds.
    """
    with _opened(path) as file, _header(path, file) as photo:
        return photo.height, photo.width


def check_photos(paths: Iterable[Path], n_photos: int | None = None) -> None:
    """Decode every photo to its end, on all cores, at an eighth of the size where JPEG offers it.

    Args:
        paths: Of the photos, taken one by one.
        n_photos: How many there are, for the progress bar; None: not known.

    Raises:
        FormatError: Naming the first photo that is missing, damaged, cut short or out of bounds.
    """
    checked = parallel_map(_check, paths)
    for _ in tqdm(checked, "check", n_photos, unit="photo", disable=None):
        pass


def _check(path: Path) -> None:
    with _opened(path) as file, _header(path, file) as photo:
        try:
            photo.draft("L", (photo.width // 8, photo.height // 8))
            photo.load()
        except (OSError, *_DAMAGE) as error:
            raise _error(path, f"not a whole photo ({error})") from error


def _check_chunks(path: Path, png: bytes) -> None:
    """Refuse a PNG whose chunks end beyond its file: OpenCV would take the memory they ask for."""
    start = len(_PNG)
    while header := png[start : start + 8]:  # the length of what follows, then its name
        start += 8 + int.from_bytes(header[:4]) + 4  # and a checksum
        if start > len(png):
            raise _error(path, "not a whole photo (a chunk is cut short)")
        if header[4:] == b"IEND":
            return


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except FileNotFoundError as error:
        raise _error(path, "missing") from error
    except OSError as error:
        raise _error(path, f"cannot be read ({error.strerror})") from error


def _header(path: Path, file: BinaryIO) -> ImageFile:
    """A photo of which the header alone is read."""
    try:
        photo = _format_of(path, file)(file)
    except (OSError, *_DAMAGE) as error:
        if isinstance(error, OSError) and error.strerror:
            raise _error(path, f"cannot be read ({error.strerror})") from error
        raise _error(path, f"not a whole photo ({error})") from error
    if min(photo.size) < MIN_SIDE or photo.width * photo.height > MAX_PIXELS:
        photo.close()
        raise _error(
            path,
            f"{photo.width:,} x {photo.height:,} px, where a photo has {MIN_SIDE} px at least on "
            f"each side and {MAX_PIXELS:,} px in all at most",
        )
    return photo


def _format_of(path: Path, file: BinaryIO) -> type[ImageFile]:
    start = file.read(max(map(len, _KINDS)))
    file.seek(0)
    for magic, kind in _KINDS.items():
        if start.startswith(magic):
            return kind
    raise _error(path, "not a photo: it begins neither as a JPEG nor as a PNG does")


def _error(path: Path, problem: str) -> FormatError:
    return FormatError(f"{path}: {problem}; fetch the data set again")

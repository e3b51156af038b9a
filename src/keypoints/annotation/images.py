"""Anybody's photos as their cameras mean them: upright, red, green and blue, eight bits each."""

import struct
import threading
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

from keypoints.core.errors import PipelineError, first_line

_MOST_PIXELS = 2**29  # Pillow warns beyond; a photo twice as large it refuses
_HEIF = (".heic", ".heif")
_heif_lock = threading.Lock()
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class PhotoError(PipelineError):
    """A photo of the user that cannot be read; the message names it and the way out."""


def read_image(path: Path) -> NDArray[np.uint8]:
    """Decode a photo and turn it as its EXIF says.

    Grey becomes colour, 16 bits become 8, and what is transparent lies on white.

    Returns:
        (height, width, 3) in red, green, blue order.

    Raises:
        PhotoError: If the file is missing, damaged or no photo.
    """
    Image.MAX_IMAGE_PIXELS = _MOST_PIXELS
    if path.is_dir():
        raise PhotoError(f"{path}: no photo in this folder")
    if path.suffix.lower() in _HEIF:
        _register_heif(path)
    try:
        with Image.open(path) as photo:
            return np.array(_as_rgb(_turned(photo)))
    except FileNotFoundError as error:
        raise PhotoError(f"{path}: no such file") from error
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise PhotoError(f"{path}: not a whole photo ({_reason(error)})") from error


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return "of no known format" if "cannot identify" in str(error) else first_line(error)


def _turned(photo: Image.Image) -> Image.Image:
    """As `ImageOps.exif_transpose`, which also writes the EXIF anew and ends where it is odd."""
    try:
        orientation = photo.getexif().get(ExifTags.Base.Orientation)
    except (struct.error, SyntaxError, TypeError, ValueError):
        return photo  # its EXIF is damaged; its pixels may be whole
    turn = _UPRIGHT.get(orientation) if isinstance(orientation, int) else None
    return photo if turn is None else photo.transpose(turn)


def _as_rgb(photo: Image.Image) -> Image.Image:
    if photo.mode.startswith("I") or photo.mode == "F":
        return Image.fromarray(_eight_bits(np.asarray(photo))).convert("RGB")
    if photo.has_transparency_data:
        photo = photo.convert("RGBA")
        white = Image.new("RGBA", photo.size, "white")
        return Image.alpha_composite(white, photo).convert("RGB")
    return photo.convert("RGB")


def _eight_bits(grey: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Values beyond 255 are those of 16 bits; broken ones up to 1 are shares of white."""
    values = grey.astype(float)
    largest = values.max(initial=0)
    if grey.dtype.kind == "f" and largest <= 1:
        values *= 255
    elif largest > 255:
        values /= 257
    return values.round().clip(0, 255).astype("u1")


def _register_heif(path: Path) -> None:
    with _heif_lock:
        try:
            from pillow_heif import register_heif_opener
        except ImportError as error:
            raise PhotoError(
                f"{path}: HEIC takes a plug-in of Pillow: `pip install pillow-heif`, "
                "or save the photo as JPEG"
            ) from error
        register_heif_opener()

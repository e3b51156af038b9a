"""Decodes the user's photos into upright RGB images with 8 bits per channel.

Unlike `keypoints.faces.images`, which reads JPEG and PNG files in the frame of their annotations,
this decoder accepts every format that Pillow can read, and never rejects a photo for its size.
"""

import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

from keypoints.core.errors import PipelineError, first_line

_MAX_PIXELS = 2**29  # Pillow warns beyond this number and refuses twice as many
_HEIF = (".heic", ".heif")
_TRANSPOSE = {  # of an EXIF orientation, to turn the photo upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class PhotoError(PipelineError):
    """A photo or video of the user that cannot be annotated."""


def read_image(path: Path) -> NDArray[np.uint8]:
    """Decode a photo and apply its EXIF orientation.

    Grayscale is converted to RGB, 16 bits to 8, and transparent pixels are blended with white: the
    result is (height, width, 3).

    Raises:
        PhotoError: If the file is missing, damaged or not a photo.
    """
    Image.MAX_IMAGE_PIXELS = _MAX_PIXELS
    if path.is_dir():
        raise PhotoError(f"{path}: no photo in this folder")
    if path.suffix.lower() in _HEIF:
        _register_heif(path)
    try:
        with Image.open(path) as photo:
            return np.array(_to_rgb(_apply_orientation(photo)))
    except FileNotFoundError as error:
        raise PhotoError(f"{path}: no such file") from error
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise PhotoError(f"{path}: not a complete photo ({_reason(error)})") from error


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return "unknown format" if "cannot identify" in str(error) else first_line(error)


def _apply_orientation(photo: Image.Image) -> Image.Image:
    """Like `ImageOps.exif_transpose`, which also rewrites the EXIF block and fails if it is odd."""
    try:
        orientation = photo.getexif().get(ExifTags.Base.Orientation)
    except (struct.error, SyntaxError, TypeError, ValueError):
        return photo  # the EXIF block is damaged; the pixels may be complete
    transpose = _TRANSPOSE.get(orientation) if isinstance(orientation, int) else None
    return photo if transpose is None else photo.transpose(transpose)


def _to_rgb(photo: Image.Image) -> Image.Image:
    if photo.mode.startswith("I") or photo.mode == "F":
        return Image.fromarray(_to_8_bits(np.asarray(photo))).convert("RGB")
    if photo.has_transparency_data:
        white = Image.new("RGBA", photo.size, "white")
        photo = Image.alpha_composite(white, photo.convert("RGBA"))
    return photo.convert("RGB")


def _to_8_bits(gray: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Scale to 0..255: floats up to 1 are fractions of white; beyond 255, values have 16 bits."""
    values = gray.astype(float)
    largest = values.max(initial=0)
    if gray.dtype.kind == "f" and largest <= 1:
        values *= 255
    elif largest > 255:
        values /= 257
    return values.round().clip(0, 255).astype("u1")


def _register_heif(path: Path) -> None:
    try:
        from pillow_heif import register_heif_opener
    except ImportError as error:
        raise PhotoError(
            f"{path}: Pillow needs a plug-in to read HEIC: run `pip install pillow-heif`, "
            "or save the photo as JPEG"
        ) from error
    register_heif_opener()

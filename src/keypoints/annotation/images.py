"""Decodes the user's photos into upright RGB images with 8 bits per channel.

Unlike `keypoints.faces.images`, which reads JPEG and PNG files in the frame of their annotations,
this decoder reads most formats of Pillow. Photos are converted strip by strip, so that reading one
takes at most 450 MB; larger photos are rejected by their header.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, UnidentifiedImageError

from keypoints.annotation.media_types import MediaType, is_jpeg_stream, media_type
from keypoints.core.errors import PipelineError, first_line
from keypoints.core.types import Array

# Pillow's formats of photos. Its other formats are icons and textures, or need another program:
# Pillow runs Ghostscript to read EPS.
_FORMATS = [
    *("AVIF", "BMP", "DIB", "GIF", "JPEG", "JPEG2000", "PCX", "PNG", "PPM", "PSD"),
    *("QOI", "SGI", "TIFF", "WEBP"),
]

_MAX_BYTES = 450_000_000  # of the memory that decoding takes
_BYTES_PER_PIXEL = {  # at the peak
    **dict.fromkeys(("BMP", "JPEG", "MPO", "PNG", "PPM"), 8),
    "TIFF": 12,
    "AVIF": 13,
    "WEBP": 17,
}
_BYTES_OF_OTHERS = 20  # per pixel
_PROGRESSIVE_BYTES = 6  # per pixel, in addition
_STRIP_PIXELS = 2**22

_COLOUR_BITS = (8, 10, 12, 14, 16)  # of cameras and scanners
_TILE_16_BITS = re.compile(";16|SGI16|'ppm'.*args=.* 65535")  # in Pillow's description of a tile
# Number of bits in the box `ihdr`, or in the marker SIZ. Source: ITU-T T.800, Annexes A and I.
_JPEG2000_16_BITS = re.compile(rb"(?s:ihdr.{10}|\xff\x4f\xff\x51.{38})\x0f")
_JPEG2000_HEADER = 4096  # bytes

Pixels = NDArray[np.uint8]
_UPRIGHT: dict[int, Callable[[Any], cv2.typing.MatLike]] = {  # of an EXIF orientation
    2: lambda pixels: cv2.flip(pixels, 1),
    3: lambda pixels: cv2.rotate(pixels, cv2.ROTATE_180),
    4: lambda pixels: cv2.flip(pixels, 0),
    5: cv2.transpose,
    6: lambda pixels: cv2.rotate(pixels, cv2.ROTATE_90_CLOCKWISE),
    7: lambda pixels: cv2.rotate(cv2.transpose(pixels), cv2.ROTATE_180),
    8: lambda pixels: cv2.rotate(pixels, cv2.ROTATE_90_COUNTERCLOCKWISE),
}


class PhotoError(PipelineError):
    """A photo or video of the user that cannot be annotated."""


class Remark(PhotoError):
    """A remark about a video that was annotated; it is passed on like an error."""


def raise_error(error: PhotoError) -> NoReturn:
    """Raise an error where pixels are expected."""
    raise error


@dataclass(frozen=True, eq=False)
class DecodedImage:
    """Upright RGB pixels, (height, width, 3), and remarks about the file for the user."""

    pixels: Pixels
    notes: tuple[str, ...] = ()


def read_image(path: Path) -> Pixels:
    """Decode a photo like `decode_image`, without the notes."""
    return decode_image(path).pixels


def decode_image(path: Path) -> DecodedImage:
    """Decode a photo and apply its EXIF orientation.

    Grayscale is converted to RGB, transparent pixels are blended with white, and 16 bits are
    reduced to 8. Photos that use only 10, 12 or 14 of their 16 bits are stretched, with a note.

    Raises:
        PhotoError: If the file is missing, damaged, too large or not a photo.
    """
    try:
        type_, is_empty = media_type(path), path.stat().st_size == 0
    except FileNotFoundError as error:
        raise PhotoError(f"{path}: no such file") from error
    except IsADirectoryError as error:
        raise PhotoError(f"{path}: {_folder_problem(path)}") from error
    except (OSError, ValueError) as error:
        raise PhotoError(f"{path}: {describe(error)}") from error
    formats = _FORMATS
    if type_ is MediaType.HEIF:
        _register_heif(path)
        formats = ["HEIF"]
    # Damaged files raise nearly every kind of exception in one of Pillow's plug-ins.
    try:
        # By name, Pillow would map a TIFF file into memory, and scramble one with an orientation.
        with path.open("rb") as file, Image.open(file, formats=formats) as photo:
            _check_size(path, photo)
            image, orientation = _decode(path, photo)
    except PhotoError:
        raise
    except Image.DecompressionBombError as error:
        largest = 2 * (Image.MAX_IMAGE_PIXELS or 0)
        raise PhotoError(f"{path}: more than {largest:,} px; save a smaller copy") from error
    except Exception as error:
        is_unknown = type_ is MediaType.UNKNOWN and isinstance(error, UnidentifiedImageError)
        if is_unknown and not is_empty:
            raise PhotoError(f"{path}: not a photo in a known format") from error
        problem = "an empty file" if is_empty else describe(error)
        raise PhotoError(f"{path}: not a complete photo ({problem})") from error
    if orientation in _UPRIGHT:
        pixels = _UPRIGHT[orientation](image.pixels).astype(np.uint8, copy=False)
        return DecodedImage(pixels, image.notes)
    return image


def _folder_problem(folder: Path) -> str:
    try:
        next(folder.iterdir(), None)
    except OSError as error:
        return describe(error)
    return "no photo in this folder"


def describe(error: Exception) -> str:
    """Reason of another library's error."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return "unknown format" if "cannot identify" in str(error) else first_line(error)


def _check_size(path: Path, photo: Image.Image) -> None:
    """Reject a photo, of which only the header is read, that would take too much memory."""
    n_bytes = _BYTES_PER_PIXEL.get(str(photo.format), _BYTES_OF_OTHERS)
    n_bytes += _PROGRESSIVE_BYTES if "progressive" in photo.info else 0
    max_pixels = _MAX_BYTES // n_bytes
    if photo.width * photo.height > max_pixels:
        raise PhotoError(
            f"{path}: {photo.width:,} x {photo.height:,} px; a {photo.format} file may have at "
            f"most {max_pixels:,} px; save a smaller copy"
        )


def _decode(path: Path, photo: Image.Image) -> tuple[DecodedImage, int]:
    """Pixels in the order of the file, and the EXIF orientation that remains to be applied."""
    notes: tuple[str, ...] = ()
    if _has_several_pictures(path, photo):
        notes = ("only the first of several pictures is read",)
    if photo.mode != "F" and not photo.mode.startswith("I") and _has_16_bits(path, photo):
        deep = _read_deep_colour(path, photo)
        if deep is not None:
            largest = float(deep[..., :3].max(initial=0))
            image = _reduce_bits(photo, lambda rows: deep[rows], largest)
            is_upright = photo.format == "TIFF"  # OpenCV applies the orientation of such a file
            orientation = 1 if is_upright else _orientation(photo)
            return DecodedImage(image.pixels, notes + image.notes), orientation
        notes += ("only the upper 8 of 16 bits are read",)
    photo.load()  # applies the orientation of a TIFF file, and removes it
    image = _to_rgb(photo)
    return DecodedImage(image.pixels, notes + image.notes), _orientation(photo)


def _has_several_pictures(path: Path, photo: Image.Image) -> bool:
    """Whether a file is an animation or a Motion-JPEG stream.

    A JPEG file with an index of pictures (MPF) contains previews, depths or the other eye's view.
    """
    if photo.format == "JPEG":
        return "mpoffset" not in photo.info and is_jpeg_stream(path)
    return photo.format != "MPO" and getattr(photo, "is_animated", False)


def _to_rgb(photo: Image.Image) -> DecodedImage:
    def strip(rows: slice) -> Image.Image:
        return photo.crop((0, rows.start, photo.width, rows.stop))

    if photo.mode.startswith("I") or photo.mode == "F":
        largest = max(
            float(np.nan_to_num(np.asarray(strip(rows))).max()) for rows in _strips(photo)
        )
        image = _reduce_bits(photo, lambda rows: np.asarray(strip(rows))[..., None], largest)
        if _is_white_zero(photo):
            np.subtract(255, image.pixels, out=image.pixels)
        return image
    if photo.mode == "RGB":
        return DecodedImage(_convert(photo, lambda rows: np.asarray(strip(rows))))
    return DecodedImage(_convert(photo, lambda rows: np.asarray(_flatten(strip(rows)))))


def _is_white_zero(photo: Image.Image) -> bool:
    """Whether 0 is white in a TIFF file, which Pillow considers for 8 bits only."""
    return getattr(photo, "tag_v2", {}).get(ExifTags.Base.PhotometricInterpretation) == 0


def _flatten(photo: Image.Image) -> Image.Image:
    """The photo in RGB, on white if it is transparent."""
    if photo.has_transparency_data:
        white = Image.new("RGBA", photo.size, "white")
        photo = Image.alpha_composite(white, photo.convert("RGBA"))
    return photo.convert("RGB")


def _convert(photo: Image.Image, read: Callable[[slice], NDArray[np.uint8]]) -> Pixels:
    """Pixels of a photo, (height, width, 3), from a function that returns some of its rows."""
    pixels = np.empty((photo.height, photo.width, 3), np.uint8)
    for rows in _strips(photo):
        pixels[rows] = read(rows)
    return pixels


def _strips(photo: Image.Image) -> list[slice]:
    n_rows = max(1, _STRIP_PIXELS // photo.width)
    return [slice(row, min(row + n_rows, photo.height)) for row in range(0, photo.height, n_rows)]


def _reduce_bits(
    photo: Image.Image, read: Callable[[slice], NDArray[Any]], largest: float
) -> DecodedImage:
    """Scale values to 0..255 relative to white, which is the largest value of a number of bits.

    Args:
        photo: The photo, for its size.
        read: Function that returns some rows of values, (n_rows, width, 1, 3 or 4).
        largest: Largest value of the photo; if it is at most 1, values are fractions of white.
    """
    bits = next((bits for bits in _COLOUR_BITS if largest < 2**bits), None)
    white = 1.0 if largest <= 1 and photo.mode == "F" else 2.0**bits - 1 if bits else largest

    def to_8_bits(rows: slice) -> NDArray[np.uint8]:
        values: Array = np.nan_to_num(read(rows).astype(np.float32))
        if values.shape[-1] == 4:
            opacity = values[..., 3:] / (2**16 - 1)
            values = values[..., :3] * opacity + white * (1 - opacity)
        return (values * (255 / white)).round().clip(0, 255).astype(np.uint8)

    is_stretched = photo.mode != "F" and bits != 16
    what = f"only {bits} of its 16 bits" if bits else f"values up to {largest:g}"
    notes = (f"contains {what}, which are stretched to the whole range",) if is_stretched else ()
    return DecodedImage(_convert(photo, to_8_bits), notes)


def _read_deep_colour(path: Path, photo: Image.Image) -> NDArray[Any] | None:
    """RGB or RGBA values with 16 bits, which Pillow would cut to 8; None if OpenCV cannot."""
    if photo.mode not in ("RGB", "RGBA"):  # OpenCV takes CMYK for RGBA
        return None
    size = photo.height, photo.width
    try:
        values = cv2.imdecode(np.memmap(path, np.uint8, "r"), cv2.IMREAD_UNCHANGED)
    except cv2.error:  # larger than its limit
        return None
    if values is None or values.dtype != np.uint16 or values.shape not in ((*size, 3), (*size, 4)):
        return None
    return values[..., [2, 1, 0, 3][: values.shape[2]]]


def _has_16_bits(path: Path, photo: Image.Image) -> bool:
    """Whether the channels of a photo have 16 bits, as far as Pillow or the header shows it."""
    if photo.format == "JPEG2000":
        with path.open("rb") as file:
            return _JPEG2000_16_BITS.search(file.read(_JPEG2000_HEADER)) is not None
    return any(_TILE_16_BITS.search(str(tile)) for tile in getattr(photo, "tile", ()))


def _orientation(photo: Image.Image) -> int:
    try:
        orientation = photo.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # the EXIF block is damaged, but the pixels are complete
        return 1
    return orientation if isinstance(orientation, int) else 1


def _register_heif(path: Path) -> None:
    try:
        from pillow_heif import register_heif_opener
    except ImportError as error:
        raise PhotoError(
            f"{path}: a HEIF file, for which Pillow needs a plug-in: run "
            "`pip install pillow-heif`, or save the photo as JPEG"
        ) from error
    register_heif_opener()

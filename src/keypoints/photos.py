"""Photos in the frame of their annotations: the stored pixels, whatever EXIF says of the camera."""

from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from tqdm import tqdm

from keypoints.faces import FormatError
from keypoints.parallel import map_on_cores


def read_photo(path: Path, *, colour: bool) -> NDArray[np.uint8]:
    """Decode a photo.

    Returns:
        (height, width, 3) in red, green, blue order, or (height, width) grey.

    Raises:
        FormatError: If the file is missing or no photo.
    """
    flag = cv2.IMREAD_COLOR_RGB if colour else cv2.IMREAD_GRAYSCALE
    photo = cv2.imread(str(path), flag | cv2.IMREAD_IGNORE_ORIENTATION)
    if photo is None:
        problem = "not a photo that can be decoded" if path.is_file() else "missing"
        raise FormatError(f"{path}: {problem}; fetch the data set again")
    return photo.astype(np.uint8, copy=False)


def photo_size(path: Path) -> tuple[int, int]:
    """Height and width in pixels, from the file's header.

    Raises:
        FormatError: If the file is missing or no photo.
    """
    try:
        with Image.open(path) as photo:
            return photo.height, photo.width
    except (OSError, UnidentifiedImageError) as error:
        raise FormatError(f"{path}: {_reason(error)}; fetch the data set again") from error


def check_photos(paths: Iterable[Path], n_photos: int | None = None) -> None:
    """Decode every photo to its end, on all cores, at an eighth of the size where JPEG offers it.

    Args:
        paths: Of the photos, taken one by one.
        n_photos: How many there are, for the progress bar; None: not known.

    Raises:
        FormatError: Naming the first photo that is missing, damaged or cut short.
    """
    checked = map_on_cores(_check, paths)
    for _ in tqdm(checked, "check", n_photos, unit="photo", disable=None):
        pass


def _check(path: Path) -> None:
    try:
        with Image.open(path) as photo:
            photo.draft("L", (photo.width // 8, photo.height // 8))
            photo.load()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise FormatError(f"{path}: {_reason(error)}; fetch the data set again") from error


def _reason(error: Exception) -> str:
    return "missing" if isinstance(error, FileNotFoundError) else f"not a whole photo ({error})"

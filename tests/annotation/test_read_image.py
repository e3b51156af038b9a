"""Decoding of the user's photos: bit depths, transparency, damaged EXIF blocks."""

import struct
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import ExifTags, Image

from keypoints.annotation.images import read_image


@pytest.mark.parametrize(
    "values",
    [
        np.array([[0, 1.0]], np.float32),  # fractions of white
        np.array([[0, 255.0]], np.float32),
        np.array([[0, 65535]], np.uint16),
    ],
)
def test_white_is_white_at_every_bit_depth(values: NDArray[np.generic], tmp_path: Path) -> None:
    Image.fromarray(values).save(tmp_path / "deep.tif")
    assert read_image(tmp_path / "deep.tif")[..., 0].tolist() == [[0, 255]]


def test_transparent_pixels_are_white(tmp_path: Path) -> None:
    Image.new("RGBA", (4, 3), (0, 0, 0, 0)).save(tmp_path / "clear.png")
    assert (read_image(tmp_path / "clear.png") == 255).all()


def test_a_damaged_exif_block_does_not_prevent_reading(tmp_path: Path) -> None:
    width = struct.pack("<HHIf", ExifTags.Base.ImageWidth, 11, 1, 4.0)  # must be an integer
    turned = struct.pack("<HHIHH", ExifTags.Base.Orientation, 3, 1, 6, 0)
    exif = b"Exif\0\0II*\0" + struct.pack("<IH", 8, 2) + width + turned + struct.pack("<I", 0)
    path = tmp_path / "odd.jpg"
    Image.new("RGB", (6, 4)).save(path, exif=exif)
    assert read_image(path).shape == (6, 4, 3)

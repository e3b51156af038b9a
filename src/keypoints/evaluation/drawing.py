"""Landmarks drawn on images, and images arranged in a grid.

Images are (height, width, channels); a colour has a value per channel. Lengths are in pixels.
"""

from collections.abc import Iterable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from keypoints.core.geometry import apply_map, resize_map
from keypoints.core.landmarks import Contour, Scheme
from keypoints.core.types import Array

Colour = tuple[int, ...]

# RGB; everywhere, the page included, annotated landmarks are yellow and predicted ones teal.
TARGET_COLOUR, PREDICTED_COLOUR = (255, 225, 74), (44, 243, 208)
DARK, LIGHT = (20, 24, 32), (255, 255, 255)
_SHIFT = 4  # binary digits after the point in OpenCV's fixed-point coordinates
_TITLE_PX, _CAPTION_PX, _TILE_WIDTH = 28, 18, 240  # heights of lines of text; width of a tile


def select_contours(scheme: Scheme, points: Sequence[int]) -> list[Contour]:
    """The contours of faces with some of the scheme's points, as positions in `points`."""
    return [
        Contour(tuple(points.index(point) for point in line.points if point in points), line.closed)
        for line in scheme.contours
    ]


def draw_landmarks(
    image: NDArray[np.uint8],
    landmarks: Array,
    *,
    colour: Colour,
    radius: float,
    rim: Colour | None = None,
    contours: Iterable[Contour] = (),
    line_colour: Colour = (),
    line_width: int = 1,
    line_rim: Colour | None = None,
) -> NDArray[np.uint8]:
    """Draw anti-aliased contour lines, and dots on top of them, into an image; return it.

    Landmarks are (n_points, 2), NaN for points to leave out, and contours are positions in them
    (see `select_contours`). The rim of a dot is half a line wide, the rim of a line 1 px.
    """
    known = np.asarray(np.isfinite(landmarks).all(axis=-1))
    for contour in contours:
        line = landmarks[[point for point in contour.points if known[point]]]
        if len(line) > 1:
            if line_rim is not None:
                draw_line(image, line, line_rim, line_width + 2, closed=contour.closed)
            draw_line(image, line, line_colour, line_width, closed=contour.closed)
    for landmark in landmarks[known]:
        if rim is not None:
            _draw_dot(image, landmark, rim, radius + line_width / 2)
        _draw_dot(image, landmark, colour, radius)
    return image


def draw_line(
    image: NDArray[np.uint8], points: Array, colour: Colour, width: int = 1, *, closed: bool = False
) -> None:
    """Draw an anti-aliased line through points, (n, 2) in px, into an image."""
    cv2.polylines(image, [_fixed_point(points)], closed, colour, width, cv2.LINE_AA, _SHIFT)


def comparison_tile(
    crop: NDArray[np.uint8], target_crop: Array, predicted_crop: Array
) -> NDArray[np.uint8]:
    """Image of a face with annotated landmarks in yellow and smaller, predicted ones in teal.

    The crop has 1 or 3 channels, the tile 3; the landmarks are in pixels of the crop.
    """
    height, width = crop.shape[:2]
    size = round(height * _TILE_WIDTH / width), _TILE_WIDTH
    method = cv2.INTER_AREA if width > _TILE_WIDTH else cv2.INTER_LINEAR
    resized = cv2.resize(crop, size[::-1], interpolation=method).reshape(*size, -1)
    tile = np.broadcast_to(resized, (*size, 3)).astype(np.uint8)  # a copy to draw into
    crop_to_tile = resize_map((0, 0, width, height), size)
    radius = 4.0 if len(target_crop) == 1 else 2.2
    target, predicted = (apply_map(crop_to_tile, p) for p in (target_crop, predicted_crop))
    draw_landmarks(tile, target, colour=TARGET_COLOUR, radius=radius, rim=DARK)
    return draw_landmarks(tile, predicted, colour=PREDICTED_COLOUR, radius=0.6 * radius, rim=DARK)


def tile_grid(
    tiles: Sequence[NDArray[np.uint8]],
    captions: Sequence[str] | None = None,
    *,
    columns: int,
    title: str | None = None,
    gap: int = 8,
    background: int = 255,
) -> NDArray[np.uint8]:
    """Arrange images of one size in a grid, row by row, with gaps between and around them.

    A title above the grid, and captions above the images, need images with three channels.
    """
    height, width, channels = tiles[0].shape
    columns = min(columns, len(tiles))
    top, caption_px = _TITLE_PX if title else 0, _CAPTION_PX if captions else 0
    step_y, step_x = caption_px + height + gap, width + gap
    shape = top + -(-len(tiles) // columns) * step_y + gap, columns * step_x + gap, channels
    grid = np.full(shape, background, np.uint8)
    if title:
        _write(grid[:_TITLE_PX], title, size=16)
    for number, tile in enumerate(tiles):
        y, x = top + gap + number // columns * step_y, gap + number % columns * step_x
        grid[y + caption_px : y + caption_px + height, x : x + width] = tile
        if captions:
            _write(grid[y : y + caption_px, x : x + width], captions[number], size=12)
    return grid


def _write(area: NDArray[np.uint8], text: str, *, size: int) -> None:
    image = Image.fromarray(np.ascontiguousarray(area))
    middle = area.shape[1] / 2, area.shape[0] / 2
    font = ImageFont.load_default(size)
    ImageDraw.Draw(image).text(middle, text, fill=(0, 0, 0), font=font, anchor="mm")
    area[:] = np.asarray(image)


def _draw_dot(image: NDArray[np.uint8], centre: Array, colour: Colour, radius: float) -> None:
    x, y = (int(value) for value in _fixed_point(centre))
    cv2.circle(image, (x, y), round(radius * 2**_SHIFT), colour, -1, cv2.LINE_AA, _SHIFT)


def _fixed_point(points: Array) -> NDArray[np.int32]:
    return np.round(points * 2**_SHIFT).astype(np.int32)

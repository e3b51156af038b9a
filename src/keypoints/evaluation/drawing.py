"""Landmarks drawn on images, and images arranged in a grid.

Images are uint8 arrays, (height, width, channels). A colour has a value per channel, in the order
of the image's channels.
"""

from collections.abc import Iterable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from keypoints.core.geometry import apply_map, resize_map
from keypoints.core.landmarks import Contour, Scheme

Array = NDArray[np.floating]
Colour = tuple[int, ...]

TARGET_COLOUR, PREDICTED_COLOUR = (44, 160, 44), (214, 39, 40)  # RGB

_SHIFT = 4  # binary digits after the point in OpenCV's fixed-point coordinates
_TITLE_PX, _CAPTION_PX = 28, 18  # height of a line of text
_TILE_WIDTH = 240  # px of a face in `comparison_tile`


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
    """Draw anti-aliased dots, and lines along contours below them, into an image.

    Args:
        image: The image, which is changed.
        landmarks: Landmarks in pixels of the image, (n_points, 2). NaN: the point is not drawn.
        colour: Colour of the dots.
        radius: Radius of the dots in px; fractions count.
        rim: Colour of a rim around each dot, half a line wide; None: no rim.
        contours: Lines to draw, as positions in `landmarks` (see `select_contours`).
        line_colour: Colour of the lines.
        line_width: Width of the lines in px.
        line_rim: Colour of a rim on both sides of each line, 1 px wide; None: no rim.

    Returns:
        The image.
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
    """A face with annotated landmarks in green and predicted ones, which are smaller, in red.

    Args:
        crop: The face, with 1 or 3 channels.
        target_crop: Annotated landmarks in pixels of the crop, (n_points, 2).
        predicted_crop: Predicted landmarks in pixels of the crop, (n_points, 2).

    Returns:
        An image of three channels, 240 px wide.
    """
    height, width = crop.shape[:2]
    size = round(height * _TILE_WIDTH / width), _TILE_WIDTH
    method = cv2.INTER_AREA if width > _TILE_WIDTH else cv2.INTER_LINEAR
    resized = cv2.resize(crop, size[::-1], interpolation=method).reshape(*size, -1)
    tile = np.broadcast_to(resized, (*size, 3)).astype(np.uint8)  # a copy to draw into
    crop_to_tile = resize_map((0, 0, width, height), size)
    radius = 4.0 if len(target_crop) == 1 else 2.2
    target, predicted = (apply_map(crop_to_tile, p) for p in (target_crop, predicted_crop))
    draw_landmarks(tile, target, colour=TARGET_COLOUR, radius=radius)
    return draw_landmarks(tile, predicted, colour=PREDICTED_COLOUR, radius=0.6 * radius)


def tile_grid(
    tiles: Sequence[NDArray[np.uint8]],
    captions: Sequence[str] | None = None,
    *,
    columns: int,
    title: str | None = None,
    gap: int = 8,
    background: int = 255,
) -> NDArray[np.uint8]:
    """Arrange images of one size in a grid, row by row.

    Args:
        tiles: The images.
        captions: A line of text above each image; needs images with three channels.
        columns: Images in a row.
        title: A line of text above the grid; needs images with three channels.
        gap: Space between images and around the grid in px.
        background: Value of all channels between the images.
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
    """Write a centred line of text into a part of an image."""
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

"""Pictures of the page: faces with their points drawn over them, and pixels as data URIs."""

import base64
from collections.abc import Sequence

import cv2
import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

Array = NDArray[np.floating]

_QUALITY = 82  # of JPEG
_SHORTEST = 96  # px; a smaller side is enlarged, so that JPEG's blocks do not show


def data_uri(image: NDArray[np.uint8], kind: str = ".jpg") -> str:
    """An image, (height, width, channels) in red, green, blue order or grey, as a data URI."""
    flat = image[..., ::-1] if image.shape[-1] == 3 else image
    options = [cv2.IMWRITE_JPEG_QUALITY, _QUALITY] if kind == ".jpg" else []
    done, encoded = cv2.imencode(kind, np.ascontiguousarray(flat), options)
    assert done, "an array of bytes can always be encoded"
    media = "jpeg" if kind == ".jpg" else "png"
    return f"data:image/{media};base64,{base64.b64encode(encoded.tobytes()).decode()}"


def face_picture(
    image: NDArray[np.uint8],
    *,
    alt: str,
    target: Array | None = None,
    predicted: Array | None = None,
) -> Markup:
    """A face with annotated points as green dots and predicted ones as red crosses, as SVG.

    Shape and lightness tell the two apart where colours do not; each has a rim in the opposite
    lightness, so that it shows on any skin.

    Args:
        image: (height, width, channels).
        alt: What the picture shows.
        target: Annotated points in pixels of the image, (n_points, 2).
        predicted: The same, predicted.
    """
    height, width = image.shape[:2]
    count = len(target if target is not None else predicted if predicted is not None else [])
    size = width * (0.03 if count == 1 else 0.02 if count < 20 else 0.0135)
    layers = []
    if target is not None and predicted is not None and count == 1:
        layers.append(_path("miss", _line(target[0], predicted[0]), size * 0.3))
    if predicted is not None:
        layers += _rimmed("predicted", _crosses(predicted, size), size * 0.45, rim=2.0)
    if target is not None:
        layers += _rimmed("annotated", _dots(target), size, rim=1.4)
    return Markup(
        '<svg class="face" role="img" aria-label="{}" viewBox="0 0 {} {}" width="{}" height="{}">'
        '<image href="{}" width="{}" height="{}" preserveAspectRatio="none"/>{}</svg>'
    ).format(
        alt, width, height, width, height, data_uri(_legible(image)), width, height,
        Markup("").join(layers),
    )  # fmt: skip


def filters_picture(filters: Array, columns: int) -> tuple[NDArray[np.uint8], int]:
    """All filters in one picture, each scaled to its own range, with a gap between them.

    Args:
        filters: (n_filters, channels, height, width); one channel is grey, three are colours,
            more are shown as their mean.
        columns: Filters side by side.

    Returns:
        (height, width, channels) and how many rows of filters it has.
    """
    count, channels, height, width = filters.shape
    if channels not in (1, 3):
        filters = filters.mean(axis=1, keepdims=True)
    low = filters.min(axis=(1, 2, 3), keepdims=True)
    high = filters.max(axis=(1, 2, 3), keepdims=True)
    cells = ((filters - low) / np.maximum(high - low, 1e-12) * 255).round().astype(np.uint8)
    rows = -(-count // columns)
    scale = 8
    tall, wide = (height + 1) * scale, (width + 1) * scale
    sheet = np.full((rows * tall, columns * wide, cells.shape[1] + 1), 0, np.uint8)
    for number, cell in enumerate(cells):
        top, left = number // columns * tall + scale // 2, number % columns * wide + scale // 2
        pixels = cell.transpose(1, 2, 0).repeat(scale, 0).repeat(scale, 1)
        area = sheet[top : top + height * scale, left : left + width * scale]
        area[..., :-1], area[..., -1] = pixels, 255
    return _as_colours(sheet), rows


def _as_colours(sheet: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Grey or colour with alpha as (height, width, 4), in the order that PNG's writer takes."""
    colours, alpha = sheet[..., :-1], sheet[..., -1:]
    if colours.shape[-1] == 1:
        colours = colours.repeat(3, axis=-1)
    return np.concatenate([colours[..., ::-1], alpha], axis=-1)


def _legible(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    factor = -(-_SHORTEST // min(image.shape[:2]))
    if factor == 1:
        return image
    size = (image.shape[1] * factor, image.shape[0] * factor)
    larger = cv2.resize(image, size, interpolation=cv2.INTER_NEAREST)
    return larger.reshape(*size[::-1], -1).astype(np.uint8, copy=False)


def _rimmed(name: str, path: str, width: float, *, rim: float) -> list[Markup]:
    return [_path(f"{name} rim", path, width * rim), _path(name, path, width)]


def _path(name: str, path: str, width: float) -> Markup:
    return Markup('<path class="{}" stroke-width="{:.2f}" d="{}"/>').format(name, width, path)


def _dots(points: Array) -> str:
    return "".join(f"M{x:.1f} {y:.1f}h0" for x, y in _centres(points))


def _crosses(points: Array, reach: float) -> str:
    side = f"{2 * reach:.1f}"
    return "".join(
        f"M{x - reach:.1f} {y - reach:.1f}l{side} {side}m0 -{side}l-{side} {side}"
        for x, y in _centres(points)
    )


def _line(start: Array, end: Array) -> str:
    (x0, y0), (x1, y1) = _centres(np.array([start, end]))
    return f"M{x0:.1f} {y0:.1f}L{x1:.1f} {y1:.1f}"


def _centres(points: Array) -> Sequence[Array]:
    """SVG counts from a pixel's corner, the library from its centre; unknown points drop out."""
    return list(points[np.isfinite(points).all(axis=1)] + 0.5)

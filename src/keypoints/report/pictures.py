"""Pictures of the page: faces with landmarks as SVG, and pixels as data URIs."""

import base64

import cv2
import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from keypoints.core.types import Array
from keypoints.evaluation.drawing import tile_grid

_JPEG_QUALITY = 82
_MIN_SIDE = 96  # px; smaller images are enlarged, so that JPEG's blocks do not show
_FILTER_SCALE = 8  # px per weight


def data_uri(image: NDArray[np.uint8], suffix: str = ".jpg") -> str:
    """Encode grayscale, RGB or RGBA pixels, (height, width, channels), as a data URI.

    Args:
        image: The pixels.
        suffix: File type, .jpg or .png.
    """
    n_channels = image.shape[-1]
    in_file_order = image[..., [2, 1, 0, 3][:n_channels]] if n_channels > 1 else image
    options = [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY] if suffix == ".jpg" else []
    done, encoded = cv2.imencode(suffix, np.ascontiguousarray(in_file_order), options)
    assert done, "an array of bytes can always be encoded"
    media_type = "jpeg" if suffix == ".jpg" else "png"
    return f"data:image/{media_type};base64,{base64.b64encode(encoded.tobytes()).decode()}"


def face_picture(
    image: NDArray[np.uint8],
    *,
    alt: str,
    target: Array | None = None,
    predicted: Array | None = None,
) -> Markup:
    """SVG of a face with annotated landmarks as green dots and predicted ones as red crosses.

    Shape and lightness distinguish the two without colour vision; a rim of the opposite lightness
    makes them visible on any skin.

    Args:
        image: Image of the face, (height, width, channels).
        alt: Alternative text.
        target: Annotated landmarks in pixels of the image, (n_points, 2).
        predicted: Predicted landmarks in pixels of the image, (n_points, 2).
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
        '<svg class="face" role="img" aria-label="{alt}" viewBox="0 0 {width} {height}" '
        'width="{width}" height="{height}"><image href="{uri}" width="{width}" height="{height}" '
        'preserveAspectRatio="none"/>{layers}</svg>'
    ).format(
        alt=alt,
        width=width,
        height=height,
        uri=data_uri(_enlarge_small(image)),
        layers=Markup("").join(layers),
    )


def filters_picture(filters: Array, columns: int) -> NDArray[np.uint8]:
    """All filters in one RGBA picture, each scaled to its own range, with transparent gaps.

    Args:
        filters: Weights, (n_filters, channels, height, width); three channels are shown as RGB,
            other numbers as their mean.
        columns: Number of filters in a row.
    """
    if filters.shape[1] != 3:
        filters = filters.mean(axis=1, keepdims=True)
    low = filters.min(axis=(1, 2, 3), keepdims=True)
    high = filters.max(axis=(1, 2, 3), keepdims=True)
    values = ((filters - low) / np.maximum(high - low, 1e-12) * 255).round().astype(np.uint8)
    pixels = values.transpose(0, 2, 3, 1).repeat(_FILTER_SCALE, 1).repeat(_FILTER_SCALE, 2)
    rgba = np.full((*pixels.shape[:3], 4), 255, np.uint8)
    rgba[..., :3] = pixels
    return tile_grid(list(rgba), columns=columns, gap=_FILTER_SCALE, background=0)


def _enlarge_small(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    factor = -(-_MIN_SIDE // min(image.shape[:2]))
    return image.repeat(factor, 0).repeat(factor, 1)


def _rimmed(name: str, path: str, width: float, *, rim: float) -> list[Markup]:
    return [_path(f"{name} rim", path, width * rim), _path(name, path, width)]


def _path(name: str, path: str, width: float) -> Markup:
    return Markup('<path class="{}" stroke-width="{:.2f}" d="{}"/>').format(name, width, path)


def _dots(points: Array) -> str:
    return "".join(f"M{x:.1f} {y:.1f}h0" for x, y in _to_svg(points))


def _crosses(points: Array, radius: float) -> str:
    side = f"{2 * radius:.1f}"
    stroke = f"l{side} {side}m0 -{side}l-{side} {side}"
    return "".join(f"M{x:.1f} {y:.1f}{stroke}" for x, y in _to_svg(points) - radius)


def _line(start: Array, end: Array) -> str:
    (x0, y0), (x1, y1) = _to_svg(np.array([start, end]))
    return f"M{x0:.1f} {y0:.1f}L{x1:.1f} {y1:.1f}"


def _to_svg(points: Array) -> Array:
    """Known points in SVG coordinates, whose origin is the corner of a pixel, not its centre."""
    return points[np.isfinite(points).all(axis=1)] + 0.5

"""Pictures of the page: faces with landmarks as SVG, and pixels as data URIs."""

import base64
from collections.abc import Sequence

import cv2
import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from keypoints.core.landmarks import Contour
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
    contours: Sequence[Contour] = (),
    zoom: bool = False,
) -> Markup:
    """SVG of a face with annotated and predicted landmarks.

    A single landmark is a dot (annotated) or a cross (predicted). Of several landmarks, annotated
    ones are thin lines along the contours with small dots, predicted ones larger dots; without
    annotations, the lines are those of the predictions.

    Args:
        image: Image of the face, (height, width, channels).
        alt: Alternative text.
        target: Annotated landmarks in pixels of the image, (n_points, 2); NaN if unknown.
        predicted: Predicted landmarks in pixels of the image, (n_points, 2).
        contours: Contours as positions in the landmarks.
        zoom: Show only a square around the landmarks.
    """
    height, width = image.shape[:2]
    x, y, w, h = _square_around(target, predicted, image) if zoom else (0, 0, width, height)
    return Markup(
        '<svg class="face" role="img" aria-label="{alt}" viewBox="{x} {y} {w} {h}" '
        'width="{w}" height="{h}" preserveAspectRatio="xMidYMid slice">'
        '<image href="{uri}" width="{width}" height="{height}" preserveAspectRatio="none"/>'
        "{layers}</svg>"
    ).format(
        alt=alt,
        x=x,
        y=y,
        w=w,
        h=h,
        width=width,
        height=height,
        uri=data_uri(_enlarge_small(image)),
        layers=Markup("").join(_layers(target, predicted, contours, w)),
    )


def _layers(
    target: Array | None, predicted: Array | None, contours: Sequence[Contour], width: float
) -> list[Markup]:
    """Paths over an image of some width, from back to front."""
    points = {"annotated": target, "predicted": predicted}
    shown = {name: values for name, values in points.items() if values is not None}
    count = max((len(values) for values in shown.values()), default=0)
    if count == 1:
        return _single_point_layers(target, predicted, width * 0.03)
    size = width * (0.022 if count < 20 else 0.016)
    layers = []
    for name, values in shown.items():
        lines = "".join(_contour_line(values, contour) for contour in contours)
        if name == "annotated" or target is None:
            layers += [_path(f"{name} line", lines, size * 0.45)] if lines else []
        is_small = name == "annotated" and predicted is not None
        if not (is_small and lines):
            layers += _rimmed(name, _dots(values), size, rim=1.5)
    return layers


def _single_point_layers(
    target: Array | None, predicted: Array | None, size: float
) -> list[Markup]:
    layers = []
    if target is not None and predicted is not None:
        layers.append(_path("miss", _line(target[0], predicted[0]), size * 0.3))
    if predicted is not None:
        layers += _rimmed("predicted", _crosses(predicted, size), size * 0.45, rim=2.0)
    if target is not None:
        layers += _rimmed("annotated", _dots(target), size, rim=1.4)
    return layers


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


def _square_around(
    target: Array | None, predicted: Array | None, image: NDArray[np.uint8]
) -> tuple[int, int, int, int]:
    """Left, top, width and height, px, of a square in the image around all known landmarks."""
    height, width = image.shape[:2]
    points = np.concatenate([values for values in (target, predicted) if values is not None])
    low, high = np.nanmin(points, axis=0), np.nanmax(points, axis=0)
    side = round(min(1.5 * float((high - low).max()), height, width))
    # The forehead has no landmarks: the centre of the square is above that of the landmarks.
    left, top = (low + high) / 2 - (side / 2, 0.58 * side)
    limits = width - side, height - side
    x, y = (
        int(min(max(corner, 0), limit)) for corner, limit in zip((left, top), limits, strict=True)
    )
    return x, y, side, side


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


def _contour_line(points: Array, contour: Contour) -> str:
    """Path along the known points of a contour; empty if fewer than two are known."""
    line = _to_svg(points[list(contour.points)])
    if len(line) < 2:
        return ""
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in line) + ("Z" if contour.closed else "")


def _line(start: Array, end: Array) -> str:
    (x0, y0), (x1, y1) = _to_svg(np.array([start, end]))
    return f"M{x0:.1f} {y0:.1f}L{x1:.1f} {y1:.1f}"


def _to_svg(points: Array) -> Array:
    """Known points in SVG coordinates, whose origin is the corner of a pixel, not its centre."""
    return points[np.isfinite(points).all(axis=1)] + 0.5
